"""`make run`: Postgres, migrations, sandbox, portal and worker in one foreground group.

Exit codes: 0 after Ctrl-C or SIGTERM, 2 when something about this machine must be put right first
(one line says what), 1 when a part did not come up (its last words are shown).
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType

from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from portal.devserver import preflight, seed
from portal.devserver.demo import Demo, from_environment
from portal.devserver.processes import Child, commands, stop_all
from portal.errors import Misconfigured

CHECKOUT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
LOGINS = """\
  Portal     {portal}
  Sandbox    {sandbox}   (console, mailbox, hosted pages)

  Sign in    ada@example.com    owner of an account with a subscription
             bob@example.com    new, has bought nothing yet
             staff@example.com  staff; second factor from the sandbox's console
  Password   correct horse battery staple

  Logs       {logs}
  Ctrl-C stops everything and keeps the data; `make reset` forgets it."""


class NotReady(Exception):
    """A part of the demo did not come up."""


class Stop(Exception):
    """Somebody asked us to end."""


def main() -> int:
    """Run until told to stop."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _stop)
    try:
        with ExitStack() as cleanup:
            _run(cleanup)
    except Stop:
        _say("stopped")
        return 0
    except (Misconfigured, EmbeddedPostgresError) as problem:
        print(f"make run: {problem}", file=sys.stderr)
        return 2
    except NotReady as problem:
        print(f"make run: {problem}", file=sys.stderr)
        return 1
    return 0


def _run(cleanup: ExitStack) -> None:
    begun = time.monotonic()
    os.chdir(CHECKOUT)
    demo = from_environment()
    cleanup.enter_context(preflight.claim(demo.data))
    preflight.check_ports(demo)
    url, server = _database(demo, cleanup)
    env = {**os.environ, **demo.settings(url)}
    children: dict[str, Child] = {
        name: Child(name, command, env, demo.data / "logs" / f"{name}.log")
        for name, command in commands(CHECKOUT / "Procfile").items()
    }
    cleanup.callback(_stop_children, list(children.values()))
    children["sandbox"].start()
    is_first_run = _migrate(url)
    children["web"].start()
    _wait_for(children["sandbox"], demo.sandbox_port, "/_control/clock")
    if is_first_run:
        seed.plant(url, demo.sandbox_port)
        _copy_from_zoho(env)
    children["worker"].start()
    _wait_for(children["web"], demo.portal_port, "/readyz")
    _say(f"ready in {time.monotonic() - begun:.1f} s\n")
    print(
        LOGINS.format(portal=demo.portal_url, sandbox=demo.sandbox_url, logs=demo.data / "logs"), flush=True
    )
    _watch(list(children.values()), server)


def _database(demo: Demo, cleanup: ExitStack) -> tuple[str, EmbeddedPostgres | None]:
    given = os.environ.get("DATABASE_URL", "").strip()
    if given:
        preflight.check_database(given)
        _say("database: DATABASE_URL")
        return given, None
    server = EmbeddedPostgres(demo.data / "postgres")
    cleanup.callback(server.stop)
    server.start()
    _say(f"database: embedded Postgres in {server.home}")
    if server.note:
        _say(server.note)
    return server.url(), server


def _migrate(url: str) -> bool:
    """Bring the schema up to date; say whether anything was missing."""
    applied = migrate.apply(url)
    if applied:
        _say(f"migrations: {len(applied)} applied")
    return bool(applied)


def _copy_from_zoho(env: dict[str, str]) -> None:
    """Fill the mirror once, so that the first page a newcomer sees has plans on it."""
    command = [sys.executable, "-m", "portal", "reconcile"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        _say(f"the first copy of Zoho's data failed, the worker will try again: {said[-1]}")


def _wait_for(child: Child, port: int, path: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if child.is_dead():
            raise NotReady(f"{child.name} did not start ({child.ending()}); log: {child.log}")
        if _answers(port, path):
            return
        time.sleep(POLL_SECONDS)
    raise NotReady(f"{child.name} did not answer on port {port} in {READY_SECONDS:.0f} s; log: {child.log}")


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < HTTPStatus.BAD_REQUEST
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _watch(children: list[Child], server: EmbeddedPostgres | None) -> None:
    while True:
        time.sleep(WATCH_SECONDS)
        if server is not None and server.process is not None and server.process.poll() is not None:
            _say("Postgres ended; starting it again")
            server.start()
        for child in children:
            told = child.watch()
            if told:
                _say(told)


def _stop_children(children: list[Child]) -> None:
    _ignore_further_signals()
    stop_all(children)


def _ignore_further_signals() -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stop


def _say(line: str) -> None:
    print(f"make run: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
