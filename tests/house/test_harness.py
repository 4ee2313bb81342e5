"""The ground the other tests stand on: the database is clean for each, and shared safely by workers."""

from __future__ import annotations

import re

import psycopg
import pytest

from tests.harness import spread
from tests.harness.processes import CHECKOUT

Conn = psycopg.Connection[dict[str, object]]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_each_test_finds_the_database_as_the_migrations_left_it(conn: Conn, turn: int) -> None:
    left = conn.execute("select key from billing.rate_limits").fetchall()
    conn.execute(
        "insert into billing.rate_limits (key, window_start) values (%s, now())", [f"left by turn {turn}"]
    )
    assert left == []


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_each_test_counts_its_rows_from_one_and_finds_them_in_their_order(conn: Conn, turn: int) -> None:
    made = [
        conn.execute("insert into jobs.procrastinate_workers default values returning id").fetchone()
        for _ in range(turn)
    ]
    conn.execute("delete from jobs.procrastinate_workers where id = 1")
    conn.execute(
        "insert into billing.rate_limits (key, window_start)"
        " select key, now() from unnest('{c,a,b}'::text[]) as told (key)"
    )

    assert [row["id"] for row in made if row] == [*range(1, turn + 1)]
    assert [row["key"] for row in conn.execute("select key from billing.rate_limits")] == ["c", "a", "b"]


def test_the_pool_of_the_portal_reaches_the_same_database(conn: Conn, pool: object) -> None:
    from portal.db.transaction import as_worker

    with as_worker(pool) as inside:  # type: ignore[arg-type]
        there = inside.execute("select current_database() as name").fetchone()
    assert there == conn.execute("select current_database() as name").fetchone()


def test_the_files_that_are_given_out_first_are_there() -> None:
    assert [name for name in spread.SECONDS if not (spread.TESTS / name).is_file()] == []


def test_tests_are_given_out_in_the_order_of_their_files_seconds(request: pytest.FixtureRequest) -> None:
    """Long files first, none split, and xdist told to keep to it."""
    files = [str(item.path.relative_to(spread.TESTS)) for item in request.session.items]
    order = list(dict.fromkeys(files))
    assert [spread.SECONDS.get(name, 0) for name in order] == sorted(
        (spread.SECONDS.get(name, 0) for name in order), reverse=True
    )
    recipe = re.search(r"pytest -n .*", (CHECKOUT / "Makefile").read_text())
    assert recipe
    assert "--dist loadfile --no-loadscope-reorder" in recipe.group()
