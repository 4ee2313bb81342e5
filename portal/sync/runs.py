"""Runs of the reconciliation: begun once, continued by whoever comes next, reported as they go.

A run keeps its cursor in its row after every page, so a killed worker, a spent call budget or a deploy
cost at most one page. Only one run of a kind is under way at a time (a unique index says so).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from portal import clock
from portal.db.transaction import Conn
from portal.errors import Conflict

# A run whose worker has said nothing for this long is free to be continued.
SILENT = timedelta(minutes=3)

_BEGIN = """
insert into billing.sync_runs (kind, requested_by, cursor, started_at, heartbeat_at)
values (%(kind)s, %(requested_by)s, %(cursor)s, %(now)s, %(now)s)
on conflict (kind) where state = 'running' do nothing
returning *
"""
_REQUEST = """
insert into billing.sync_runs (kind, requested_by, cursor, started_at, heartbeat_at)
values (%(kind)s, %(requested_by)s, %(cursor)s, %(now)s, %(silent)s)
on conflict (kind) where state = 'running' do nothing
returning id
"""
_CONTINUE = """
update billing.sync_runs set heartbeat_at = %(now)s, problem = ''
where kind = %(kind)s and state = 'running' and heartbeat_at <= %(silent)s
returning *
"""
_RECORD = """
update billing.sync_runs
set cursor = %(cursor)s, progress = %(progress)s, calls = %(calls)s, rows_read = %(rows_read)s,
    rows_written = %(rows_written)s, drift_found = %(drift_found)s, heartbeat_at = %(now)s,
    problem = %(problem)s
where id = %(id)s
"""
_LET_GO = "update billing.sync_runs set heartbeat_at = %(silent)s, problem = %(problem)s where id = %(id)s"
_FINISH = """
update billing.sync_runs
set state = %(state)s, problem = %(problem)s, finished_at = %(now)s, heartbeat_at = %(now)s
where id = %(id)s
"""
_UNFINISHED = "select kind from billing.sync_runs where state = 'running' and heartbeat_at <= %(silent)s"
_LAST = """
select * from billing.sync_runs where kind = %(kind)s and state = 'done' order by started_at desc limit 1
"""
_FORGET_SEEN = "delete from billing.sync_seen where run_id = %(id)s"


class UnderWay(Conflict):
    """A reconciliation of this kind is running already. Watch it on the sync status page."""


@dataclass(slots=True)
class Run:
    """One run and its counts; :func:`record` writes them down."""

    id: UUID
    kind: str
    cursor: dict[str, Any]
    progress: dict[str, Any] = field(default_factory=dict)
    calls: int = 0
    rows_read: int = 0
    rows_written: int = 0
    drift_found: int = 0
    problem: str = ""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Run":
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


Report = Callable[[Run], None]


def silently(_run: Run) -> None:
    """Report nothing."""


def begin(
    conn: Conn, kind: str, *, requested_by: UUID | None = None, cursor: dict[str, Any] | None = None
) -> Run:
    """Begin a run, or continue the one that was left. Raises :class:`UnderWay`."""
    now = clock.now()
    left = conn.execute(_CONTINUE, {"kind": kind, "now": now, "silent": now - SILENT}).fetchone()
    if left is not None:
        return Run.from_row(left)
    names = {"kind": kind, "requested_by": requested_by, "cursor": Jsonb(cursor or {}), "now": now}
    row = conn.execute(_BEGIN, names).fetchone()
    if row is None:
        raise UnderWay
    return Run.from_row(row)


def request(conn: Conn, kind: str, requested_by: UUID, options: dict[str, bool]) -> UUID | None:
    """Ask for a run (as portal_staff); whoever works next takes it. None when one is under way."""
    now = clock.now()
    names = {"kind": kind, "requested_by": requested_by, "cursor": Jsonb(options), "now": now}
    row = conn.execute(_REQUEST, {**names, "silent": now - SILENT}).fetchone()
    return row["id"] if row else None


def record(conn: Conn, run: Run) -> None:
    """Write down how far the run has come."""
    counts = {name: getattr(run, name) for name in ("calls", "rows_read", "rows_written", "drift_found")}
    names = {"id": run.id, "cursor": Jsonb(run.cursor), "progress": Jsonb(run.progress), "now": clock.now()}
    conn.execute(_RECORD, {**counts, **names, "problem": run.problem})


def let_go(conn: Conn, run: Run, problem: str) -> None:
    """Leave the run for somebody to continue at once (budget spent, worker stopping)."""
    silent = clock.now() - SILENT
    conn.execute(_LET_GO, {"id": run.id, "silent": silent, "problem": problem[:500]})


def finish(conn: Conn, run: Run, state: str = "done", problem: str = "") -> None:
    conn.execute(_FINISH, {"id": run.id, "state": state, "problem": problem[:500], "now": clock.now()})
    conn.execute(_FORGET_SEEN, {"id": run.id})


def list_unfinished(conn: Conn) -> list[str]:
    """Return the kinds of runs that nobody is working on."""
    rows = conn.execute(_UNFINISHED, {"silent": clock.now() - SILENT}).fetchall()
    return [row["kind"] for row in rows]


def find_last(conn: Conn, kind: str) -> dict[str, Any] | None:
    """Return the last run of the kind that went to its end."""
    return conn.execute(_LAST, {"kind": kind}).fetchone()
