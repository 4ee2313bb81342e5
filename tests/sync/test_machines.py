"""Acts, inbox and token in any order of events: a share in every run, many more at night (CONV-09)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.sync.machines import Acts, Inbox, Renewals, Timed

if TYPE_CHECKING:
    from portal.services import Services

# The same in every run, so that a red run can be repeated by anybody; nights look for new ones.
EVERY_RUN = settings(
    max_examples=60,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
NIGHTLY = settings(
    max_examples=2000, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
Machine = Callable[[], Timed]


@pytest.fixture(params=["acts", "inbox", "renewals"])
def machine(request: pytest.FixtureRequest, services: Services, conn: Any) -> Machine:
    made: dict[str, Machine] = {
        "acts": lambda: Acts(services.pool, conn),
        "inbox": lambda: Inbox(services.pool, conn),
        "renewals": lambda: Renewals(services.pool, conn, services.settings, services.keyring),
    }
    return made[request.param]


@pytest.mark.timeout(300)
def test_conv_09_it_holds_in_any_order_of_events(machine: Machine) -> None:
    run_state_machine_as_test(machine, settings=EVERY_RUN)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_conv_09_it_holds_in_many_more_orders(machine: Machine) -> None:
    run_state_machine_as_test(machine, settings=NIGHTLY)
