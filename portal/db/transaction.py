"""Identity per transaction, and only per transaction (SB-03, design.md section 5).

Every statement runs as one of four roles, set by ``set_config(..., true)`` in the same round trip as
``begin`` and gone at commit, so a transaction pooler in between is safe (R10):

- :func:`as_member`  ``authenticated``: what a person reads on a page; row-level security shows own accounts
- :func:`as_web`     ``portal_web``: what a web request writes, for a person or (sign-in, webhook) for nobody
- :func:`as_worker`  ``portal_worker``: jobs; the only writer of the mirror
- :func:`as_staff`   ``portal_staff``: sync-status pages

Leaving the block commits, an exception rolls back. No HTTP inside: fetch, then store. The webhook
receiver's one statement takes its role inside a function instead (:func:`alone`).

A round trip costs more than most statements, so what is known together is sent together
(:func:`together`, :func:`worker_asks`, :func:`worker_does`; docs/decisions/0080).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import ClientCursor, Connection, sql
from psycopg.rows import DictRow
from psycopg.sql import Composed
from psycopg_pool import ConnectionPool

Conn = Connection[DictRow]
Rows = list[DictRow]
Values = dict[str, Any]
Pool = ConnectionPool[Conn]

# Role, claims and search path (the job queue's own statements name no schema), and how long a statement
# and a pause between two may take: whoever waits for a lock longer than that gives up, and a process that
# hangs in a transaction holds nobody up (SB-10). The same words begin every transaction of a person, so they
# are composed once, and nothing is bound.
_BEGIN = sql.SQL("""
begin;
select set_config('role', {role}, true),
       set_config('request.jwt.claims', {claims}, true),
       set_config('search_path', 'billing, jobs', true),
       set_config('statement_timeout', {patience}, true),
       set_config('idle_in_transaction_session_timeout', '10s', true);
""")
_OF_BEGIN = 2  # so many results come before those of the statements that are sent along
_WORKER = "portal_worker"
# A page that needs longer is a fault; a sweep over all rows may.
_PATIENCE, _PATIENCE_OF_WORKER = "5s", "60s"


@contextmanager
def as_member(pool: Pool, user_id: UUID) -> Iterator[Conn]:
    """Read as the signed-in person: rows of their own accounts and the catalogue."""
    with _transaction(pool, "authenticated", user_id) as conn:
        yield conn


@contextmanager
def as_web(pool: Pool, user_id: UUID | None = None) -> Iterator[Conn]:
    """Write for the signed-in person, or sign somebody in (``user_id`` None)."""
    with _transaction(pool, "portal_web", user_id) as conn:
        yield conn


@contextmanager
def as_worker(pool: Pool) -> Iterator[Conn]:
    """Work for the system: jobs, sync, mail."""
    with _transaction(pool, _WORKER, None) as conn:
        yield conn


@contextmanager
def as_staff(pool: Pool, user_id: UUID) -> Iterator[Conn]:
    """Look at everything, and ask for repairs, as a member of the merchant's staff."""
    with _transaction(pool, "portal_staff", user_id) as conn:
        yield conn


@contextmanager
def worker_asks(pool: Pool, statements: LiteralString, values: Values) -> Iterator[tuple[Conn, list[Rows]]]:
    """As :func:`as_worker`, with the first statements sent along; hand out their rows too."""
    with pool.connection() as conn:
        found = together(conn, _begin(_WORKER) + statements.encode(), values)
        yield conn, found[_OF_BEGIN:]
        conn.commit()


def worker_does(pool: Pool, statement: LiteralString | Composed, values: Values) -> Rows:
    """Run a transaction of one statement, as :func:`as_worker` would, in one round trip."""
    with pool.connection() as conn:
        text = statement.as_bytes() if isinstance(statement, Composed) else statement.encode()
        return together(conn, _begin(_WORKER) + text + b"; commit", values)[_OF_BEGIN]


def commit_with(conn: Conn, statement: LiteralString, values: Values) -> None:
    """Run the last statement of a transaction and commit in the same round trip."""
    together(conn, statement + "; commit", values)


def together(conn: Conn, statements: LiteralString | bytes | Composed, values: Values) -> list[Rows]:
    """Run several statements in one round trip and return the rows of each.

    Each sees what was committed before it began, as if they were sent one by one; one that fails ends the
    rest. Values are quoted on this side: only Postgres's simple protocol takes several statements at once.
    """
    with ClientCursor(conn, row_factory=conn.row_factory) as cursor:
        cursor.execute(statements, values)
        return [result.fetchall() if result.description else [] for result in cursor.results()]


@contextmanager
def alone(pool: Pool) -> Iterator[Conn]:
    """Hand out a connection on which a statement is a transaction of its own, in one round trip.

    For calls of a function that takes its role itself, as :func:`_transaction` does (migration 0090).
    """
    with pool.connection() as conn:
        yield conn


@contextmanager
def _transaction(pool: Pool, role: str, user_id: UUID | None) -> Iterator[Conn]:
    with pool.connection() as conn:
        conn.execute(_begin(role, user_id))
        yield conn
        conn.commit()  # here and not by the pool, which says nothing when the connection was lost


@lru_cache(maxsize=1000)
def _begin(role: str, user_id: UUID | None = None) -> bytes:
    claims = {"role": role} | ({} if user_id is None else {"sub": str(user_id)})
    patience = _PATIENCE_OF_WORKER if role == _WORKER else _PATIENCE
    return _BEGIN.format(role=role, claims=json.dumps(claims), patience=patience).as_bytes()
