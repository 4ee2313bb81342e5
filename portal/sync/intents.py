"""Acts at Zoho happen once (CONV-03, CONV-04).

An act is committed as an *intent* before Zoho is called. Its key comes from the form (made by the
server, so a second click carries the same one). After a time-out nothing is repeated: the outcome is
looked up until it is known, and the page says "checking" meanwhile.

    ready -> calling -> done      Zoho said yes
                     -> refused   Zoho said no, with its reason
                     -> unknown   no answer, or the process died: looked up by a job -> done | abandoned

A ``done`` act is followed by reading what it touched; until that has happened it stays due, so that
neither a dead process nor an absent Zoho leaves the page with what was there before.

``abandoned`` means that two looks, minutes apart, found no trace: the person may try again, with a
new key. Each kind of act is a :class:`Act` in the table that :mod:`portal.sync.acts` keeps.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from portal import activity, clock
from portal.db import transaction
from portal.db.transaction import Conn
from portal.errors import Conflict, NotFound, PortalError, Refused
from portal.zoho import errors as zoho_errors

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

LEASE = timedelta(seconds=60)
FIRST_LOOK = timedelta(seconds=5)
# Zoho's lists may lag behind its writes (FLT: up to 120 s), so "no trace" counts only after this.
BELIEVE_ABSENCE_AFTER = timedelta(minutes=5)
# A click that could not be sent for so long is not sent any more: prices, and minds, have changed.
SEND_WITHIN = timedelta(hours=1)
# What still cannot be read an hour later is left to reconciliation.
FOLLOW_FOR = timedelta(hours=1)
SETTLED = ("done", "refused", "abandoned")

_INSERT = """
insert into billing.intents (key, account_id, user_id, kind, subject_kind, subject_zoho_id,
                             request, request_hash, before, state, next_check_at)
values (%(key)s, %(account_id)s, %(user_id)s, %(kind)s, %(subject_kind)s, %(subject_zoho_id)s,
        %(request)s, %(request_hash)s, %(before)s, 'ready', %(next_check_at)s)
on conflict do nothing
returning *
"""
_BY_KEY = "select * from billing.intents where key = %s"
_BY_ID = "select * from billing.intents where id = %s"
# Only one process moves an intent out of ready; a calling one whose lease ran out has lost its process.
_CLAIM = """
update billing.intents
set state = 'calling', attempts = attempts + 1, called_at = %(now)s, lease_until = %(lease)s,
    updated_at = %(now)s
where id = %(id)s and state = 'ready'
returning *
"""
_SETTLE = """
update billing.intents
set state = %(state)s, result = %(result)s, problem = %(problem)s, lease_until = null,
    next_check_at = %(next_check_at)s, updated_at = %(now)s,
    settled_at = case when %(state)s = any (%(settled)s) then %(now)s end
where id = %(id)s and state in ('ready', 'calling', 'unknown')
returning *
"""
_DUE = """
select id from billing.intents
where state in ('ready', 'calling', 'unknown', 'done') and next_check_at <= %(now)s
  and (lease_until is null or lease_until <= %(now)s)
order by next_check_at limit %(limit)s
"""
# Longer the longer it lasts, and never so long that health would go unnoticed.
_PUT_OFF = """
update billing.intents
set next_check_at = %(now)s + least(%(now)s - coalesce(called_at, created_at) + interval '5 seconds',
                                    interval '2 minutes')
where id = %(id)s and next_check_at <= %(now)s
"""
_FOLLOWED = (
    "update billing.intents set next_check_at = %(next_check_at)s where id = %(id)s and state = 'done'"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """One act asked of Zoho, as the database has it."""

    id: UUID
    key: str
    account_id: UUID | None
    user_id: UUID | None
    kind: str
    subject_kind: str
    subject_zoho_id: str
    request: dict[str, Any]
    request_hash: str
    before: dict[str, Any] | None
    state: str
    result: dict[str, Any] | None
    problem: str
    attempts: int
    called_at: datetime | None
    next_check_at: datetime | None
    created_at: datetime

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is known."""
        return self.state in SETTLED

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Intent":
        """Build from a row of ``billing.intents``."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


class Failed(PortalError):
    """Zoho tried, and it did not work. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Act:
    """How one kind of intent is carried out.

    ``call`` asks Zoho and returns what to remember; ``look_up`` reads Zoho and returns the same when
    the act has taken effect, else None; ``follow`` refreshes the mirror afterwards, and raises
    :class:`~portal.errors.PortalError` when it could not: then it is called again. ``look_up`` may raise
    :class:`Failed`. ``send_within`` is how long after the click it may still be sent for the first time.
    """

    call: Callable[["Services", Intent], dict[str, Any]]
    look_up: Callable[["Services", Intent], dict[str, Any] | None]
    follow: Callable[["Services", Intent], None]
    send_within: timedelta | None = SEND_WITHIN


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for, before it is an intent."""

    key: str
    kind: str
    account_id: UUID
    user_id: UUID | None
    request: dict[str, Any]
    subject_kind: str = ""
    subject_zoho_id: str = ""
    before: dict[str, Any] | None = None

    @property
    def request_hash(self) -> str:
        """Tell two different requests under one key apart."""
        content = [self.kind, self.subject_kind, self.subject_zoho_id, self.request]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def record(conn: Conn, wish: Wish) -> Intent:
    """Write the intent, or return the one that this key already made.

    Raises :class:`Refused` when the key was used for something else, :class:`Conflict` when another act
    on the same subject is still under way.
    """
    row = conn.execute(_INSERT, _insert_values(wish)).fetchone()
    if row is not None:
        return Intent.from_row(row)
    earlier = conn.execute(_BY_KEY, [wish.key]).fetchone()
    if earlier is None:
        raise Conflict("Another change is still being confirmed. Wait a moment, then look again.")
    if earlier["request_hash"] != wish.request_hash:
        raise Refused("This form was already used for something else. Open the page again.")
    return Intent.from_row(earlier)


def _insert_values(wish: Wish) -> dict[str, Any]:
    return {
        "key": wish.key,
        "account_id": wish.account_id,
        "user_id": wish.user_id,
        "kind": wish.kind,
        "subject_kind": wish.subject_kind,
        "subject_zoho_id": wish.subject_zoho_id,
        "request": Jsonb(wish.request),
        "request_hash": wish.request_hash,
        "before": None if wish.before is None else Jsonb(wish.before),
        "next_check_at": clock.now() + LEASE,
    }


def get(conn: Conn, intent_id: UUID) -> Intent:
    """Return the intent. Raises :class:`NotFound`."""
    row = conn.execute(_BY_ID, [intent_id]).fetchone()
    if row is None:
        raise NotFound
    return Intent.from_row(row)


def find_by_key(conn: Conn, key: str) -> Intent | None:
    """Return the intent that a form with this key made before."""
    row = conn.execute(_BY_KEY, [key]).fetchone()
    return None if row is None else Intent.from_row(row)


def perform(services: "Services", acts: dict[str, Act], intent_id: UUID) -> Intent:
    """Carry out a ready intent once; return it in the state that it then has.

    Whoever does not win the claim (a second click, another process) gets the intent as it is.
    """
    claimed = _claim(services, intent_id)
    if claimed is None:
        return _read(services, intent_id)
    act = acts[claimed.kind]
    try:
        result = act.call(services, claimed)
    except zoho_errors.OutcomeUnknown:
        return _settle(services, claimed, "unknown", next_check_at=clock.now() + FIRST_LOOK)
    except zoho_errors.ZohoError as refusal:
        return _settle(services, claimed, "refused", problem=refusal.message)
    return _done(services, act, claimed, result)


def resolve(services: "Services", acts: dict[str, Act], intent_id: UUID) -> Intent:
    """Find out what became of an intent that is not settled. Never repeats the act."""
    intent = _read(services, intent_id)
    if intent.is_settled:
        return _follow(services, acts[intent.kind], intent) if intent.next_check_at else intent
    act = acts[intent.kind]
    if intent.state == "ready":
        # Committed, and then the process died before it called: nothing was sent yet.
        if act.send_within is not None and clock.now() - intent.created_at >= act.send_within:
            return _settle(services, intent, "abandoned", problem="It was never sent to Zoho.")
        return perform(services, acts, intent_id)
    try:
        found = act.look_up(services, intent)
    except Failed as failure:
        return _settle(services, intent, "refused", problem=failure.message)
    except zoho_errors.NotFound:
        # What the act was about is gone at Zoho: there is no effect to be found, now or later.
        found = None
    if found is not None:
        return _done(services, act, intent, found)
    called_at = intent.called_at or clock.now()
    if clock.now() - called_at >= BELIEVE_ABSENCE_AFTER:
        return _settle(services, intent, "abandoned", problem="Zoho has no trace of it.")
    wait = max(FIRST_LOOK, (clock.now() - called_at))
    return _settle(services, intent, "unknown", next_check_at=clock.now() + wait)


def list_due(conn: Conn, limit: int = 50) -> list[UUID]:
    """Return the ids of unsettled intents that want a look now."""
    rows = conn.execute(_DUE, {"now": clock.now(), "limit": limit}).fetchall()
    return [row["id"] for row in rows]


def put_off(conn: Conn, intent_id: UUID) -> None:
    """Look at it later, so that it stands in nobody's way meanwhile."""
    conn.execute(_PUT_OFF, {"id": intent_id, "now": clock.now()})


def _claim(services: "Services", intent_id: UUID) -> Intent | None:
    now = clock.now()
    with transaction.as_worker(services.pool) as conn:
        row = conn.execute(_CLAIM, {"id": intent_id, "now": now, "lease": now + LEASE}).fetchone()
    return None if row is None else Intent.from_row(row)


def _read(services: "Services", intent_id: UUID) -> Intent:
    with transaction.as_worker(services.pool) as conn:
        return get(conn, intent_id)


def _done(services: "Services", act: Act, intent: Intent, result: dict[str, Any]) -> Intent:
    return _follow(
        services, act, _settle(services, intent, "done", result=result, next_check_at=clock.now() + LEASE)
    )


def _follow(services: "Services", act: Act, intent: Intent) -> Intent:
    """Bring home what a done act has changed; the act stays done whatever happens here."""
    next_check_at = None
    try:
        act.follow(services, intent)
    except PortalError as trouble:
        age = clock.now() - (intent.called_at or clock.now())
        log.warning("act not followed yet", intent=str(intent.id), problem=trouble.message)
        next_check_at = clock.now() + max(FIRST_LOOK, age) if age < FOLLOW_FOR else None
    with transaction.as_worker(services.pool) as conn:
        conn.execute(_FOLLOWED, {"id": intent.id, "next_check_at": next_check_at})
    return replace(intent, next_check_at=next_check_at)


def _settle(
    services: "Services",
    intent: Intent,
    state: str,
    *,
    result: dict[str, Any] | None = None,
    problem: str = "",
    next_check_at: datetime | None = None,
) -> Intent:
    values = {
        "id": intent.id,
        "state": state,
        "result": None if result is None else Jsonb(result),
        "problem": problem,
        "next_check_at": next_check_at,
        "now": clock.now(),
        "settled": list(SETTLED),
    }
    with transaction.as_worker(services.pool) as conn:
        row = conn.execute(_SETTLE, values).fetchone()
        if row is None:
            return get(conn, intent.id)
        if state in SETTLED:
            _record_activity(conn, intent, state, problem)
        return Intent.from_row(row)


def _record_activity(conn: Conn, intent: Intent, state: str, problem: str) -> None:
    activity.record(
        conn,
        action=f"{intent.kind}:{state}",
        actor_kind="user" if intent.user_id else "system",
        actor_id=intent.user_id,
        account_id=intent.account_id,
        object_kind=intent.subject_kind,
        object_id=intent.subject_zoho_id,
        detail={
            "key": intent.key,
            "request_hash": intent.request_hash,
            "attempts": intent.attempts,
            "problem": problem,
        },
    )
