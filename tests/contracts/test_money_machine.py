"""Whatever happens to a company, its money adds up: 500 random lives in every run, deeper ones at night."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from sandbox.errors import ZohoError
from tests.contracts import money_machine
from tests.contracts.company import Company
from tests.contracts.money_machine import Beginning

# the same 500 in every run, so that a red run can be repeated by anybody; nights look for new ones
EVERY_RUN = settings(
    max_examples=500, stateful_step_count=15, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
NIGHTLY = settings(max_examples=500, stateful_step_count=50)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beginning]:
    with money_machine.time_standing_still():
        company = Company(tmp_path_factory.mktemp("machine"), deliver="manual")
        yield Beginning(company)
        company.world.store.close()


@pytest.mark.timeout(1200)  # some 20 s of one core, and whatever else the machine does meanwhile
def test_money_adds_up_after_each_of_many_random_acts(beginning: Beginning) -> None:
    money_machine.run(beginning, EVERY_RUN)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_money_adds_up_after_each_act_of_long_random_lives(beginning: Beginning) -> None:
    money_machine.run(beginning, NIGHTLY)


def test_the_machine_would_notice(company: Company) -> None:
    """The checker finds a balance that was tampered with, so it can fail."""
    sub = company.subscribe()
    with company.world.store.transaction() as tx:
        doc = tx.get("invoices", sub["child_invoice_id"])
        assert doc is not None
        tx.put("invoices", doc["invoice_id"], doc | {"balance": "1"})
    with pytest.raises(AssertionError):
        company.check_money()


def test_a_refused_card_is_a_refusal(company: Company) -> None:
    with pytest.raises(ZohoError):
        company.card(company.customer(), "4000000000000069")
