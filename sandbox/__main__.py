"""`python -m sandbox`: serve the sandbox alone, one process with several threads.

What would only show later, and in other words, is said before it serves: a setting that is wrong or that does
not exist, a folder that cannot be written or that another sandbox writes, a port that somebody listens on.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import IO, TypeVar

from granian.constants import Interfaces
from granian.server import Server
from pydantic import ValidationError
from pydantic_settings import SettingsError

from sandbox.settings import Settings

T = TypeVar("T")
PREFIX = "SANDBOX_"
PATIENCE_S = 10.0  # whoever was killed a moment ago may still be going


def main() -> None:
    """Serve until told to stop."""
    settings = checked()
    held = patiently(lambda: claimed(settings))
    patiently(lambda: vacant(settings))
    print(f"sandbox: {settings.base_url}  data: {settings.data}", flush=True)
    Server(
        "sandbox.app:served",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.threads,
        backpressure=512,
    ).serve()
    held.close()


def checked() -> Settings:
    """The settings; every wrong one is named, and one that means nothing is warned of."""
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in Settings.model_fields:
            print(f"sandbox: {name}: no such setting, ignored", file=sys.stderr, flush=True)
    try:
        return Settings()
    except ValidationError as wrong:
        named = [f"{PREFIX}{str(each['loc'][0]).upper()}: {each['msg']}" for each in wrong.errors()]
        sys.exit("\n".join(f"sandbox: {line}" for line in named))
    except SettingsError as wrong:
        sys.exit(f"sandbox: {wrong}")


def claimed(settings: Settings) -> IO[str]:
    """The folder, for this process and its children alone, for as long as the file is open."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        held = (settings.data / "lock").open("w")
    except OSError as refused:
        raise Unusable(f"{PREFIX}DATA: {settings.data} cannot be written: {refused.strerror}") from refused
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as taken:
        held.close()
        raise Unusable(f"{PREFIX}DATA: another sandbox uses {settings.data}", passing=True) from taken
    return held


def vacant(settings: Settings) -> None:
    """Nobody listens there: the server would share the port, and every other call would get lost."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as taken:
        said = f"{PREFIX}PORT: cannot listen on {settings.host}:{settings.port}: {taken.strerror}"
        raise Unusable(said, passing=True) from taken


class Unusable(Exception):
    """The sandbox cannot start; `passing` when that may be over in a moment."""

    def __init__(self, said: str, *, passing: bool = False) -> None:
        super().__init__(said)
        self.passing = passing


def patiently(attempt: Callable[[], T]) -> T:
    """The attempt's result, once what stands in its way is over; ends the process if it never is."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return attempt()
        except Unusable as trouble:
            if not trouble.passing or time.monotonic() > until:
                sys.exit(f"sandbox: {trouble}")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
