"""What can be wrong before anything starts, each said in one line with what to do about it."""

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO

import psycopg

from portal.devserver.demo import Demo
from portal.errors import Misconfigured

CONNECT_SECONDS = 5


def claim(data: Path) -> IO[str]:
    """Take the data folder for ourselves; the lock goes when the returned file is closed."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "run.lock").open("a+")
    except OSError as problem:
        raise Misconfigured(
            f"The data folder {data} cannot be written ({problem.strerror}): set PORTAL_DATA to another one."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        with lock:
            owner = lock.read().strip()
        raise Misconfigured(
            f"Another `make run` (pid {owner}) uses {data}: end it, or set PORTAL_DATA and the ports."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def check_ports(demo: Demo) -> None:
    """Refuse to start when somebody else listens already."""
    wanted = {
        "PORTAL_PORT": demo.portal_port,
        "SANDBOX_PORT": demo.sandbox_port,
        "SANDBOX_SMTP_PORT": demo.smtp_port,
    }
    if len(set(wanted.values())) < len(wanted):
        raise Misconfigured(f"{', '.join(wanted)} must be three different ports.")
    taken = [f"{port} ({name})" for name, port in wanted.items() if not _is_free(port)]
    if taken:
        raise Misconfigured(
            f"Taken by another program: port {', '.join(taken)}. End it, or choose another port, "
            "for example PORTAL_PORT=8010 make run."
        )


def check_database(url: str) -> None:
    """Connect once, so that a wrong DATABASE_URL is one line here and not a traceback later."""
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except (psycopg.Error, UnicodeError) as problem:
        reason = (str(problem).strip().splitlines() or ["no reason given"])[0]
        raise Misconfigured(f"DATABASE_URL does not lead to a database: {reason}") from None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            if problem.errno == errno.EACCES:
                return False
            return problem.errno != errno.EADDRINUSE
    return True
