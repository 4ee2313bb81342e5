"""The only place that reads the time.

Everything else asks :func:`now`, so that tests and the simulator can put a virtual clock in its
place. Times are aware and in UTC; a date in the merchant's organisation is :func:`today` of its zone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def _system_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is the one place


_now: Callable[[], datetime] = _system_now


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _now()


def today(time_zone: str, offset: timedelta = timedelta(0)) -> date:
    """Return the calendar date that it is now in the IANA zone ``time_zone``.

    ``offset`` is how far the clock whose date is meant is ahead of ours (organization.clock_offset).
    """
    return (now() + offset).astimezone(_zone(time_zone)).date()


def _zone(name: str) -> tzinfo:
    """Return the zone, or UTC for a name that nobody knows: a word of Zoho's must not shut every page."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@contextmanager
def replaced_by(source: Callable[[], datetime]) -> Iterator[None]:
    """Read the time from ``source`` within the block (tests and the simulator)."""
    global _now  # noqa: PLW0603 - one process has one clock; that is the point of this module
    before, _now = _now, source
    try:
        yield
    finally:
        _now = before
