"""Applying again what the inbox already holds: one row from the admin page, or many by command.

Replaying never believes the old body: it reads the object from Zoho as it is today, so it is safe at any
time and as often as one likes.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from portal.db import transaction
from portal.db.transaction import Conn
from portal.sync import apply, inbox, reconcile, runs
from portal.sync.runs import Report, Run, silently
from portal.sync.subjects import Subject

if TYPE_CHECKING:
    from portal.services import Services

BATCH = 200

_CHOOSE = """
select id from billing.inbox
where object_kind <> '' and id > %(after)s and state = any(%(states)s)
  and (%(since)s::timestamptz is null or received_at >= %(since)s)
  and (%(zoho_id)s = '' or object_zoho_id = %(zoho_id)s or event_id = %(zoho_id)s)
order by id limit %(limit)s
"""
_COUNT = """
select count(*) as n from billing.inbox
where object_kind <> '' and state = any(%(states)s)
  and (%(since)s::timestamptz is null or received_at >= %(since)s)
  and (%(zoho_id)s = '' or object_zoho_id = %(zoho_id)s or event_id = %(zoho_id)s)
"""
_FIRST = UUID(int=0)


def one(conn: Conn, inbox_id: UUID) -> Subject | None:
    """Make one row pending again; the caller wakes the worker. None when it names nothing to read."""
    return inbox.revive(conn, inbox_id)


def many(
    services: "Services",
    *,
    states: tuple[str, ...] = ("dead", "failed"),
    since: datetime | None = None,
    zoho_id: str = "",
    report: Report = silently,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Apply every matching row again. Raises :class:`~portal.sync.runs.UnderWay`."""
    choice = {"states": list(states), "since": since, "zoho_id": zoho_id}
    with transaction.as_worker(services.pool) as conn:
        run = runs.begin(conn, "replay")
        wanted = [list(states), str(since), zoho_id]
        if run.cursor.get("wanted") != wanted:  # one that was left wanted something else
            run.cursor = {"wanted": wanted}
        counted = conn.execute(_COUNT, choice).fetchone()
        total = int(counted["n"]) if counted else 0

    def work() -> None:
        for batch in _batches(services, run, choice):
            if stop():
                raise reconcile.Stopped
            for subject in batch:
                apply.apply(services, subject)
                run.calls += 1
            run.progress = {"what": "events applied again", "done": run.rows_read, "total": total}
            report(run)

    return reconcile.guarded(services, run, work)


def _batches(services: "Services", run: Run, choice: dict[str, Any]) -> Iterator[list[Subject]]:
    """Revive rows batch by batch and yield their objects, each once a batch."""
    while True:
        names = {**choice, "after": UUID(run.cursor.get("after", str(_FIRST))), "limit": BATCH}
        with transaction.as_worker(services.pool) as conn:
            ids = [row["id"] for row in conn.execute(_CHOOSE, names)]
            if not ids:
                return
            revived = [inbox.revive(conn, inbox_id) for inbox_id in ids]
            run.cursor["after"] = str(ids[-1])
            run.rows_read += len(ids)
            runs.record(conn, run)
        yield list(dict.fromkeys(subject for subject in revived if subject is not None))
