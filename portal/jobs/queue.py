"""The job queue, procrastinate on our own Postgres: what a job may be, and how one is put on it.

A job carries ids only and is a wake-up, never the truth: the inbox and the outbox hold what must not be
lost, so a job that is lost, doubled or late does no harm. Jobs are put on the queue on the caller's
connection, so that they exist exactly when the caller's rows do (JOB-01).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.tasks import Task
from psycopg.types.json import Jsonb

from portal.db.transaction import Conn

# The web never opens this connector: it defers on its own connections. The worker replaces it.
app = App(connector=PsycopgConnector(), import_paths=["portal.jobs.tasks"])

LOW = -10
# How the worker connects. A pooler in transaction mode refuses this or forgets it; `portal doctor` looks.
OPTIONS = "-c search_path=jobs,billing -c statement_timeout=60000"

# Migration 0090: a job that waits already is no error.
_DEFER = "select billing.defer_jobs(%(jobs)s) as added"


def describe(
    task: Task[Any, Any, Any],
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> dict[str, Any]:
    """Describe a job, to be put on the queue by :func:`put` or together with what it is about.

    ``lock`` keeps two jobs from running together, ``once`` from waiting together.
    """
    return {
        "queue": task.queue,
        "task": task.name,
        "priority": priority,
        "lock": lock,
        "once": once,
        "arguments": arguments,
        "at": at.isoformat() if at else None,
    }


def put(conn: Conn, jobs: Sequence[dict[str, Any]]) -> int:
    """Put jobs on the queue within the caller's transaction; return how many did not wait there already."""
    row = conn.execute(_DEFER, {"jobs": Jsonb(list(jobs))}).fetchone()
    return int(row["added"]) if row else 0


def defer(conn: Conn, task: Task[Any, Any, Any], **how: Any) -> bool:
    """Put one job, as :func:`describe` takes it, on the queue; False when it waits there already."""
    return put(conn, [describe(task, **how)]) == 1


def connector(database_url: str) -> PsycopgConnector:
    """Return connections of the worker's own: in session mode, because it listens on them."""
    # As the tables' owner: under row-level security Postgres hides which key was taken, and procrastinate
    # reads that out of the error.
    return PsycopgConnector(
        conninfo=database_url,
        kwargs={"options": OPTIONS, "application_name": "portal-queue", "prepare_threshold": None},
        min_size=1,
        max_size=3,
    )
