"""A migration is applied and noted in one, or not at all; and it waits for nobody for long."""

from __future__ import annotations

import getpass
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yoyo
from psycopg import sql
from psycopg.rows import dict_row

from portal.db import migrate
from tests.harness.database import with_database
from tests.harness.worlds import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.database import Server


@pytest.fixture
def empty(server: Server, worker_id: str) -> Iterator[str]:
    """A database that nobody has migrated."""
    name = f"{server.template}_{worker_id}_to_migrate"
    with psycopg.connect(server.admin_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    server.made.append(name)
    yield with_database(server.admin_url, name)
    server.drop(name)


def test_a_migrator_that_died_begins_again_where_it_was(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a file and the note of it: the next one found the schema there and could never go on."""
    done: list[str] = []

    def die(_backend: Any, migration: Any, **_: Any) -> None:
        done.append(migration.id)
        raise KeyboardInterrupt

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")  # a container that runs as a number

    monkeypatch.setattr(getpass, "getuser", nobody)
    with monkeypatch.context() as dying:
        dying.setattr(yoyo.backends.DatabaseBackend, "mark_one", die)
        with pytest.raises(KeyboardInterrupt):
            migrate.apply(empty)

    applied = migrate.apply(empty)
    assert applied[0] == done[0]
    assert applied[-1] == "job queue"
    with psycopg.connect(empty, row_factory=dict_row) as conn:
        assert migrate.pending(conn) == []


def test_a_file_that_waits_for_a_busy_table_gives_up(
    database_url: str, conn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold up everybody who comes after it."""
    (tmp_path / "9999_wait.sql").write_text("alter table billing.accounts add column waits int;")
    monkeypatch.setattr(migrate, "_migrations", lambda: yoyo.read_migrations(str(tmp_path)))
    monkeypatch.setattr(migrate, "_PATIENCE", "set lock_timeout = '100ms'; set statement_timeout = '20s'")
    with conn.transaction():
        conn.execute("lock table billing.accounts in access share mode")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate.apply(database_url)


@pytest.mark.slow
def test_a_dump_comes_back_as_the_runbook_says(
    database_url: str, conn: Any, empty: str, tmp_path: Path
) -> None:
    """With its roles' rights and row-level security, which a dump holds, and its roles, which it does not."""
    World(conn).member()
    dump = tmp_path / "portal.dump"
    schemas = [f"--schema={name}" for name in ("billing", "jobs", "portal_migrations")]
    run = programs_of(conn)
    run("pg_dump", "--format=custom", *schemas, f"--file={dump}", database_url)

    migrate.apply(empty)
    with psycopg.connect(empty) as fresh:
        fresh.execute("drop schema billing, jobs, portal_migrations cascade")
    run("pg_restore", "--no-owner", "--single-transaction", f"--dbname={empty}", str(dump))

    assert migrate.apply(empty) == []
    told = [
        run("pg_dump", "--schema-only", "--restrict-key=x", *schemas, url) for url in (database_url, empty)
    ]
    assert told[0] == told[1]
    with psycopg.connect(empty, row_factory=dict_row) as fresh:
        assert fresh.execute("select count(*) as n from billing.members").fetchone() == {"n": 1}


def programs_of(conn: Any) -> Callable[..., str]:
    """Return what runs the server's own programs: those of a later version set what an older one lacks."""
    row = conn.execute("select setting from pg_config where name = 'BINDIR'").fetchone()

    def run(program: str, *arguments: str) -> str:
        command = [f"{row['setting']}/{program}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run
