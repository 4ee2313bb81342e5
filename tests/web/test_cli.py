"""A command that cannot be done says so in one line, with what to do, and ends with a code that is not 0."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from portal import cli
from portal.sync import feed, hot, reconcile, runs
from tests.harness.database import with_database
from tests.harness.processes import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.database import Server

COMMANDS = (
    ["reconcile"],
    ["reconcile", "--hot"],
    ["replay"],
    ["rebuild"],
    ["rotate-keys"],
    ["zoho", "connect", "--code=1"],
    ["doctor"],
)


@pytest.fixture(scope="module")
def empty(server: Server, worker_id: str) -> Iterator[str]:
    """A database that `portal migrate` has not seen."""
    name = f"{server.template}_{worker_id}_empty"
    with psycopg.connect(server.admin_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield with_database(server.admin_url, name)
    server.drop(name)


@pytest.fixture(autouse=True)
def _environment(settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli.logs, "configure", lambda _: None)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of what was said to whoever typed the command; no other tells of an error."""
    said = capsys.readouterr()
    lines = [*said.out.strip().splitlines(), *said.err.strip().splitlines()]
    assert not [line for line in lines if "Traceback" in line]
    return lines[-1]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_that_was_never_migrated(
    command: list[str], empty: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty)
    assert cli.main(command) == cli.FAILED
    assert "portal migrate" in told(capsys)


def test_a_worker_on_a_database_that_was_never_migrated(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: it begins an event loop, and another test's browser may keep one in this."""
    monkeypatch.setenv("DATABASE_URL", empty)
    command = [sys.executable, "-m", "portal", "worker"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == cli.FAILED
    assert "portal migrate" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["migrate"], ["worker"], *COMMANDS], ids=" ".join)
def test_a_database_url_that_is_none(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "nonsense")
    assert cli.main(command) == cli.FAILED
    assert told(capsys).startswith("DATABASE_URL: must look like postgresql://")


def test_a_role_that_is_not_there_yet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Roles belong to the whole server, so a server without them is played."""

    def sweep(*_: object) -> int:
        raise psycopg.errors.InvalidParameterValue('role "portal_worker" does not exist')

    monkeypatch.setattr(cli, "_sweep", sweep)
    assert cli.main(["rebuild"]) == cli.FAILED
    assert "portal migrate" in told(capsys)


@pytest.mark.parametrize("days", ["0", "-1", "3651", "999999999", "9" * 30])
def test_more_days_than_there_are(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", f"--days={days}"]) == cli.FAILED
    assert told(capsys) == "--days must be from 1 to 3650."


def test_a_sweep_that_the_worker_does_at_this_moment_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], conn: Any
) -> None:
    """Every few minutes it does; the comparison that was asked for was refused then."""
    monkeypatch.setattr(hot, "hot", raising(runs.UnderWay))
    monkeypatch.setattr(feed, "pull", raising(runs.UnderWay))
    monkeypatch.setattr(reconcile, "full", lambda *_, **__: runs.Run(uuid4(), "full", {}, rows_read=7))
    assert cli.main(["reconcile"]) == 0
    assert told(capsys).startswith("full: 7 read")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Heed Ctrl-C: a shell that starts the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("way", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_says_how_to_go_on(
    way: signal.Signals,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    conn: Any,
    ctrl_c: None,
) -> None:
    monkeypatch.setattr(reconcile, "full", lambda *_, **__: signal.raise_signal(way))
    before = signal.getsignal(signal.SIGTERM)
    assert ended(["rebuild"]) == code
    assert told(capsys) == "Stopped. The same command goes on from here."
    assert signal.getsignal(signal.SIGTERM) == before


def ended(command: list[str]) -> int | str | None:
    try:
        return cli.main(command)
    except SystemExit as end:
        return end.code


def raising(problem: type[Exception]) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise problem

    return refuse
