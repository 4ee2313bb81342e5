"""Real processes for tests: the sandbox alone, or the whole stack a person would run.

Each process listens on a port that was free a moment ago, keeps its data in the test's own folder, dies
with the test run, and shows the end of its log when it does not come up.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from portal.devserver import seed
from portal.devserver.demo import Demo
from portal.devserver.processes import commands

CHECKOUT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0  # a machine that eight people share is slow, not broken
STOP_SECONDS = 8.0

# What differs from the demo: secrets that never leave the tests, and patience.
TEST_SETTINGS = {
    "SECRET_KEY": "a secret key for tests alone, of more than 32 bytes",
    "ENCRYPTION_KEYS": "test:" + base64.b64encode(b"k" * 32).decode(),
    "ZOHO_CALLS_PER_MINUTE": "100000",  # the call budget has tests of its own; here it only waits
    "RATE_LIMIT_SCALE": "100",  # one address makes them all; limits have own tests
}


class NotReady(Exception):
    """A process did not come up; its last words are in the message."""


@dataclass
class Process:
    """One child with its log."""

    name: str
    command: list[str]
    env: dict[str, str]
    log: Path
    popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        setpriv = shutil.which("setpriv")
        prefix = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*prefix, *self.command],
                env=self.env,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill -9 the whole group, as a crash would."""
        if self.popen is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def stop(self) -> None:
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def said(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_for(self, address: str) -> None:
        """Wait until it answers with something better than an error."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.popen is not None and self.popen.poll() is not None:
                raise NotReady(f"{self.name} ended with {self.popen.returncode}:\n{self.said()}")
            try:
                if requests.get(address, timeout=5).status_code < 400:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise NotReady(f"{self.name} does not answer at {address}:\n{self.said()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_dead(process: psutil.Process) -> bool:
    """Say whether it runs no more, though nobody may have collected its end yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(
    condition: Callable[[], Any], *, seconds: float = 20.0, pause: float = 0.1, what: str = "it"
) -> Any:
    """Wait until the condition holds and return what it returned; often at first, later each `pause`."""
    end, soon = time.monotonic() + seconds, 0.01
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(min(pause, soon))
        soon *= 1.5
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@dataclass
class Sandbox:
    """The sandbox as a process, with its control interface."""

    process: Process
    url: str

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call `/_control/<path>`: GET without a body, POST with one."""
        address = f"{self.url}/_control/{path}"
        if body is None:
            answer = requests.get(address, timeout=60)
        else:
            answer = requests.post(address, json=body, timeout=300)
        assert answer.status_code < 400, f"{address}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def reset(self, seed: str = "demo", **more: Any) -> None:
        self.control("reset", {"seed": seed, **more})

    def advance(self, days: int) -> None:
        self.control("clock", {"advance_days": days})

    def faults(self, **weather: Any) -> None:
        self.control("faults", weather)

    def state(self, kind: str) -> list[dict[str, Any]]:
        """Everything Zoho would remember of one kind."""
        found: list[dict[str, Any]] = []
        for page in range(1, 10_000):
            answer = self.control(f"state?kind={kind}&page={page}")
            found += answer[kind]
            if not answer.get("page_context", {}).get("has_more_page"):
                return found
        raise AssertionError(f"{kind} never ended")

    def mail(self, to: str = "") -> list[dict[str, Any]]:
        answer = self.control(f"mail?to={to}")
        mails: list[dict[str, Any]] = answer["mails"]
        return mails


@dataclass
class Stack:
    """Portal, worker and sandbox as one running demo."""

    portal_url: str
    database_url: str
    env: dict[str, str]
    sandbox: Sandbox
    web: Process
    worker: Process
    others: list[Process] = field(default_factory=list)

    def second_web(self) -> str:
        """Start one more web process on the same database and return its address."""
        port = free_port()
        process = _web({**self.env, "GRANIAN_PORT": str(port)}, self.web.log.with_name(f"web-{port}.log"))
        self.others.append(process)
        process.start()
        process.wait_for(f"http://127.0.0.1:{port}/readyz")
        return f"http://127.0.0.1:{port}"

    def portal(self, *arguments: str, seconds: float = 120) -> str:
        """Run one command of the portal to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "portal", *arguments],
            env=self.env,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"portal {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout


def demo_settings(folder: Path, database_url: str, *, portal: int, sandbox: int, smtp: int) -> dict[str, str]:
    """Return the settings of the demo, for ports and folders of our own."""
    folder.mkdir(parents=True, exist_ok=True)
    demo = Demo(folder, portal, sandbox, smtp)
    return {**demo.settings(database_url), **TEST_SETTINGS}


@contextmanager
def sandbox(folder: Path, env: dict[str, str]) -> Iterator[Sandbox]:
    """Run the sandbox with the demo's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    process = Process("sandbox", _command("sandbox"), {**clean_environment(), **env}, folder / "sandbox.log")
    url = f"http://127.0.0.1:{env['SANDBOX_PORT']}"
    process.start()
    try:
        process.wait_for(f"{url}/_control/clock")
        yield Sandbox(process, url)
    finally:
        process.stop()


@contextmanager
def stack(folder: Path, database_url: str, changes: dict[str, str] | None = None) -> Iterator[Stack]:
    """Run everything that `make run` runs, on free ports and a database of the caller."""
    env = demo_settings(folder, database_url, portal=free_port(), sandbox=free_port(), smtp=free_port())
    env = {**clean_environment(), **env, **(changes or {})}
    with sandbox(folder, env) as zoho:
        web = _web(env, folder / "web.log")
        worker = Process("worker", _command("worker"), env, folder / "worker.log")
        running = Stack(env["BASE_URL"], database_url, env, zoho, web, worker)
        try:
            web.start()
            seed.plant(database_url, int(env["SANDBOX_PORT"]))
            running.portal("reconcile")
            worker.start()
            web.wait_for(f"{env['BASE_URL']}/readyz")
            yield running
        finally:
            for process in (worker, web, *running.others):
                process.stop()


def _web(env: dict[str, str], log: Path) -> Process:
    return Process("web", _command("web"), env, log)


def _command(name: str) -> list[str]:
    return commands(CHECKOUT / "Procfile")[name]


def clean_environment() -> dict[str, str]:
    """Return this process's environment without settings of a demo that may run beside us."""
    ours = ("ZOHO_", "SUPABASE_", "SANDBOX_", "PORTAL_", "GRANIAN_", "SMTP_", "DATABASE_URL", "BASE_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1"}
