"""What Zoho told us, kept until it is done: webhooks received and events pulled.

    pending -> applying -> applied            its objects were read again after it arrived
                        -> failed -> applying  tried again later
                                  -> dead      given up after a day; staff may replay it
    ignored                                   names nothing that we mirror; kept and counted (WH-10)

The row is the truth, a job is only a wake-up: :func:`list_due` finds what no job looks after (JOB-06).
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from portal import clock
from portal.db.transaction import Conn
from portal.sync.subjects import Subject

MIN_ATTEMPTS = 8
MIN_AGE = timedelta(hours=24)
# A worker that died with a row in hand: after this long somebody else takes it. Shorter than it takes to
# believe that a worker is dead (portal/jobs/tasks.py has the sum), else its job would run again and find
# nothing. One that is alive keeps its rows for longer by the lock of its job.
HOLD = timedelta(seconds=50)
# How long a fresh row may wait for its own job before the truth scan makes another.
GRACE = timedelta(minutes=2)
# Delays between attempts; each is drawn from half to one and a half of it (WH-11).
DELAYS = (
    *(timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20)),
    *(timedelta(hours=1), timedelta(hours=3), timedelta(hours=7), timedelta(hours=14)),
)
# The same after a failure that is Zoho's: when nobody knows how long it lasts, and when somebody does.
WAIT_FOR_ZOHO = timedelta(minutes=2)
WAIT_FOR_MORE = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)
KEEP_BODIES = timedelta(days=90)
KEEP_KEYS = timedelta(days=400)

# Both live in the database (migration 0090): a function keeps its plan, and takes its role without a trip.
# One list as JSON and bytes as bytes: psycopg would write arrays of text sign by sign.
_STORE = "select billing.store_deliveries(%(told)s, %(bodies)b) as fresh"
_RECEIVE = "select billing.receive_deliveries(%(told)s, %(bodies)b) as fresh"
_CLAIM = """
update billing.inbox
set state = 'applying', attempts = attempts + 1, next_attempt_at = %(hold_until)s
where id in (
  select id from billing.inbox
  where object_kind = %(kind)s and object_zoho_id = %(zoho_id)s
    and state in ('pending', 'failed', 'applying') and next_attempt_at <= %(now)s
  order by received_at limit 500 for update skip locked)
returning id, related, attempts, flags, received_at, event_type, event_time, arrival
"""
_PUT_OFF = """
update billing.inbox set next_attempt_at = %(until)s
where object_kind = %(kind)s and object_zoho_id = %(zoho_id)s
  and state in ('pending', 'failed') and next_attempt_at <= %(now)s
"""
_APPLIED = """
update billing.inbox set state = 'applied', applied_at = %(now)s, effect = %(effect)s, last_error = ''
where id = any(%(ids)s)
"""
# A claim is told by its number of the attempt: one that has lapsed must undo nothing that came after it.
_GIVE_BACK = """
update billing.inbox set state = 'pending', attempts = attempts - 1, next_attempt_at = %(now)s
where id = %(id)s and state = 'applying' and attempts = %(claimed)s
"""
_FAILED = """
update billing.inbox
set state = %(state)s, next_attempt_at = %(next)s, last_error = %(error)s, attempts = %(attempts)s
where id = %(id)s and state = 'applying' and attempts = %(claimed)s
"""
_DUE = """
select distinct object_kind, object_zoho_id from billing.inbox
where state in ('pending', 'applying', 'failed') and next_attempt_at <= %(now)s
  and (state <> 'pending' or received_at <= %(grace)s)
limit %(limit)s
"""
_KNOWN = "select event_id from billing.inbox where event_id = any(%(event_ids)s)"
_REVIVE = """
update billing.inbox set state = 'pending', attempts = 0, next_attempt_at = %(now)s,
  arrival = nextval('billing.arrivals')
where id = %(id)s and state in ('dead', 'failed', 'applied', 'ignored') and object_kind <> ''
returning object_kind, object_zoho_id
"""
_DROP_BODIES = "update billing.inbox set body = null where body is not null and received_at < %(before)s"
_DROP_ROWS = (
    "delete from billing.inbox where received_at < %(before)s and state in ('applied', 'ignored', 'dead')"
)


# A job as portal/jobs/queue.py describes it.
Job = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something Zoho told us, verified and parsed."""

    dedupe_key: str
    kind: str = "webhook"
    event_id: str = ""
    event_type: str = ""
    event_time: datetime | None = None
    subjects: list[Subject] = field(default_factory=list)
    body: bytes | None = None
    secret_used: int | None = None
    flags: list[str] = field(default_factory=list)
    sender: str = ""

    @property
    def is_untimely(self) -> bool:
        """Whether its time is so odd that it is done last: it may be a captured one, sent again (WH-08)."""
        return "late" in self.flags or "early" in self.flags


@dataclass(frozen=True, slots=True)
class Claim:
    """The rows of one object that are being applied together."""

    subject: Subject
    rows: list[dict[str, Any]]

    @property
    def arrival(self) -> int:
        """Return the number of the last of them: a read that began after it satisfies all."""
        return max(int(row["arrival"]) for row in self.rows)

    @property
    def related(self) -> list[Subject]:
        found = [Subject(one["kind"], one["zoho_id"]) for row in self.rows for one in row["related"]]
        return list(dict.fromkeys(found))


def store(conn: Conn, delivery: Delivery) -> bool:
    """Keep the delivery; False when it was here before."""
    row = conn.execute(_STORE, _names([(delivery, None)])).fetchone()
    return bool(row and row["fresh"])


def receive(conn: Conn, arrivals: list[tuple[Delivery, Job | None]]) -> list[bool]:
    """Keep deliveries with the jobs they want, as the web, and commit: in one statement of its own.

    Returns for each whether it was new. ``conn`` has no transaction open (:func:`transaction.alone`).
    """
    row = conn.execute(_RECEIVE, _names(arrivals)).fetchone()
    fresh = set(row["fresh"]) if row else set()
    news = []
    for delivery, _ in arrivals:
        news.append(delivery.dedupe_key in fresh)
        fresh.discard(delivery.dedupe_key)
    return news


def _names(arrivals: list[tuple[Delivery, Job | None]]) -> dict[str, Any]:
    now = clock.now()
    rows = [_row(delivery, now) | ({"job": job} if job else {}) for delivery, job in arrivals]
    return {"told": Jsonb(rows), "bodies": [delivery.body or b"" for delivery, _ in arrivals]}


def _row(delivery: Delivery, now: datetime) -> dict[str, Any]:
    first, *others = delivery.subjects or [Subject("", "")]
    return {
        "dedupe_key": delivery.dedupe_key,
        "kind": delivery.kind,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "event_time": delivery.event_time.isoformat() if delivery.event_time else None,
        "object_kind": first.kind,
        "object_zoho_id": first.zoho_id,
        "related": [subject.as_dict() for subject in others],
        "secret_used": delivery.secret_used,
        "flags": " ".join(delivery.flags),
        "sender": delivery.sender,
        "state": "pending" if delivery.subjects else "ignored",
        "now": now.isoformat(),
    }


def claim(conn: Conn, subject: Subject) -> Claim | None:
    """Take all rows of the object that are due; None when there are none."""
    now = clock.now()
    names = subject.as_dict() | {"now": now, "hold_until": now + HOLD}
    rows = conn.execute(_CLAIM, names).fetchall()
    return Claim(subject, rows) if rows else None


def put_off(conn: Conn, subject: Subject, until: datetime) -> None:
    """Let the rows of the object that are due wait, so that one read does for them and those to come."""
    conn.execute(_PUT_OFF, subject.as_dict() | {"now": clock.now(), "until": until})


def give_back(conn: Conn, taken: Claim) -> None:
    """Let others have the rows at once, as if they had not been claimed."""
    for row in taken.rows:
        conn.execute(_GIVE_BACK, {"id": row["id"], "claimed": row["attempts"], "now": clock.now()})


def mark_applied(conn: Conn, taken: Claim, effect: dict[str, Any]) -> None:
    ids = [row["id"] for row in taken.rows]
    conn.execute(_APPLIED, {"ids": ids, "now": clock.now(), "effect": Jsonb(effect)})


def mark_failed(
    conn: Conn, taken: Claim, error: str, *, poisonous: bool, retry_at: datetime | None = None
) -> tuple[datetime, list[UUID]]:
    """Note a failure; return when to try again, and the rows that are given up now.

    ``poisonous`` tells a failure of these rows from one of Zoho's service, which does not count: an
    outage of a day must not turn everything into dead letters. Such a failure may know ``retry_at``.
    """
    now = clock.now()
    next_tries: list[datetime] = []
    dead: list[UUID] = []
    for row in taken.rows:
        attempts = row["attempts"] if poisonous else row["attempts"] - 1
        given_up = poisonous and attempts >= MIN_ATTEMPTS and now - row["received_at"] >= MIN_AGE
        next_try = now + (_delay(attempts) if poisonous else _pause(now, retry_at))
        noted = conn.execute(
            _FAILED,
            {
                "id": row["id"],
                "claimed": row["attempts"],
                "state": "dead" if given_up else "failed",
                "next": next_try,
                "error": error[:500],
                "attempts": attempts,
            },
        )
        if not noted.rowcount:
            continue
        if given_up:
            dead.append(row["id"])
        else:
            next_tries.append(next_try)
    return min(next_tries, default=now), dead


def list_due(conn: Conn, limit: int = 500) -> list[Subject]:
    """Return the objects with rows that should be looked after now."""
    now = clock.now()
    rows = conn.execute(_DUE, {"now": now, "grace": now - GRACE, "limit": limit}).fetchall()
    return [Subject(row["object_kind"], row["object_zoho_id"]) for row in rows]


def unknown_events(conn: Conn, event_ids: list[str]) -> set[str]:
    """Return those of the ids that never reached us."""
    known = conn.execute(_KNOWN, {"event_ids": event_ids}).fetchall()
    return set(event_ids) - {row["event_id"] for row in known}


def revive(conn: Conn, inbox_id: UUID) -> Subject | None:
    """Make a finished or dead row pending again (replay); None when it cannot be."""
    row = conn.execute(_REVIVE, {"id": inbox_id, "now": clock.now()}).fetchone()
    return Subject(row["object_kind"], row["object_zoho_id"]) if row else None


def prune(conn: Conn) -> None:
    """Drop bodies after 90 days and finished rows after 400 (WH-07)."""
    now = clock.now()
    conn.execute(_DROP_BODIES, {"before": now - KEEP_BODIES})
    conn.execute(_DROP_ROWS, {"before": now - KEEP_KEYS})


def _delay(attempts: int) -> timedelta:
    step = DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
    return step * _jitter()


def _pause(now: datetime, retry_at: datetime | None) -> timedelta:
    """How long to leave Zoho alone: a little longer than it asks for, where that is known."""
    if retry_at is None:
        return WAIT_FOR_ZOHO * _jitter()
    asked = min(max(retry_at - now, timedelta(0)), LONGEST_WAIT)
    return asked + WAIT_FOR_MORE * _jitter()


def _jitter() -> float:
    return random.uniform(0.5, 1.5)  # noqa: S311 - no secret
