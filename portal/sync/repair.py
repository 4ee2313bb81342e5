"""Bringing one object level by reading it again: in a run, or because a member of staff points at it."""

from typing import TYPE_CHECKING

import psycopg
import structlog

from portal import activity
from portal.db import transaction
from portal.errors import PortalError
from portal.mirror.rows import Written
from portal.sync import drift, refresh
from portal.sync.kinds import KINDS
from portal.sync.runs import Run
from portal.sync.subjects import Subject
from portal.zoho import errors

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

MOST = 40
NOT_READ = "read:failed"

# What is wrong with this very object, as opposed to Zoho or the database being away.
_OWN_FAULTS = (errors.BadAnswer, errors.Rejected, psycopg.DataError, psycopg.IntegrityError)

_BELONGINGS = """
(select 'subscription' as kind, zoho_id from billing.subscriptions
 where customer_zoho_id = %(zoho_id)s and gone_at is null limit %(most)s)
union all
(select 'invoice', zoho_id from billing.invoices
 where customer_zoho_id = %(zoho_id)s and gone_at is null and balance > 0 limit %(most)s)
"""


def with_belongings(services: "Services", subject: Subject) -> list[Subject]:
    """Return the object; of a customer also its payment methods, subscriptions and open invoices."""
    if subject.kind != "customer":
        return [subject]
    with transaction.as_worker(services.pool) as conn:
        rows = conn.execute(_BELONGINGS, {"zoho_id": subject.zoho_id, "most": MOST}).fetchall()
    found = [Subject(row["kind"], row["zoho_id"]) for row in rows]
    return [subject, Subject("payment_methods", subject.zoho_id), *found]


def because_asked(services: "Services", subject: Subject) -> None:
    """Read it and its belongings again for somebody who waits; what stood in the way is shown on its page."""
    try:
        for each in with_belongings(services, subject):
            one(services, each)
    except PortalError as problem:
        log.warning("not read again", subject=subject.lock, error=repr(problem))
        with transaction.as_worker(services.pool) as conn:
            activity.record(
                conn,
                action=NOT_READ,
                object_kind=subject.kind,
                object_id=subject.zoho_id,
                detail={"problem": problem.message},
            )


def one(services: "Services", subject: Subject) -> bool:
    """Read it again, and close its open drift; return whether anything changed."""
    if subject.kind not in KINDS:
        return False
    done = refresh.read(services, subject, source="reconcile", patience=20.0)
    with transaction.as_worker(services.pool) as conn:
        drift.mark_repaired(conn, subject.kind, subject.zoho_id)
    return done.changed


def bring_level(services: "Services", run: Run, subject: Subject) -> bool:
    """Read it again for a run, which notes what that changed; return whether it could be read.

    What cannot be read or stored becomes an open drift: one such object must not hide the others (WH-11).
    """
    try:
        done = refresh.read(services, subject, source="reconcile", patience=20.0)
    except _OWN_FAULTS as problem:
        log.warning("object not readable", subject=subject.lock, error=repr(problem))
        run.calls += 1
        with transaction.as_worker(services.pool) as conn:
            told = f"{type(problem).__name__}: {problem}"
            run.drift_found += drift.record_unreadable(conn, run.id, subject.kind, subject.zoho_id, told)
        return False
    run.calls += 1
    with transaction.as_worker(services.pool) as conn:
        drift.mark_repaired(conn, subject.kind, subject.zoho_id)
        note(conn, run, subject.kind, done.written)
    return True


def note(conn: transaction.Conn, run: Run, kind: str, written: list[Written]) -> None:
    """Count what a run has written, and keep each as a difference unless this is the first copy of all."""
    for one in written:
        if one.changed:
            run.rows_written += 1
            if not run.cursor.get("first"):
                run.drift_found += drift.record(conn, run.id, kind, one)
