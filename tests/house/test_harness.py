"""The ground the other tests stand on: the database is clean for each, and shared safely by workers."""

import psycopg
import pytest

Conn = psycopg.Connection[dict[str, object]]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_each_test_finds_the_database_as_the_migrations_left_it(conn: Conn, turn: int) -> None:
    left = conn.execute("select key from billing.rate_limits").fetchall()
    conn.execute(
        "insert into billing.rate_limits (key, window_start) values (%s, now())", [f"left by turn {turn}"]
    )
    assert left == []


def test_the_pool_of_the_portal_reaches_the_same_database(conn: Conn, pool: object) -> None:
    from portal.db.transaction import as_worker

    with as_worker(pool) as inside:  # type: ignore[arg-type]
        there = inside.execute("select current_database() as name").fetchone()
    assert there == conn.execute("select current_database() as name").fetchone()
