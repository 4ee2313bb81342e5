"""The call budget in the database: exact between processes, healed by itself (API-01 to API-05, API-08)."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from portal import clock
from portal.config import Settings
from portal.db import transaction
from portal.db.transaction import Pool
from portal.sync import housekeeping
from portal.zoho import errors, lanes, spending
from portal.zoho.budget import Budget, Made
from portal.zoho.client import ZohoClient
from portal.zoho.lanes import LANES, Terms
from tests.harness.people import midway
from tests.zoho import crowd
from tests.zoho.hostile import World

Build = Callable[..., Settings]
NOWHERE = "http://127.0.0.1:9"
Row = psycopg.Connection[dict[str, Any]]


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as a process can be given them."""
    values = settings.model_dump(exclude_defaults=True)
    secret = {name: getattr(settings, name) for name in values}
    return {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for name, value in secret.items()
    }


def test_eight_processes_never_exceed_the_limit_in_any_window_api_01(settings_at: Build) -> None:
    settings = settings_at(NOWHERE, zoho_calls_per_minute=150, zoho_concurrency=1000)
    lanes = [LANES[index % 3] for index in range(8)]
    seen = crowd.run("grab", [(plain(settings), lane, 2.0) for lane in lanes])
    times = sorted(at for each in seen for _, at in each)
    terms = Terms(150, 10_000, 1000)
    assert len(times) >= terms.burst
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            allowed = terms.burst + terms.per_second * (times[last] - start) + 1e-3
            assert last - first + 1 <= allowed


def test_processes_never_have_more_calls_under_way_than_allowed_api_01(settings_at: Build) -> None:
    settings = settings_at(NOWHERE, zoho_concurrency=5, zoho_calls_per_minute=6000)
    lanes = ["interactive"] * 4 + ["webhook"] * 2 + ["reconcile"] * 2
    seen = [one for each in crowd.run("hold", [(plain(settings), lane, 4) for lane in lanes]) for one in each]
    assert len(seen) == 32
    for _, start, _ in seen:
        under_way = [lane for lane, begun, ended in seen if begun <= start < ended]
        assert len(under_way) <= 4
        assert under_way.count("reconcile") <= 2


def test_a_killed_process_leaks_no_slot(settings_at: Build, pool: Pool) -> None:
    budget = Budget(settings_at(NOWHERE, zoho_concurrency=1), pool)
    budget.enter("interactive", writes=False, patience=0)
    with pytest.raises(errors.BudgetSpent):
        budget.enter("interactive", writes=False, patience=0)
    later = clock.now() + timedelta(seconds=31)
    with clock.replaced_by(lambda: later):
        assert budget.enter("interactive", writes=False, patience=0)


def test_background_work_leaves_slots_to_people_api_02(settings_at: Build, pool: Pool) -> None:
    budget = Budget(settings_at(NOWHERE, zoho_concurrency=5), pool)
    held: list[str] = []
    for lane in (*["reconcile"] * 4, *["webhook"] * 4, *["interactive"] * 4):
        with suppress(errors.BudgetSpent):
            held.append(budget.enter(lane, writes=False, patience=0).lane)
    assert held == ["reconcile", "reconcile", "webhook", "webhook"]

    late = clock.now() + timedelta(seconds=31)
    with clock.replaced_by(lambda: late):
        for _ in range(4):
            with suppress(errors.BudgetSpent):
                budget.enter("webhook", writes=False, patience=0)
        assert budget.enter("interactive", writes=False, patience=0)


def test_waiting_is_bounded_and_says_when_to_come_back(settings_at: Build, pool: Pool) -> None:
    naps: list[float] = []
    budget = Budget(settings_at(NOWHERE, zoho_concurrency=1), pool, naps.append)
    budget.enter("interactive", writes=False, patience=0)
    with pytest.raises(errors.BudgetSpent) as refusal:
        budget.enter("interactive", writes=False, patience=2)
    assert refusal.value.retry_at is not None
    assert 1.5 < sum(naps) <= 2.5


def test_zoho_down_opens_the_breaker_for_all_processes_api_05(
    client_at: Callable[..., ZohoClient], enemy: World
) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(503, b"<html>")
    first, second = client_at(enemy.url), client_at(enemy.url)
    for _ in range(2):
        with pytest.raises(errors.NoEffect):
            first.fetch_customer("1")
    asked = enemy.count("/billing")
    assert asked == 5
    with pytest.raises(errors.BreakerOpen) as refusal:
        second.create_customer({"display_name": "A"})
    assert refusal.value.retry_at is not None
    assert enemy.count("/billing") == asked


def test_the_probe_after_the_pause_closes_it_again_api_05(
    client_at: Callable[..., ZohoClient], enemy: World
) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(503, b"<html>")
    zoho = client_at(enemy.url)
    for _ in range(2):
        with pytest.raises(errors.NoEffect):
            zoho.fetch_customer("1")
    enemy.behaviours["/billing"] = lambda request: request.say(
        200, {"code": 0, "customer": {"customer_id": "1"}}
    )
    later = clock.now() + timedelta(seconds=31)
    with clock.replaced_by(lambda: later):
        assert zoho.fetch_customer("1").zoho_id == "1"
        assert zoho.fetch_customer("1").zoho_id == "1"


def test_a_429_closes_the_budget_for_all_processes_until_retry_after_api_04(
    client_at: Callable[..., ZohoClient], enemy: World
) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(429, {"code": 44}, Retry_After="40")
    first, second = client_at(enemy.url), client_at(enemy.url)
    with pytest.raises(errors.RateLimited):
        first.fetch_customer("1")
    with pytest.raises(errors.RateLimited):
        second.lane("reconcile").fetch_customer("1")
    assert enemy.count("/billing") == 1
    later = clock.now() + timedelta(seconds=41)
    with clock.replaced_by(lambda: later):
        for _ in range(3):
            with pytest.raises(errors.RateLimited):
                second.fetch_customer("1")
    assert enemy.count("/billing") == 2


def test_the_day_is_counted_and_closes_lane_after_lane_api_03(
    settings_at: Build, pool: Pool, conn: Row
) -> None:
    budget = Budget(settings_at(NOWHERE, zoho_calls_per_day=1000), pool)
    budget.leave(budget.enter("reconcile", writes=False, patience=0), Made("GET", "/x", 1, "ok"))
    for day_calls, open_lanes in ((699, LANES), (700, LANES[:2]), (950, ())):
        for lane in LANES:
            conn.execute("update call_budget set day_calls = %s", [day_calls])
            if lane in open_lanes:
                budget.leave(budget.enter(lane, writes=False, patience=0), Made("GET", "/x", 1, "ok"))
                continue
            with pytest.raises(errors.BudgetSpent) as refusal:
                budget.enter(lane, writes=False, patience=0)
            assert refusal.value.retry_at is not None
    budget.leave(budget.enter("interactive", writes=True, patience=0), Made("POST", "/x", 1, "ok"))


def test_every_call_is_logged_without_ids_api_08(
    client_at: Callable[..., ZohoClient], enemy: World, conn: Row
) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(404, {"code": 1002})
    with pytest.raises(errors.NotFound):
        client_at(enemy.url).lane("webhook").fetch_subscription("90300001")
    [row] = conn.execute("select * from zoho_calls").fetchall()
    assert (row["lane"], row["method"], row["endpoint"]) == ("webhook", "GET", "/subscriptions/{id}")
    assert (row["status"], row["zoho_code"], row["outcome"]) == (404, 1002, "not_found")
    assert row["tokens_left"] is not None
    assert row["ms"] >= 0
    assert conn.execute("select count(*) as left from call_leases").fetchone() == {"left": 0}


def test_the_log_forgets_what_is_older_than_a_month_api_08(pool: Pool, conn: Row) -> None:
    conn.execute(
        "insert into zoho_calls (at, lane, method, endpoint, ms, outcome)"
        " select now() - interval '1 day' * days, 'webhook', 'GET', days::text, 1, 'ok'"
        " from unnest('{1,29,31,400}'::int[]) as ages (days)"
    )
    with transaction.as_worker(pool) as worker:
        housekeeping.prune(worker)
    assert [row["endpoint"] for row in conn.execute("select endpoint from zoho_calls")] == ["1", "29"]


def test_what_is_left_can_be_read_without_taking_any(settings_at: Build, pool: Pool) -> None:
    budget = Budget(settings_at(NOWHERE, zoho_calls_per_minute=100), pool)
    with transaction.as_worker(pool) as conn:
        assert budget.usage(conn).tokens == budget.usage(conn).burst == 20
    budget.enter("interactive", writes=False, patience=0)
    with transaction.as_worker(pool) as conn:
        usage = budget.usage(conn)
    assert usage.in_flight == 1
    assert usage.day_calls == 1
    assert not usage.should_coalesce


def test_one_customer_cannot_spend_what_all_share_rl_02(settings_at: Build, pool: Pool) -> None:
    """RL-02: ten calls a minute; others, and the workers, go on."""
    budget = Budget(settings_at(NOWHERE), pool)

    def call(lane: str = lanes.INTERACTIVE) -> None:
        budget.leave(budget.enter(lane, writes=False, patience=0), Made("GET", "/plans", 1, "ok"))

    with midway(minutes=1):
        try:
            spending.on_behalf_of("greedy")
            for _ in range(spending.PER_MINUTE):
                call()
            with pytest.raises(errors.BudgetSpent) as refused:
                call()
            assert refused.value.retry_at == clock.now() + timedelta(seconds=30)
            call(lanes.WEBHOOK)
            spending.on_behalf_of("modest")
            call()
        finally:
            spending.on_behalf_of("")
        call()
