"""The job queue, procrastinate on our own Postgres: what a job may be, and how one is put on it.

A job carries ids only and is a wake-up, never the truth: the inbox and the outbox hold what must not be
lost, so a job that is lost, doubled or late does no harm. Jobs are put on the queue on the caller's
connection, so that they exist exactly when the caller's rows do (JOB-01).
"""

from datetime import datetime
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.tasks import Task

from portal.db.transaction import Conn

# The web never opens this connector: it defers on its own connections. The worker replaces it.
app = App(connector=PsycopgConnector(), import_paths=["portal.jobs.tasks"])

LOW = -10


def defer(
    conn: Conn,
    task: Task[Any, Any, Any],
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> bool:
    """Put a job on the queue within the caller's transaction; False when ``once`` already waits there.

    ``lock`` keeps two jobs from running together, ``once`` from waiting together.
    """
    job = task.configure(lock=lock, queueing_lock=once, schedule_at=at, priority=priority, connection=conn)
    try:
        with conn.transaction():  # a savepoint: a refused job must not undo the caller's work
            job.defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True


def connected(database_url: str) -> App:
    """Return the queue on connections of its own, as the worker needs it (LISTEN, so session mode)."""
    options = "-c search_path=jobs,billing -c role=portal_worker -c statement_timeout=60000"
    connector = PsycopgConnector(
        conninfo=database_url,
        kwargs={"options": options, "application_name": "portal-queue", "prepare_threshold": None},
        min_size=1,
        max_size=3,
    )
    return app.with_connector(connector)
