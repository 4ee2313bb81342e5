"""Applying what Zoho told us: read the object again, then what hangs together with it.

One call handles every waiting row of one object, so any number of deliveries costs one read, and a read
that began after a delivery arrived is not repeated (WH-08). Related objects are read only if something
about the first one changed, or if we have never seen them.
"""

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from portal import activity, clock
from portal.db import transaction, trouble
from portal.db.transaction import Conn
from portal.errors import Unavailable
from portal.mail import dunning
from portal.sync import inbox, methods, reads, refresh
from portal.sync.inbox import Claim
from portal.sync.kinds import KINDS, SubscriptionRead, find_row
from portal.sync.refresh import Refreshed
from portal.sync.subjects import Subject
from portal.zoho.budget import Budget

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

# A chain of consequences ends by itself (nothing changed); this bounds a strange one.
MOST_READS = 40
WORKER_PATIENCE = 30.0
# Between tries to give rows back when the connection was lost; the pool waits two seconds for one each time.
PAUSES_WITHOUT_DATABASE = (0.0, 1.0, 2.0, 4.0)
# When the day's calls run short, an object is read for deliveries at most so often.
GATHER = timedelta(minutes=5)


def apply(services: "Services", subject: Subject) -> datetime | None:
    """Apply all that waits for ``subject``; return when to try again after a failure, else None."""
    with transaction.as_worker(services.pool) as conn:
        later = _better_together(services, conn, subject)
        if later is not None:
            inbox.put_off(conn, subject, later)
            return later
        taken = inbox.claim(conn, subject)
    if taken is None:
        return None
    try:
        _work_off(services, taken)
    except Unavailable as problem:
        return _failed(services, taken, problem, poisonous=False)
    except Exception as problem:
        if trouble.is_lost(problem):
            # Neither the object nor Zoho had a part in it: whoever begins the job again finds the rows.
            _give_back(services, taken)
            raise
        log.warning("apply failed", subject=subject.lock, error=repr(problem))
        # Whatever it is, it must not stop other objects (WH-11).
        return _failed(services, taken, problem, poisonous=True)
    return None


def _work_off(services: "Services", taken: Claim) -> None:
    effect = _read_all(services, taken)
    with transaction.as_worker(services.pool) as conn:
        _follow_notices(conn, taken)
        inbox.mark_applied(conn, taken, effect)


def _give_back(services: "Services", taken: Claim) -> None:
    """Give the rows back over a new connection; without one their claim ends by itself (inbox.HOLD)."""
    for pause in PAUSES_WITHOUT_DATABASE:
        time.sleep(pause)
        try:
            with transaction.as_worker(services.pool) as conn:
                inbox.give_back(conn, taken)
        except psycopg.OperationalError:
            continue
        return


def _better_together(services: "Services", conn: Conn, subject: Subject) -> datetime | None:
    """Return until when to gather deliveries of an object, late in a day of many calls (API-03)."""
    if not Budget(services.settings, services.pool).usage(conn).should_coalesce:
        return None
    last = reads.find_last(conn, subject)
    return last + GATHER if last is not None and last + GATHER > clock.now() else None


def _read_all(services: "Services", taken: Claim) -> dict[str, Any]:
    """Read the object, then breadth first what its change may have touched."""
    late = all("late" in row["flags"] for row in taken.rows)
    source = "replay" if late else "webhook"
    waiting = [(taken.subject, False), *((subject, True) for subject in taken.related)]
    seen: set[Subject] = set()
    effect: dict[str, Any] = {"read": [], "changed": [], "skipped": 0}
    any_change = False
    while waiting and len(seen) < MOST_READS:
        subject, only_if_needed = waiting.pop(0)
        if subject in seen or subject.kind not in KINDS or not subject.zoho_id:
            continue
        seen.add(subject)
        if only_if_needed and not any_change and _is_known(services, subject):
            effect["skipped"] += 1
            continue
        done = refresh.read(
            services, subject, source=source, needed_for=taken.arrival, patience=WORKER_PATIENCE
        )
        _note(effect, done)
        any_change = any_change or done.changed or done.skipped
        if done.changed:
            waiting += [(other, False) for other in (*related(done), *_orphaned(services, subject))]
    return effect


def _follow_notices(conn: Conn, taken: Claim) -> None:
    """Follow Zoho's notices that a date is near; what the object then says decides."""
    subject = taken.subject
    for row in taken.rows:
        if row["event_type"] in dunning.NOTICES and row["event_time"] and "late" not in row["flags"]:
            customer = subject.zoho_id
            if subject.kind != "payment_methods":
                known = find_row(conn, subject.kind, subject.zoho_id) if subject.kind in KINDS else None
                customer = known["customer_zoho_id"] if known else ""
            if customer:
                dunning.follow_calendar(conn, today=row["event_time"].date(), customer=customer)


def related(done: Refreshed) -> list[Subject]:
    """Name what changes together with an object that was just read."""
    model = done.model
    match done.subject.kind:
        case "subscription" if isinstance(model, SubscriptionRead):
            found = model.subscription
            return _subjects(
                ("invoice", [found.child_invoice_zoho_id]),
                ("payment_methods", [found.customer_zoho_id] if found.payment_method_zoho_id else []),
                ("customer", [found.customer_zoho_id]),
            )
        case "invoice" if model is not None:
            return _subjects(
                ("subscription", model.subscription_zoho_ids),
                ("payment", [payment.payment_zoho_id for payment in model.payments]),
                ("customer", [model.customer_zoho_id]),
            )
        case "payment" | "credit_note" if model is not None:
            return _subjects(
                ("invoice", [part.invoice_zoho_id for part in model.applied]),
                ("customer", [model.customer_zoho_id]),
            )
        case _:
            return []


def _orphaned(services: "Services", subject: Subject) -> list[Subject]:
    """Name the subscriptions that were charged to a method which has just left."""
    if subject.kind != "payment_methods":
        return []
    with transaction.as_worker(services.pool) as conn:
        return _subjects(("subscription", methods.list_orphaned(conn, subject.zoho_id)))


def _subjects(*groups: tuple[str, list[str]]) -> list[Subject]:
    return [Subject(kind, zoho_id) for kind, ids in groups for zoho_id in ids if zoho_id]


def _is_known(services: "Services", subject: Subject) -> bool:
    if subject.kind == "payment_methods":
        return False
    with transaction.as_worker(services.pool) as conn:
        return find_row(conn, subject.kind, subject.zoho_id) is not None


def _note(effect: dict[str, Any], done: Refreshed) -> None:
    if done.skipped:
        effect["skipped"] += 1
        return
    effect["read"].append(done.subject.lock)
    if done.changed:
        fields = sorted({name for one in done.written for name in one.fields if name != "raw"})
        effect["changed"].append({"object": done.subject.lock, "fields": fields[:40]})


def _failed(services: "Services", taken: Claim, problem: Exception, *, poisonous: bool) -> datetime | None:
    with transaction.as_worker(services.pool) as conn:
        again, dead = inbox.mark_failed(
            conn,
            taken,
            f"{type(problem).__name__}: {problem}",
            poisonous=poisonous,
            retry_at=problem.retry_at if isinstance(problem, Unavailable) else None,
        )
        for inbox_id in dead:
            activity.record(conn, action="inbox:dead", object_kind="inbox", object_id=str(inbox_id))
    if dead:
        log.error("dead letter", subject=taken.subject.lock, rows=len(dead))
    return again if len(dead) < len(taken.rows) else None


def now_due(services: "Services") -> list[Subject]:
    """Return the objects whose rows no job may be looking after."""
    with transaction.as_worker(services.pool) as conn:
        return inbox.list_due(conn)
