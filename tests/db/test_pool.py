"""The connection pool: what it hands out works, and it finds that out without asking (SB-10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from portal.db import pool as pools
from portal.db import transaction
from portal.db.pool import open_pool

if TYPE_CHECKING:
    from portal.db.transaction import Pool

PID = "select pg_backend_pid() as pid"
PATIENCE = """
select current_setting('statement_timeout') as statement,
       current_setting('idle_in_transaction_session_timeout') as pause
"""


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


@pytest.mark.parametrize(
    ("role", "patience"),
    [("as_web", "5s"), ("as_member", "5s"), ("as_staff", "5s"), ("as_worker", "1min")],
)
def test_sb_10_every_transaction_says_how_long_it_waits(single: Pool, role: str, patience: str) -> None:
    """Also behind a pooler, which refuses options at the start; nothing of it stays on the connection."""
    who = [] if role == "as_worker" else [uuid4()]
    with getattr(transaction, role)(single, *who) as conn:
        row = conn.execute(PATIENCE).fetchone()
    assert row == {"statement": patience, "pause": "10s"}
    with transaction.alone(single) as conn:
        assert conn.execute(PATIENCE).fetchone() == {"statement": "0", "pause": "0"}


def test_sb_10_who_waits_for_a_lock_gives_up(
    single: Pool, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_PATIENCE", "100ms")
    with conn.transaction():
        conn.execute("lock table billing.accounts")
        with pytest.raises(psycopg.errors.QueryCanceled), transaction.as_web(single) as waiting:
            waiting.execute("select count(*) from billing.accounts")
    with transaction.as_web(single) as again:
        assert again.execute("select count(*) as n from billing.accounts").fetchone() == {"n": 0}


def test_sb_10_a_server_that_vanished_is_noticed(single: Pool) -> None:
    with single.connection() as conn:
        given = conn.info.get_parameters()
    assert (given["keepalives_idle"], given["tcp_user_timeout"], given["connect_timeout"]) == (
        "15",
        "30000",
        "5",
    )
