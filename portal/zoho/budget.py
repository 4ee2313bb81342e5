"""Permission to call Zoho, shared by all processes in one row of the database (API-01 to API-05, API-08).

`enter` locks the row, lets lanes.py and breaker.py decide, writes their new state and a lease, and commits:
two round trips. `leave` writes what came of the call in two more. Between the two no transaction is open. A
process that dies in between leaks nothing: its lease stops counting when it expires.

The lock makes the count exact; the clock is the processes' own, and one that lags adds nothing.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from portal import clock
from portal.config import Settings
from portal.db import transaction
from portal.db.transaction import Conn, Pool
from portal.zoho import lanes, spending
from portal.zoho.breaker import Health
from portal.zoho.errors import BreakerOpen, BudgetSpent, RateLimited
from portal.zoho.lanes import Bucket, Terms

LEASE = timedelta(seconds=30)
KEEP_LOG = timedelta(days=30)  # portal/sync/housekeeping.py drops what is older, once a night
_LONGEST_NAP = 1.0
_SLOT_NAP = 0.1

_CREATE = """
insert into billing.call_budget (organization_id, tokens, refilled_at, lane_tokens, day)
values (%(organization_id)s, %(tokens)s, %(now)s, %(lane_tokens)s, %(day)s)
on conflict (organization_id) do nothing
"""

_LOOK = "select * from billing.call_budget where organization_id = %(organization_id)s"

# The count is a statement of its own, after the lock: it must see what the last holder committed.
_LOCK_AND_COUNT = """
select * from billing.call_budget where organization_id = %(organization_id)s for update;
select count(*) as at_once, count(*) filter (where lane = %(lane)s) as in_lane
from billing.call_leases where organization_id = %(organization_id)s and expires_at > %(now)s
"""

_SAVE = """
update billing.call_budget
set tokens = %(tokens)s, refilled_at = %(refilled_at)s, lane_tokens = %(lane_tokens)s, day = %(day)s,
    day_calls = %(day_calls)s, in_flight = %(in_flight)s, breaker_state = %(state)s,
    breaker_until = %(until)s, breaker_failures = %(failures)s, breaker_recent = %(recent)s,
    breaker_opens = %(opens)s, blocked_until = %(blocked_until)s, throttles = %(throttles)s,
    next_probe_at = %(next_probe_at)s, updated_at = %(now)s
where organization_id = %(organization_id)s
"""

_TAKE_LEASE = f"""
with gone as (delete from billing.call_leases where expires_at <= %(now)s),
     taken as (insert into billing.call_leases (id, organization_id, lane, taken_at, expires_at)
               values (%(lease)s, %(organization_id)s, %(lane)s, %(now)s, %(expires_at)s))
{_SAVE}
"""  # noqa: S608 - both parts are constants of this file

_FINISH = f"""
with gone as (delete from billing.call_leases where id = %(lease)s),
     logged as (insert into billing.zoho_calls
                  (at, lane, method, endpoint, status, zoho_code, ms, outcome, request_id, tokens_left)
                values (%(entered_at)s, %(lane)s, %(method)s, %(endpoint)s, %(status)s, %(zoho_code)s, %(ms)s,
                        %(outcome)s, %(request_id)s, %(tokens)s))
{_SAVE}
"""  # noqa: S608 - both parts are constants of this file


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to make one call, until ``expires_at``."""

    lease: UUID
    lane: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made, for the log and the breaker."""

    method: str
    endpoint: str
    ms: int
    outcome: str
    status: int | None = None
    zoho_code: int | None = None
    request_id: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of the budget is left, for the staff's page."""

    tokens: float
    burst: float
    day_calls: int
    day_limit: int
    in_flight: int
    breaker_state: str
    breaker_until: datetime | None
    blocked_until: datetime | None

    @property
    def should_coalesce(self) -> bool:
        """Tell whether re-reads for webhooks should be put together rather than made at once (API-03)."""
        return self.day_calls >= lanes.DAY_SLOW * self.day_limit


@dataclass(frozen=True, slots=True)
class _State:
    bucket: Bucket
    health: Health


class Budget:
    """The budget of the configured organisation."""

    def __init__(self, settings: Settings, pool: Pool, sleep: Callable[[float], None] = time.sleep) -> None:
        self._organization_id = settings.zoho_organization_id or "default"
        self.terms = Terms(
            settings.zoho_calls_per_minute, settings.zoho_calls_per_day, settings.zoho_concurrency
        )
        self._per_customer = spending.PER_MINUTE * settings.rate_limit_scale
        self._pool = pool
        self._sleep = sleep

    def enter(self, lane: str, *, writes: bool, patience: float, lasts: timedelta = LEASE) -> Permit:
        """Return the right to make one call, waiting for it up to ``patience`` seconds.

        Raises :class:`BreakerOpen`, :class:`RateLimited` or :class:`BudgetSpent`; nothing was sent then.
        """
        if lane == lanes.INTERACTIVE:
            spending.charge(self._pool, self._per_customer)
        waited = 0.0
        while True:
            found = self._try(lane, writes=writes, lasts=lasts)
            if isinstance(found, Permit):
                return found
            if waited + found > patience:
                raise BudgetSpent(retry_at=clock.now() + timedelta(seconds=found))
            # Jitter, so that processes that were refused together do not come back together.
            nap = max(0.01, found) * random.uniform(1.0, 1.2)  # noqa: S311 - no secret
            self._sleep(nap)
            waited += nap

    def leave(self, permit: Permit, made: Made) -> None:
        """Record what came of the call, and what it says about Zoho."""
        now = clock.now()
        with self._held(permit.lane, now) as (conn, state, under_way):
            health = state.health.after(made.outcome, now, made.retry_at)
            values = self._columns(_State(state.bucket, health), now, max(under_way["at_once"] - 1, 0))
            transaction.commit_with(conn, _FINISH, {**values, **_logged(made), **_leased(permit)})

    def usage(self, conn: Conn) -> Usage:
        """Return what is left now, without taking any of it."""
        now = clock.now()
        row = conn.execute(_LOOK, {"organization_id": self._organization_id}).fetchone()
        state = self._read(row) if row else _State(Bucket.full(self.terms, now), Health())
        bucket = state.bucket.refilled(self.terms, now)
        return Usage(
            tokens=bucket.total,
            burst=self.terms.burst,
            day_calls=bucket.day_calls,
            day_limit=self.terms.per_day,
            in_flight=row["in_flight"] if row else 0,
            breaker_state=state.health.state,
            breaker_until=state.health.closed_until(now),
            blocked_until=state.health.held_back_until(now),
        )

    def _try(self, lane: str, *, writes: bool, lasts: timedelta) -> Permit | float:
        """Take a permit, or return how many seconds to wait before asking again."""
        now = clock.now()
        with self._held(lane, now) as (conn, state, under_way):
            bucket = state.bucket.refilled(self.terms, now).asked(lane, now)
            self._refuse_if_closed(state.health, bucket, lane, now, writes=writes)
            is_full = under_way["at_once"] >= self.terms.slots_of(lanes.INTERACTIVE)
            taken = bucket.taken(self.terms, lane, now)
            if is_full or under_way["in_lane"] >= self.terms.slots_of(lane) or taken is None:
                values = self._columns(_State(bucket, state.health), now, under_way["at_once"])
                transaction.commit_with(conn, _SAVE, values)
                waits = bucket.wait_for(self.terms, lane) if taken is None else _SLOT_NAP
                return min(max(waits, 0.02), _LONGEST_NAP)
            permit = Permit(uuid4(), lane, now)
            new = _State(taken, state.health.entered(now))
            values = self._columns(new, now, under_way["at_once"] + 1)
            transaction.commit_with(
                conn, _TAKE_LEASE, {**values, **_leased(permit), "expires_at": now + lasts}
            )
            return permit

    def _refuse_if_closed(
        self, health: Health, bucket: Bucket, lane: str, now: datetime, *, writes: bool
    ) -> None:
        closed_until = health.closed_until(now)
        if closed_until:
            raise BreakerOpen(retry_at=closed_until)
        held_back_until = health.held_back_until(now)
        if held_back_until:
            raise RateLimited(retry_at=held_back_until)
        if lanes.closed_for_the_day(self.terms, bucket.day_calls, lane, writes=writes):
            tomorrow = datetime.combine(bucket.day + timedelta(days=1), datetime.min.time(), now.tzinfo)
            raise BudgetSpent(retry_at=tomorrow)

    @contextmanager
    def _held(self, lane: str, now: datetime) -> Iterator[tuple[Conn, _State, dict[str, Any]]]:
        """Hold the row, and hand out what it says and how many calls are under way."""
        asked = {"organization_id": self._organization_id, "lane": lane, "now": now}
        with transaction.worker_asks(self._pool, _LOCK_AND_COUNT, asked) as (conn, found):
            if not found[0]:
                bucket = Bucket.full(self.terms, now)
                conn.execute(_CREATE, self._columns(_State(bucket, Health()), now, 0))
                found[:] = transaction.together(conn, _LOCK_AND_COUNT, asked)
            (row,), (under_way,) = found
            yield conn, self._read(row), under_way

    def _read(self, row: dict[str, Any]) -> _State:
        kept = row["lane_tokens"]
        asked = {lane: datetime.fromisoformat(at) for lane, at in kept.get("asked_at", {}).items()}
        parts = {part: float(kept.get(part, 0.0)) for part in (*lanes.LANES, lanes.COMMON)}
        bucket = Bucket(parts, row["refilled_at"], row["day"], row["day_calls"], asked)
        health = Health(
            row["breaker_state"],
            row["breaker_until"],
            row["breaker_failures"],
            row["breaker_recent"],
            row["breaker_opens"],
            row["blocked_until"],
            row["throttles"],
            row["next_probe_at"],
        )
        return _State(bucket, health)

    def _columns(self, state: _State, now: datetime, in_flight: int) -> dict[str, Any]:
        asked = {lane: at.isoformat() for lane, at in state.bucket.asked_at.items()}
        return {
            **_flat(state.health),
            "organization_id": self._organization_id,
            "tokens": state.bucket.total,
            "lane_tokens": Jsonb({**state.bucket.parts, "asked_at": asked}),
            "refilled_at": state.bucket.refilled_at,
            "day": state.bucket.day,
            "day_calls": state.bucket.day_calls,
            "in_flight": in_flight,
            "now": now,
        }


def _leased(permit: Permit) -> dict[str, Any]:
    return {"lease": permit.lease, "lane": permit.lane, "entered_at": permit.entered_at}


def _logged(made: Made) -> dict[str, Any]:
    values = _flat(made)
    values.pop("retry_at")
    return values


def _flat(row: Health | Made) -> dict[str, Any]:
    """Return the fields by name; `asdict` would copy each of them, four times a call."""
    return {one.name: getattr(row, one.name) for one in fields(row)}
