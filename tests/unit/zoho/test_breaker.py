"""When Zoho is left alone, and how it is tried again (API-04, API-05)."""

from datetime import UTC, datetime, timedelta

from portal.zoho.breaker import CLOSED, HALF_OPEN, OPEN, Health

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def failed(times: int, health: Health | None = None, at: datetime = START) -> Health:
    health = health or Health()
    for _ in range(times):
        health = health.after("timeout", at)
    return health


def test_five_failures_in_a_row_open_it_for_thirty_seconds_api_05() -> None:
    assert failed(4).closed_until(START) is None
    assert failed(5).closed_until(START) == later(30)
    assert failed(5).closed_until(later(30)) is None


def test_a_success_in_between_starts_the_count_anew() -> None:
    health = failed(4).after("ok", START)
    assert failed(4, health).state == CLOSED


def test_half_of_the_last_twenty_open_it_even_without_a_row_api_05() -> None:
    health = Health()
    for _ in range(9):
        health = failed(1, health).after("ok", START)
    assert health.state == CLOSED
    health = failed(1, health).after("ok", START)
    health = failed(1, health)
    assert health.state == OPEN


def test_one_probe_passes_and_a_success_closes_api_05() -> None:
    health = failed(5).entered(later(30))
    assert health.state == HALF_OPEN
    assert health.closed_until(later(31)) is not None
    health = health.after("ok", later(31))
    assert health.state == CLOSED
    assert health.closed_until(later(31)) is None


def test_failing_probes_double_the_pause_up_to_five_minutes_api_05() -> None:
    health, now, pauses = failed(5), START, []
    for _ in range(6):
        until = health.closed_until(now)
        assert until is not None
        pauses.append((until - now).total_seconds())
        now = until
        health = health.entered(now).after("timeout", now)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_a_probe_whose_process_dies_does_not_close_the_door_for_ever() -> None:
    health = failed(5).entered(later(30))
    assert health.closed_until(later(59)) is not None
    assert health.closed_until(later(61)) is None


def test_a_straggler_from_before_neither_closes_nor_prolongs_it() -> None:
    health = failed(5)
    assert health.after("ok", later(1)).state == OPEN
    assert health.after("timeout", later(1)).closed_until(later(1)) == later(30)


def test_a_refusal_is_no_failure() -> None:
    health = Health()
    for _ in range(20):
        health = health.after("rejected", START).after("not_found", START)
    assert health.state == CLOSED


def test_a_429_holds_everybody_back_and_then_lets_one_probe_pass_every_ten_seconds_api_04() -> None:
    health = Health().after("throttled", START, later(60))
    assert health.held_back_until(later(59)) == later(60)
    assert health.held_back_until(later(60)) is None
    probing = health.entered(later(60))
    assert probing.held_back_until(later(65)) == later(70)
    assert probing.held_back_until(later(70)) is None
    assert probing.after("ok", later(61)).held_back_until(later(62)) is None


def test_429_after_429_waits_longer_each_time() -> None:
    health, now, pauses = Health(), START, []
    for _ in range(3):
        health = health.after("throttled", now, now + timedelta(seconds=60))
        until = health.held_back_until(now)
        assert until is not None
        pauses.append((until - now).total_seconds())
        now = until
    assert pauses == [60, 120, 240]
