"""What the staff's views share: their transaction, their line in the audit trail, and waking the worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from procrastinate.tasks import Task

from portal import activity
from portal.db import transaction
from portal.db.transaction import Conn
from portal.jobs import queue
from portal.web.current import current_services, signed_in_session


def staff_id() -> UUID:
    """Return who is asking."""
    return signed_in_session().person.user_id


@contextmanager
def reading() -> Iterator[Conn]:
    """Look at everything, as staff."""
    with transaction.as_staff(current_services().pool, staff_id()) as conn:
        yield conn


def note(conn: Conn, action: str, kind: str, object_id: str, **detail: Any) -> None:
    """Write down who did what (LOG-04)."""
    activity.record(
        conn,
        action=action,
        actor_kind="staff",
        actor_id=staff_id(),
        object_kind=kind,
        object_id=object_id,
        detail=detail,
    )


def wake(task: Task[Any, Any, Any], *, once: str, lock: str | None = None, **arguments: Any) -> None:
    """Put a job on the queue. Staff may not write there, so it is the web server that does."""
    with transaction.as_web(current_services().pool, staff_id()) as conn:
        queue.defer(conn, task, once=once, lock=lock, **arguments)
