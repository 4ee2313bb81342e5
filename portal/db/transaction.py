"""Identity per transaction, and only per transaction (SB-03, design.md section 5).

Every statement runs as one of four roles, set by ``set_config(..., true)`` as the first statement and
gone at commit, so a transaction pooler in between is safe (R10):

- :func:`as_member`  ``authenticated``: what a person reads on a page; row-level security shows own accounts
- :func:`as_web`     ``portal_web``: what a web request writes, for a person or (sign-in, webhook) for nobody
- :func:`as_worker`  ``portal_worker``: jobs; the only writer of the mirror
- :func:`as_staff`   ``portal_staff``: sync-status pages

Leaving the block commits, an exception rolls back. No HTTP inside: fetch, then store. The webhook
receiver's one statement takes its role inside a function instead (:func:`alone`).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

Conn = Connection[DictRow]
Pool = ConnectionPool[Conn]

# One round trip: role, claims and search path (the job queue's own statements name no schema).
_IDENTIFY = """
select set_config('role', %(role)s, true),
       set_config('request.jwt.claims', %(claims)s, true),
       set_config('search_path', 'billing, jobs', true)
"""


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
    with _transaction(pool, "portal_worker", None) as conn:
        yield conn


@contextmanager
def as_staff(pool: Pool, user_id: UUID) -> Iterator[Conn]:
    """Look at everything, and ask for repairs, as a member of the merchant's staff."""
    with _transaction(pool, "portal_staff", user_id) as conn:
        yield conn


@contextmanager
def alone(pool: Pool) -> Iterator[Conn]:
    """Hand out a connection on which a statement is a transaction of its own, in one round trip.

    For calls of a function that takes its role itself, as :func:`_transaction` does (migration 0090).
    """
    with pool.connection() as conn:
        conn.autocommit = True
        try:
            yield conn
        finally:
            if not conn.closed:
                conn.autocommit = False


@contextmanager
def _transaction(pool: Pool, role: str, user_id: UUID | None) -> Iterator[Conn]:
    claims: dict[str, Any] = {"role": role}
    if user_id is not None:
        claims["sub"] = str(user_id)
    with pool.connection() as conn, conn.transaction():
        conn.execute(_IDENTIFY, {"role": role, "claims": json.dumps(claims)})
        yield conn
