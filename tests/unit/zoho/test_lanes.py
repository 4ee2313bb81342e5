"""How the limit of calls is shared: exact in every window, nobody starves, nothing wasted (API-01 to 03)."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.zoho import lanes
from portal.zoho.lanes import INTERACTIVE, LANES, RECONCILE, WEBHOOK, Bucket, Terms

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMS = Terms(per_minute=100, per_day=1_000_000, at_once=5)


def take(bucket: Bucket, lane: str, now: datetime, terms: Terms = TERMS) -> Bucket | None:
    return bucket.refilled(terms, now).asked(lane, now).taken(terms, lane, now)


def run(
    demand: dict[str, float], minutes: float, terms: Terms = TERMS
) -> dict[str, list[tuple[float, float]]]:
    """Let each lane ask ``demand`` times a minute; return (asked, granted) seconds of every call."""
    draw = random.Random(7)
    waiting: dict[str, list[float]] = {lane: [] for lane in LANES}
    due = dict.fromkeys(demand, 0.0)
    granted: dict[str, list[tuple[float, float]]] = {lane: [] for lane in LANES}
    bucket, now = Bucket.full(TERMS, START), 0.0
    while now < minutes * 60:
        at = START + timedelta(seconds=now)
        for lane, per_minute in demand.items():
            while due[lane] <= now:
                waiting[lane].append(due[lane])
                due[lane] += draw.expovariate(per_minute / 60)
            while waiting[lane]:
                taken = take(bucket, lane, at)
                if taken is None:
                    bucket = bucket.refilled(TERMS, at).asked(lane, at)
                    break
                bucket = taken
                granted[lane].append((waiting[lane].pop(0), now))
        now += 0.05
    return granted


def test_no_window_of_a_minute_holds_more_than_zohos_limit_api_01() -> None:
    granted = run(dict.fromkeys(LANES, 600), minutes=3)
    times = sorted(at for calls in granted.values() for _, at in calls)
    for index, start in enumerate(times):
        inside = sum(1 for at in times[index:] if at < start + 60)
        assert inside <= TERMS.per_minute


def test_under_full_load_each_lane_gets_its_share_and_nobody_waits_long_api_02() -> None:
    # People at three quarters of their share; at the whole of it any queue grows without end.
    granted = run({INTERACTIVE: 36, WEBHOOK: 600, RECONCILE: 600}, minutes=10)
    per_minute = {lane: len(calls) / 10 for lane, calls in granted.items()}
    assert per_minute[RECONCILE] >= 8
    assert per_minute[WEBHOOK] >= 24
    waits = sorted(at - asked for asked, at in granted[INTERACTIVE])
    assert waits[int(len(waits) * 0.99)] <= 0.5


def test_a_lane_alone_gets_the_whole_rate() -> None:
    for lane in LANES:
        granted = run({lane: 600}, minutes=3)
        assert len(granted[lane]) >= 3 * 80


def test_reconciliation_never_touches_what_people_need_api_02() -> None:
    bucket, now = Bucket.full(TERMS, START), START
    while (taken := take(bucket, RECONCILE, now)) is not None:
        bucket = taken
    assert bucket.parts[INTERACTIVE] >= 0.5 * TERMS.burst


def test_a_person_may_use_the_parts_of_idle_lanes_only() -> None:
    bucket, count = Bucket.full(TERMS, START), 0
    while (taken := take(bucket, INTERACTIVE, START)) is not None:
        bucket, count = taken, count + 1
    assert count >= TERMS.burst - 2
    busy = replace(Bucket.full(TERMS, START), asked_at={WEBHOOK: START, RECONCILE: START})
    count = 0
    while (taken := take(busy, INTERACTIVE, START)) is not None:
        busy, count = taken, count + 1
    assert count == int(TERMS.part_of(INTERACTIVE))


def test_a_clock_that_lags_or_jumps_back_adds_nothing() -> None:
    empty = replace(Bucket.full(TERMS, START), parts=dict.fromkeys((*LANES, lanes.COMMON), 0.0))
    earlier = empty.refilled(TERMS, START - timedelta(hours=24))
    assert earlier.total == 0
    assert earlier.refilled_at == START
    assert earlier.day == START.date()


@pytest.mark.parametrize(
    ("used", "lane", "writes", "closed"),
    [
        (0.69, RECONCILE, False, False),
        (0.70, RECONCILE, False, True),
        (0.94, WEBHOOK, False, False),
        (0.95, WEBHOOK, False, True),
        (0.94, INTERACTIVE, False, False),
        (0.95, INTERACTIVE, False, True),
        (0.99, INTERACTIVE, True, False),
        (1.0, INTERACTIVE, True, True),
    ],
)
def test_the_daily_limit_closes_lane_after_lane_api_03(
    used: float, lane: str, writes: bool, closed: bool
) -> None:
    terms = Terms(100, 10_000, 5)
    assert lanes.closed_for_the_day(terms, round(used * 10_000), lane, writes=writes) is closed


def test_from_85_percent_of_the_day_webhooks_live_on_their_own_part_api_03() -> None:
    terms = Terms(100, 1000, 5)
    bucket = replace(
        Bucket.full(terms, START), parts={INTERACTIVE: 12, WEBHOOK: 0.0, RECONCILE: 2, lanes.COMMON: 5}
    )
    assert take(replace(bucket, day_calls=849), WEBHOOK, START, terms) is not None
    assert take(replace(bucket, day_calls=850), WEBHOOK, START, terms) is None


def test_a_new_day_starts_its_count_anew() -> None:
    bucket = replace(Bucket.full(TERMS, START), day_calls=999)
    assert bucket.refilled(TERMS, START + timedelta(days=1)).day_calls == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limit=st.integers(4, 500),
    steps=st.lists(st.tuples(st.sampled_from(LANES), st.floats(0, 20)), min_size=1, max_size=80),
)
def test_whatever_the_order_the_bucket_never_overflows(limit: int, steps: list[tuple[str, float]]) -> None:
    terms = Terms(limit, 1_000_000, 5)
    bucket, now, granted = Bucket.full(terms, START), START, 0
    for lane, pause in steps:
        now += timedelta(seconds=pause)
        taken = take(bucket, lane, now, terms)
        bucket, granted = (taken, granted + 1) if taken else (bucket.refilled(terms, now), granted)
        assert -1e-6 <= bucket.total <= terms.burst + 1e-6
    seconds = (now - START).total_seconds()
    assert granted <= terms.burst + terms.per_second * seconds + 1e-6
