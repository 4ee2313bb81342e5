"""Budgets of the sandbox in small, in processor time of this process, so that a busy machine does not decide.

`tests/sandbox/test_full_size.py` has them in full, over HTTP and by the clock on the wall (`make nightly`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from time import process_time

import pytest

from tests.contracts.company import TOKEN, Company

SUBSCRIPTIONS = 1_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company with a thousand subscriptions and their year."""
    company = Company(tmp_path_factory.mktemp("large"))
    started = process_time()
    company.world.reset("demo", SUBSCRIPTIONS)
    assert process_time() - started < 3, "100,000 subscriptions would take far more than 120 s"
    token = company.client.post("/oauth/v2/token", data=TOKEN).get_json()["access_token"]
    company.headers = {"Authorization": f"Zoho-oauthtoken {token}"}
    yield company
    company.world.store.close()


@pytest.mark.parametrize("kind", ["subscriptions", "invoices", "payments", "customers"])
def test_a_page_of_200_takes_at_most_50_ms(large: Company, kind: str) -> None:
    large.get(f"/{kind}")
    started = process_time()
    for page in (1, 2, 3, 4):
        assert len(large.get(f"/{kind}", page=page)[kind]) == 200
    assert (process_time() - started) / 4 < 0.05


def test_a_core_answers_300_simple_calls_a_second(large: Company) -> None:
    large.get("/plans/team-m")
    started = process_time()
    for _ in range(100):
        large.get("/plans/team-m")
    assert (process_time() - started) / 100 < 1 / 300


def test_a_month_over_a_thousand_subscriptions_takes_a_twelfth_of_60_s(large: Company) -> None:
    started = process_time()
    large.world.advance_to(large.world.clock.now() + timedelta(days=31))
    assert (process_time() - started) * 12 < 60
