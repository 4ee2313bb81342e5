"""Child processes: started in their own session, logged to a file, restarted with back-off, ended kindly.

Children die with us even when we are killed with -9 (Linux: `setpriv --pdeathsig`), so a crash leaves
no port taken.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 10.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0


def commands(procfile: Path) -> dict[str, list[str]]:
    """Read the Procfile, the one place that says how each process is started."""
    lines = [line for line in procfile.read_text().splitlines() if line and not line.startswith("#")]
    pairs = (line.split(":", 1) for line in lines)
    return {name: _of_this_python(shlex.split(command)) for name, command in pairs}


def _of_this_python(command: list[str]) -> list[str]:
    if command[0] == "python":
        return [sys.executable, *command[1:]]
    beside = Path(sys.executable).with_name(command[0])
    return [str(beside) if beside.exists() else command[0], *command[1:]]


@dataclass
class Child:
    """One process and its log."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    pause: float = FIRST_PAUSE
    started: float = 0.0
    again_at: float = field(default=0.0)

    def start(self) -> None:
        """Start (again), appending to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_tie_to_us(), *self.command],
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started = time.monotonic()
        self.again_at = 0.0

    def is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def watch(self) -> str:
        """Restart when dead, each time after a longer pause; return the line to tell, or nothing."""
        if not self.is_dead():
            return ""
        now = time.monotonic()
        if self.again_at:
            if now >= self.again_at:
                self.start()
            return ""
        if now - self.started > HEALTHY_SECONDS:
            self.pause = FIRST_PAUSE
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        self.again_at = now + pause
        return f"{self.name} ended ({self.ending()}); starting it again in {pause:.0f} s"

    def ending(self) -> str:
        """Say in a few words how it ended and what it said last."""
        code = self.process.returncode if self.process else None
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return f"{how}: {self.last_words()}"

    def last_words(self) -> str:
        text = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        return (text.splitlines() or ["it said nothing"])[-1][:300]


def stop_all(children: list[Child]) -> None:
    """End all at once: ask, wait together, then insist on the whole group."""
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    end = time.monotonic() + STOP_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _tie_to_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []
