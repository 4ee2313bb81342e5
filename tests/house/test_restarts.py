"""A part of the demo that dies is told in one line and started again, each time after a longer pause."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.devserver.processes import FIRST_PAUSE, LONGEST_PAUSE, Child, stop_all
from tests.harness.processes import clean_environment, until

LASTING = "import time; time.sleep(60)"
FAILING = "import sys; sys.exit('no such table')"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child("worker", [sys.executable, "-c", FAILING], clean_environment(), tmp_path / "worker.log")
    child.start()
    yield child
    stop_all([child])


def died(child: Child) -> bool:
    until(child.is_dead, what="the child to end")
    return True


def test_a_death_is_told_once_with_its_reason(child: Child) -> None:
    assert died(child)
    assert child.watch() == "worker ended (exit code 1: no such table); starting it again in 1 s"
    assert child.watch() == ""


def test_it_comes_back_after_the_pause_and_the_pause_grows(child: Child) -> None:
    assert died(child)
    child.watch()
    before = child.process
    child.again_at -= FIRST_PAUSE
    child.watch()
    assert child.process is not before
    assert died(child)
    assert child.watch().endswith("again in 2 s")
    for _ in range(10):
        child.again_at = 0.0
        child.watch()
    assert child.pause == LONGEST_PAUSE


def test_a_healthy_one_is_left_alone(child: Child) -> None:
    assert died(child)
    child.command = [sys.executable, "-c", LASTING]
    child.start()
    assert child.watch() == ""


def test_one_that_does_not_listen_is_killed(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    assert died(child)
    monkeypatch.setattr("portal.devserver.processes.STOP_SECONDS", 0.5)
    child.command = [sys.executable, "-c", STUBBORN]
    child.start()
    until(lambda: child.last_words() == "up", what="the child to come up")
    stop_all([child])
    assert child.is_dead()
