"""`python -m sandbox` says what is wrong before it serves, and never shares a port or a world."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import __main__ as start
from sandbox.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "PATIENCE_S", 0)


def test_every_wrong_setting_is_named_at_once_and_a_strange_one_is_told(tmp_path: Path) -> None:
    wrong = {
        "SANDBOX_DUNNING_FINAL": "explode",
        "SANDBOX_TIME_ZONE": "Mars/North",
        "SANDBOX_PORT": "80001",
        "SANDBOX_THREADS": "0",
    }
    env = {**os.environ, **wrong, "SANDBOX_U9_OMITED": "kept", "SANDBOX_DATA": str(tmp_path / "world")}
    command = [sys.executable, "-m", "sandbox"]
    ended = subprocess.run(command, env=env, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    told = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert told[0] == "sandbox: SANDBOX_U9_OMITED: no such setting, ignored"
    assert {line.split(": ")[1] for line in told[1:]} == set(wrong)
    assert not (tmp_path / "world").exists()


def test_a_value_that_is_no_list_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_DUNNING_GAPS", "5,5,3")
    with pytest.raises(SystemExit, match="dunning_gaps"):
        start.checked()
    assert capsys.readouterr().out == ""


def test_a_world_belongs_to_one_sandbox(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "world")
    held = start.patiently(lambda: start.claimed(settings))
    with pytest.raises(SystemExit, match="another sandbox uses"):
        start.patiently(lambda: start.claimed(settings))
    held.close()
    start.patiently(lambda: start.claimed(settings)).close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"SANDBOX_DATA: .*file cannot be written"):
        start.patiently(lambda: start.claimed(Settings(data=tmp_path / "file")))


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:8001"),
        ("0.0.0.0", "http://127.0.0.1:8001"),  # noqa: S104 - nothing is bound
        ("::", "http://[::1]:8001"),
        ("sandbox.test", "http://sandbox.test:8001"),
    ],
)
def test_the_addresses_that_it_hands_out_can_be_reached(host: str, shown: str) -> None:
    assert Settings(host=host).base_url == shown
    assert Settings(host=host, public_url="https://zoho.test/").base_url == "https://zoho.test"


def test_a_port_is_never_shared() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as the server itself listens
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = Settings(port=other.getsockname()[1])
        with pytest.raises(SystemExit, match="SANDBOX_PORT: cannot listen on 127"):
            start.patiently(lambda: start.vacant(settings))
    start.patiently(lambda: start.vacant(settings))
