"""Reading one object again from Zoho and bringing the mirror level: the one path, whatever the cause.

A webhook, a return from a hosted page, a command of ours, reconciliation, a member of staff: all come
through here. Lock, then fetch (no transaction open), then one commit: mirror, what changed (audit trail,
mails), the lease given back. "Zoho does not know it any more" is an answer too.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portal import activity
from portal.billing import change
from portal.billing.statuses import NOT_STARTED
from portal.db import transaction
from portal.db.transaction import Conn
from portal.mail import dunning
from portal.mirror.rows import Stamp, Written
from portal.sync import reads
from portal.sync.kinds import KINDS, SubscriptionRead
from portal.sync.reads import Read
from portal.sync.subjects import Subject
from portal.zoho import errors

if TYPE_CHECKING:
    from portal.services import Services

LANES = {"webhook": "webhook", "reconcile": "reconcile", "replay": "reconcile"}
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: Zoho's object (None: gone, or skipped) and the rows written."""

    subject: Subject
    model: Any = None
    written: list[Written] = field(default_factory=list)
    skipped: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything in the mirror is different now."""
        return any(one.changed for one in self.written)

    @property
    def refused(self) -> bool:
        """Whether what was read was older than what we have."""
        return any(one.refused for one in self.written)


def refresh(services: "Services", kind: str, zoho_id: str, *, source: str) -> Any:
    """Read the object from Zoho and write it to the mirror; return Zoho's object, None when it is gone.

    Raises the :mod:`portal.zoho.errors` family and :class:`~portal.sync.reads.Busy`; the mirror is then
    as it was.
    """
    model = read(services, Subject(kind, zoho_id), source=source).model
    return model.subscription if isinstance(model, SubscriptionRead) else model


def read(
    services: "Services",
    subject: Subject,
    *,
    source: str,
    needed_for: int | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Refreshed:
    """Refresh ``subject``; with ``needed_for``, only if the last read began before that delivery arrived."""
    kind = KINDS[subject.kind]
    with reads.exclusive(services.pool, subject, patience=patience) as lease:
        if needed_for is not None and not lease.is_needed_for(needed_for):
            reads.give_back(services.pool, lease)
            return Refreshed(subject, skipped=True)
        zoho = services.zoho.lane(LANES.get(source, "interactive"))
        try:
            model = kind.fetch(zoho, services.pool, subject.zoho_id)
        except errors.NotFound:
            model = None
        return _store(services, lease, model, source)


def _store(services: "Services", lease: Read, model: Any, source: str) -> Refreshed:
    subject = lease.subject
    with transaction.as_worker(services.pool) as conn:
        written = KINDS[subject.kind].store(conn, subject.zoho_id, model, Stamp(source, lease.began))
        for one in written:
            _follow(conn, subject.kind, one, source)
        reads.settle(conn, lease)
    return Refreshed(subject, model, written)


def _follow(conn: Conn, kind: str, written: Written, source: str) -> None:
    """Write down what a write meant, and start what follows from it, on its transaction."""
    if not written.changed:
        return
    changes = change.between(KINDS[kind].name, written.before, written.after)
    dunning.follow(conn, changes)
    for one in changes:
        activity.record(
            conn,
            action=one.what,
            actor_kind="zoho",
            account_id=one.row["account_id"],
            object_kind=KINDS[kind].name,
            object_id=one.row["zoho_id"],
            detail={**one.detail, "source": source},
        )
    after = written.after
    if kind == "subscription" and after is not None and after["status"] != NOT_STARTED:
        from portal.sync import checkouts  # which refreshes in turn

        checkouts.complete_by_reference(conn, after["reference_id"], after["zoho_id"], source)
