"""A process that is killed at an exact point of what it does: before or after its n-th word to the outside.

Whatever outlives a process went out of it: statements to Postgres and calls to Zoho. So the moments at which
a SIGKILL makes a difference are the borders of these, and a child can be killed at each of them on purpose
(a kill at a random time mostly hits the long pauses). `Mortals` keeps one prepared parent process; each child
is forked from it, opens connections of its own, does one thing as the web or the worker does it, and dies or
reports. The portal's code is the real one; nothing in it knows.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import signal
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.harness.processes import CHECKOUT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


@dataclass(frozen=True)
class End:
    """How a child ended: killed, or with this answer; and how many borders it crossed."""

    died: bool
    status: int
    borders: int


class Mortals:
    """The parent of children who die: `ask` lets one do something and be killed at border `at`."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.mortal"],
                env={**clean_environment(), **env},
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
            )
        self._log = log

    def request(self, cookie: str, path: str, data: dict[str, Any], *, at: int | None = None) -> End:
        """Send a form to a web process that dies at border ``at`` (None: lives)."""
        return self._ask({"do": "request", "cookie": cookie, "path": path, "data": data, "at": at})

    def work(self, *minutes: int, at: int | None = None) -> End:
        """Let a worker do a round at each of these ``minutes`` from now, and die at border ``at``."""
        return self._ask({"do": "work", "minutes": minutes, "at": at})

    def close(self) -> None:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait(20)
        self._parent.stdout.close()

    def _ask(self, order: dict[str, Any]) -> End:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        answer = self._parent.stdout.readline()
        assert answer, self._log.read_text()[-2000:]
        return End(**json.loads(answer))


# --- in the parent and its children -----------------------------------------------------------------


@dataclass
class Borders:
    """Counts the borders, and kills this process at one of them."""

    at: int | None
    crossed: int = 0

    def cross(self) -> None:
        self.crossed += 1
        if self.crossed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: type, name: str) -> None:
        """Put a border before and after every call of a method."""
        real: Callable[..., Any] = getattr(owner, name)

        def between(*args: Any, **more: Any) -> Any:
            self.cross()
            answer = real(*args, **more)
            self.cross()
            return answer

        setattr(owner, name, between)


def main() -> None:
    """Read orders, one a line, and answer each when its child has ended."""
    from portal.app import create_app
    from portal.config import Settings

    # What each child would do again for the one thing it does: read the machine's certificates, import what
    # is imported late, collect garbage in pages that it shares.
    ssl.create_default_context = functools.cache(ssl.create_default_context)
    importlib.import_module("email_validator")
    gc.disable()
    # The log goes to standard output as well; answers keep that to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    app = create_app(Settings())
    app.extensions["services"].close()  # a child opens its own; what is left is imported and compiled
    for line in sys.stdin:
        print(json.dumps(_let_live(app, json.loads(line))), file=answers, flush=True)


def _let_live(app: Flask, order: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(app, order, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, ended = os.waitpid(child, 0)
    died = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
    return {"died": died, **(json.loads(said) if said else {"status": 0, "borders": 0})}


def _live(app: Flask, order: dict[str, Any], writing: int) -> None:
    import psycopg
    import requests

    from portal import services as composition

    try:
        services = composition.build(app.extensions["services"].settings, pool_size=2)
        app.extensions["services"] = services
        services.pool.wait(20)
        borders = Borders(order["at"])
        borders.around(psycopg.Connection, "wait")
        borders.around(requests.Session, "send")
        status = _request(app, order) if order["do"] == "request" else _work(services, order["minutes"])
        os.write(writing, json.dumps({"status": status, "borders": borders.crossed}).encode())
    finally:
        os._exit(0)  # as a child of a fork: no clean-up of what belongs to the parent


def _request(app: Flask, order: dict[str, Any]) -> int:
    client = app.test_client()
    base_url = app.extensions["services"].settings.base_url
    client.set_cookie("session", order["cookie"], domain="127.0.0.1")
    return client.post(order["path"], data=order["data"], base_url=base_url).status_code


def _work(services: Any, rounds: list[int]) -> int:
    from portal.sync import acts, checkouts
    from tests.harness.people import later

    done = 0
    for minutes in rounds:
        with later(minutes=minutes):
            done += acts.resolve_due(services) + checkouts.settle_due(services)
    return done


if __name__ == "__main__":
    main()
