"""The job queue, procrastinate on our own Postgres: what a job may be, and how one is put on it.

A job carries ids only and is a wake-up, never the truth: the inbox and the outbox hold what must not be
lost, so a job that is lost, doubled or late does no harm. Jobs are put on the queue on the caller's
connection, so that they exist exactly when the caller's rows do (JOB-01).
"""

from datetime import datetime
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.tasks import Task
from psycopg.types.json import Jsonb

from portal.db.transaction import Conn

# The web never opens this connector: it defers on its own connections. The worker replaces it.
app = App(connector=PsycopgConnector(), import_paths=["portal.jobs.tasks"])

LOW = -10

# What procrastinate's own function does, but a job that waits already is no error: no savepoint, no
# second round trip, and nothing to parse out of a message that row-level security shortens.
_DEFER = """
insert into jobs.procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
values (%(queue)s, %(task)s, %(priority)s, %(lock)s, %(once)s, %(arguments)s, %(at)s)
on conflict (queueing_lock) where status = 'todo' do nothing
returning id
"""


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
    names = {
        "queue": task.queue,
        "task": task.name,
        "priority": priority,
        "lock": lock,
        "once": once,
        "arguments": Jsonb(arguments),
        "at": at,
    }
    return conn.execute(_DEFER, names).fetchone() is not None


def connector(database_url: str) -> PsycopgConnector:
    """Return connections of the worker's own (LISTEN needs them in session mode)."""
    # As the tables' owner: under row-level security Postgres hides which key was taken, and procrastinate
    # reads that out of the error.
    options = "-c search_path=jobs,billing -c statement_timeout=60000"
    return PsycopgConnector(
        conninfo=database_url,
        kwargs={"options": options, "application_name": "portal-queue", "prepare_threshold": None},
        min_size=1,
        max_size=3,
    )
