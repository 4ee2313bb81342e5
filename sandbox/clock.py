"""Virtual time: an offset from the real clock that only ever grows, kept in the store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from sandbox.store import Store, Tx

OFFSET = "clock_offset_s"
SKEW = "clock_skew_s"


class Clock:
    """The organisation's time.  It ticks with real time; `advance_to` moves it forward, nothing moves it
    back.

    Weather may skew the clock that timestamps are written with, ahead or behind; days and jobs go by the
    true one.
    """

    skew = timedelta()

    def __init__(self, store: Store, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self._store = store
        self.reload()

    def reload(self) -> None:
        """Read the offset again, after the store was replaced."""
        self._offset = timedelta(seconds=float(self._store.meta(OFFSET) or 0))
        self.reload_skew()

    def reload_skew(self) -> None:
        """Read the skew again, after the weather was set."""
        self.skew = timedelta(seconds=float(self._store.meta(SKEW) or 0))

    def now(self) -> datetime:
        """The present moment, aware, in the organisation's zone, to the second."""
        return (real_now() + self._offset).replace(microsecond=0).astimezone(self.zone)

    def epoch(self) -> float:
        """Real seconds since 1970, for tokens and call rates: clients count those on clocks of their own."""
        return real_now().timestamp()

    def today(self) -> date:
        """The organisation's calendar day."""
        return self.now().date()

    def at(self, day: date, hour: int = 0, minute: int = 0) -> datetime:
        """A moment of a day in the organisation's zone."""
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)

    def advance_to(self, moment: datetime, tx: Tx | None = None) -> None:
        """Move forward to `moment`; an earlier moment is refused.  With `tx`, the move commits with it."""
        behind = moment - real_now()
        if behind <= self._offset:
            if self.now() - moment > timedelta(seconds=1):
                raise ValueError("time only goes forward")
            return
        if tx is None:
            with self._store.transaction() as own:
                own.set_meta(OFFSET, str(behind.total_seconds()))
        else:
            tx.set_meta(OFFSET, str(behind.total_seconds()))
        self._offset = behind

    def stamp(self, moment: datetime | None = None) -> str:
        """Zoho's timestamp: `2024-03-04T12:17:51+0100`, the offset without a colon."""
        local = ((moment or self.now()) + self.skew).astimezone(self.zone)
        return local.strftime("%Y-%m-%dT%H:%M:%S%z")


class StillClock(Clock):
    """A clock for building a history: it stands where it is put and is remembered nowhere."""

    def __init__(self, zone: str, moment: datetime) -> None:
        self.zone = ZoneInfo(zone)
        self.moment = moment.astimezone(self.zone)

    def now(self) -> datetime:
        """Where it was put."""
        return self.moment

    def advance_to(self, moment: datetime, tx: Tx | None = None) -> None:  # noqa: ARG002 - as Clock's
        """Put it somewhere later."""
        if moment < self.moment:
            raise ValueError("time only goes forward")
        self.moment = moment.astimezone(self.zone)


def real_now() -> datetime:
    """The machine's time, in UTC; for tokens and for the start of a world."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock module that everything else reads
