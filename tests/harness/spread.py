"""Which file a worker of pytest-xdist plays when: the long ones first, so that none begins when others end.

A worker takes whole files (`--dist loadfile`), because what the tests of a file share is built once a worker.
By itself xdist begins with the files of most tests; the longest here have few, would come last, and one core
would wait for the other. So `make test` gives files out in the order of collection, which is made here
(`--no-loadscope-reorder`): those of `SECONDS`, longest first, then the others as they were found.

A file that comes to more than some ten seconds is written down (`make test ARGS=--durations=0` tells them);
roughly right is enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TESTS = Path(__file__).resolve().parents[1]

SECONDS = {
    "resilience/test_kills.py": 110,
    "journeys/test_customer_acts.py": 80,
    "simulation/test_it_can_fail.py": 70,
    "purchase/test_killed_acts.py": 60,
    "simulation/test_seeds_01_to_10.py": 60,
    "simulation/test_seeds_11_to_20.py": 60,
    "simulation/test_seeds_21_to_30.py": 60,
    "simulation/test_seeds_31_to_40.py": 60,
    "simulation/test_seeds_41_to_50.py": 60,
    "journeys/test_every_page.py": 55,
    "simulation/test_findings.py": 30,
    "simulation/test_switches.py": 30,
    "journeys/test_staff_acts.py": 30,
    "journeys/test_identity.py": 30,
    "journeys/test_htmx.py": 30,
    "sync/test_worker.py": 30,
    "contracts/test_money_machine.py": 29,
    "journeys/test_buying.py": 28,
    "journeys/test_paying_an_invoice.py": 26,
    "sandbox/outside/test_console.py": 25,
    "purchase/test_every_act.py": 24,
    "house/test_make_run.py": 23,
    "contracts/test_operations.py": 22,
    "purchase/test_buying.py": 22,
    "journeys/test_tour.py": 20,
    "simulation/test_replay.py": 20,
    "purchase/test_acts.py": 18,
    "web/test_account.py": 17,
    "web/test_sign_in.py": 16,
    "web/test_guard.py": 15,
    "journeys/test_the_watchers.py": 15,
    "web/test_mailed_links.py": 14,
    "web/test_equal_times.py": 13,
    "resilience/test_acknowledged.py": 13,
    "db/test_debian_postgres.py": 12,
    "sandbox/outside/test_generated_client.py": 12,
    "sandbox/test_pages_in_browser.py": 12,
    "sandbox/outside/test_deliveries.py": 12,
    "zoho/test_budget.py": 11,
    "zoho/test_client.py": 10,
    "sync/test_queue.py": 10,
}


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests in the order in which their files are to be given out; each file keeps its own order."""
    known = {TESTS / name: seconds for name, seconds in SECONDS.items()}
    items.sort(key=lambda item: -known.get(item.path, 0))
