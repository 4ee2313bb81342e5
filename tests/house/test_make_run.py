"""`make run` says in one line what a machine lacks; on a right one it starts, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from portal.db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tests.harness.processes import CHECKOUT, clean_environment, free_port, until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    ports = {name: str(free_port()) for name in ("PORTAL_PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT")}
    return {**clean_environment(), **ports, "PORTAL_DATA": str(home)}


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "portal.devserver"]
    return subprocess.run(
        command, env=env, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )


def assert_one_line(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert all(words in lines[0] for words in said), lines[0]


def test_a_taken_port_is_named_with_the_variable_to_change(env: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(env["PORTAL_PORT"])))
        other.listen()
        assert_one_line(run(env), env["PORTAL_PORT"], "PORTAL_PORT", "Taken")


def test_a_port_that_is_none_is_named(env: dict[str, str]) -> None:
    assert_one_line(run({**env, "SANDBOX_PORT": "eight"}), "SANDBOX_PORT", "'eight'")


def test_one_port_for_two_things_is_refused(env: dict[str, str]) -> None:
    assert_one_line(run({**env, "SANDBOX_PORT": env["PORTAL_PORT"]}), "different ports")


def test_a_wrong_database_url_is_one_line_without_the_password(env: dict[str, str]) -> None:
    url = f"postgresql://me:very-private@127.0.0.1:{free_port()}/nowhere"
    done = run({**env, "DATABASE_URL": url})
    assert_one_line(done, "DATABASE_URL")
    assert "very-private" not in done.stdout + done.stderr


def test_a_database_url_that_is_none_is_one_line(env: dict[str, str]) -> None:
    assert_one_line(run({**env, "DATABASE_URL": "not a url at all"}), "DATABASE_URL")


def test_a_data_folder_of_another_postgres_is_one_line(env: dict[str, str], home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    assert_one_line(run(env), "Postgres 9.6", "make reset")


def test_a_half_made_data_folder_is_one_line(env: dict[str, str], home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "something").write_text("?")
    assert_one_line(run(env), "not a Postgres data folder", "make reset")


def test_a_data_folder_that_cannot_be_written_is_one_line(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line(run({**env, "PORTAL_DATA": str(tmp_path / "file" / "below")}), "PORTAL_DATA")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", ("fsync=off",))
    yield server
    server.stop()


def test_a_server_left_behind_by_a_crash_is_ended_and_told(server: EmbeddedPostgres) -> None:
    server.start()
    left = server.process
    again = EmbeddedPostgres(server.home)
    again.start()
    try:
        assert left is not None
        assert str(left.pid) in again.note
        assert left.wait(10) is not None
    finally:
        again.stop()


def test_a_path_too_long_for_a_socket_still_works(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("deep" * 30) / "postgres", ("fsync=off",))
    server.start()
    server.stop()
    assert server.url().startswith("postgresql://postgres@/")


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", ("shared_buffers=nonsense",))
    with pytest.raises(EmbeddedPostgresError, match="shared_buffers"):
        server.start()


def started(env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.devserver"],
            env=env,
            cwd=CHECKOUT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    until(lambda: "ready in" in log.read_text() or process.poll() is not None, seconds=60, what="make run")
    assert process.poll() is None, log.read_text()
    return process


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_it_starts_refuses_a_twin_ends_cleanly_and_goes_on(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    first = started(env, log)
    children = family(first)
    portal = f"http://127.0.0.1:{env['PORTAL_PORT']}"
    try:
        assert requests.get(f"{portal}/readyz", timeout=10).status_code == 200
        assert "ada@example.com" in log.read_text()
        assert_one_line(run(env), "Another `make run`", str(first.pid))
        key = (Path(env["PORTAL_DATA"]) / "demo.env").read_text().splitlines()[1]
    finally:
        begun = time.monotonic()
        os.kill(first.pid, signal.SIGINT)
        assert first.wait(30) == 0
    assert time.monotonic() - begun < 15
    assert not [child for child in children if child.is_running()]

    log.write_text("")
    second = started(env, log)
    children = family(second)
    try:
        assert (Path(env["PORTAL_DATA"]) / "demo.env").read_text().splitlines()[1] == key
        assert "migrations" not in log.read_text(), "the second run found the database as the first left it"
    finally:
        second.kill()
        second.wait()
    gone, alive = psutil.wait_procs(children, timeout=30)  # the worker may end its jobs first
    assert gone
    assert not alive, f"kill -9 of make run left {[process.cmdline() for process in alive]}"
