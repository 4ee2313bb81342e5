"""An attack spread over accounts and addresses is seen in the sum (AUT-04)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from prometheus_client import REGISTRY

from portal.db.transaction import as_web
from portal.web import limits
from tests.harness.logs import listen
from tests.harness.people import later, midway

if TYPE_CHECKING:
    from portal.db.transaction import Pool


@pytest.fixture(autouse=True)
def still() -> Iterator[None]:
    """No window of a quarter of an hour ends in the middle of a test."""
    with midway():
        yield


def alarms() -> float:
    return REGISTRY.get_sample_value("portal_sign_in_alarms_total") or 0.0


def fail(pool: Pool, times: int) -> None:
    with as_web(pool) as conn:
        for _ in range(times):
            limits.record_failure_of_anybody(conn)


def test_far_more_failures_than_usual_raise_the_alarm_once_a_hundred(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, before = listen(monkeypatch, limits), alarms()
    fail(pool, 99)
    assert alarms() == before
    assert heard == []
    fail(pool, 1)
    assert alarms() == before + 1
    assert [line["event"] for line in heard] == ["sign_in_failures_unusual"]
    fail(pool, 99)
    assert alarms() == before + 1


def test_what_is_usual_here_raises_none(pool: Pool) -> None:
    """96 windows of a day: 960 failures yesterday make ten a window usual, and 20 times that unusual."""
    with later(hours=-1):
        fail(pool, 960)
    before = alarms()
    fail(pool, 199)
    assert alarms() == before
    fail(pool, 1)
    assert alarms() == before + 1
