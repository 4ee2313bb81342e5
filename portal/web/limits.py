"""How often somebody may do something (RL-01, AUT-04): counters in Postgres, so all processes share them.

Counters are rows of fixed windows. A signed-in person's requests are counted in the statement that looks
up their session; this module counts the rest: visitors by address, sign-in failures by account and
address. After ten failures an account waits, longer each time but never for good: a hard lock would let
anybody shut anybody out.
"""

import hashlib
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from werkzeug.exceptions import TooManyRequests

from portal import clock
from portal.db.transaction import Conn

log = structlog.get_logger()
UNUSUAL = Counter("portal_sign_in_alarms", "Windows with far more failed sign-ins than usual (AUT-04)")

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
READS, WRITES, EXPENSIVE, VISITS = 300, 60, 20, 60
FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS, CODES = 10, 30, 5
LONGEST_WAIT = timedelta(seconds=60)

_HIT = """
insert into billing.rate_limits as counted (key, window_start, hits, last_hit_at)
values (%(key)s, %(window_start)s, 1, %(now)s)
on conflict (key, window_start) do update set hits = counted.hits + 1, last_hit_at = excluded.last_hit_at
returning hits, set_config('synchronous_commit', 'off', true)
"""
# The present window and the one before it, so that a new window is no amnesty.
_FAILURES = """
select coalesce(sum(hits), 0) as hits, max(last_hit_at) as last_hit_at
from billing.rate_limits
where key = %(key)s and window_start >= %(since)s and last_hit_at > %(now)s - %(window)s
"""
_CLEAR = "delete from billing.rate_limits where key = %(key)s"
_TAKE_BACK = """
update billing.rate_limits set hits = hits - 1
where key = %(key)s and hits > 0
  and window_start = (select max(window_start) from billing.rate_limits where key = %(key)s)
"""


# AUT-04: an attack spread over many accounts and addresses shows in the sum only. The baseline is what a
# window of the last day had; few failures are never an attack.
_EVERYBODY = "sign-in:everybody"
_UNUSUAL_TIMES, _UNUSUAL_LEAST = 20, 100
_BASELINE = """
select coalesce(sum(hits), 0)::float / 96 as usual from billing.rate_limits
where key = %(key)s and window_start < %(window_start)s
"""


class TooMany(TooManyRequests):
    """Too many requests; says how long to wait."""

    is_for_people = True

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds))
        words = "1 second" if self.seconds == 1 else f"{self.seconds} seconds"
        super().__init__(f"That was too often. Wait {words}, then try again.", retry_after=self.seconds)


def hit(conn: Conn, key: str, *, most: int, window: timedelta = MINUTE) -> None:
    """Count one; raise :class:`TooMany` above ``most`` in the window. The count is kept either way."""
    now = clock.now()
    start = _window_start(now, window)
    row = conn.execute(_HIT, {"key": key, "window_start": start, "now": now}).fetchone()
    if row and row["hits"] > most:
        raise TooMany((start + window - now).total_seconds())


def seconds_left_in_minute() -> float:
    now = clock.now()
    return (_window_start(now, MINUTE) + MINUTE - now).total_seconds()


def account_key(purpose: str, email: str) -> str:
    """Name an account by what was typed, known or not, and without keeping addresses of strangers."""
    return f"{purpose}:account:{hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]}"


def address_key(purpose: str, ip: str) -> str:
    return f"{purpose}:address:{ip}"


def check_failures(
    conn: Conn, key: str, *, free: int, longest: timedelta = LONGEST_WAIT, step: timedelta = SECOND
) -> None:
    """Raise :class:`TooMany` while the wait after the last failure, doubling from ``step``, is not over."""
    hits, last = _recent(conn, key)
    if hits < free or last is None:
        return
    wait = min(longest, step * 2 ** min(hits - free, 10))
    left = last + wait - clock.now()
    if left > timedelta(0):
        raise TooMany(left.total_seconds())


def count(conn: Conn, key: str) -> int:
    """Return how often ``key`` was recorded lately."""
    return _recent(conn, key)[0]


def _recent(conn: Conn, key: str) -> tuple[int, datetime | None]:
    now = clock.now()
    since = _window_start(now, QUARTER) - QUARTER
    row = conn.execute(_FAILURES, {"key": key, "now": now, "window": QUARTER, "since": since}).fetchone()
    return (int(row["hits"]), row["last_hit_at"]) if row else (0, None)


def record_failure(conn: Conn, key: str) -> int:
    """Count one; return how many this window has."""
    now = clock.now()
    row = conn.execute(_HIT, {"key": key, "window_start": _window_start(now, QUARTER), "now": now}).fetchone()
    return int(row["hits"]) if row else 0


def claim(conn: Conn, key: str) -> bool:
    """Say whether this is the first to ask for ``key`` lately; of many at once exactly one is."""
    return count(conn, key) == 0 and record_failure(conn, key) == 1


def record_failure_of_anybody(conn: Conn) -> None:
    """Count a failed sign-in for the whole installation, and raise the alarm when there are far too many."""
    now = clock.now()
    start = _window_start(now, QUARTER)
    row = conn.execute(_HIT, {"key": _EVERYBODY, "window_start": start, "now": now}).fetchone()
    hits = int(row["hits"]) if row else 0
    if hits < _UNUSUAL_LEAST or hits % _UNUSUAL_LEAST:
        return
    usual = conn.execute(_BASELINE, {"key": _EVERYBODY, "window_start": start}).fetchone()
    if usual is not None and hits >= _UNUSUAL_TIMES * usual["usual"]:
        log.error("sign_in_failures_unusual", failures=hits, usual_per_window=round(usual["usual"], 1))
        UNUSUAL.inc()


def take_back(conn: Conn, key: str) -> None:
    """Count one less: it was no failure after all."""
    conn.execute(_TAKE_BACK, {"key": key})


def clear(conn: Conn, key: str) -> None:
    conn.execute(_CLEAR, {"key": key})


def _window_start(now: datetime, window: timedelta) -> datetime:
    seconds = window.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo)
