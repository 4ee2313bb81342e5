"""The connection pool: what it hands out works, and it finds that out without asking (SB-10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from portal.db import pool as pools
from portal.db.pool import open_pool

if TYPE_CHECKING:
    from portal.db.transaction import Pool

PID = "select pg_backend_pid() as pid"


@pytest.fixture
def single(database_url: str) -> Iterator[Pool]:
    pool = open_pool(database_url, name="test", max_size=1)
    yield pool
    pool.close()


def backend(pool: Pool) -> int:
    with pool.connection() as conn:
        row = conn.execute(PID).fetchone()
    assert row
    return int(row["pid"])


def test_a_connection_that_the_server_ended_is_replaced_before_it_is_handed_out(
    single: Pool, conn: Any
) -> None:
    before = backend(single)
    conn.execute("select pg_terminate_backend(%s, 5000)", [before])

    assert backend(single) != before


def test_a_connection_that_nobody_used_for_a_while_is_asked(
    single: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies in between may drop an idle connection without a word."""
    asked: list[Any] = []
    monkeypatch.setattr(pools.ConnectionPool, "check_connection", asked.append)
    with single.connection() as conn:
        backend_of_it = conn
    asked.clear()
    pools.check(backend_of_it)
    assert asked == []

    backend_of_it.handed_out_at -= pools.TRUSTED_SECONDS  # type: ignore[attr-defined]
    pools.check(backend_of_it)
    assert asked == [backend_of_it]
