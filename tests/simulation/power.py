"""The portal's process as a thing that can die, and its database connections, where it dies.

A crash strikes between two commits: before a transaction begins or after it has ended. From then on the
dead process can do nothing more, not even clean up, until it is started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row


class Crash(BaseException):
    """kill -9: no handler of the portal may catch it."""


class DatabaseLost(psycopg.OperationalError):
    """The server went away (the weather's doing, not a fault of the code)."""


@dataclass
class Power:
    """When the process dies, and when the database goes away, counted in commit points from now."""

    points: int = 0
    crash_at: int | None = None
    lose_at: int | None = None
    is_dead: bool = False
    crashes: int = 0
    losses: int = 0

    def draw(self, *, crash_in: int | None = None, lose_in: int | None = None) -> None:
        self.crash_at = None if crash_in is None else self.points + crash_in
        self.lose_at = None if lose_in is None else self.points + lose_in

    def restart(self) -> None:
        self.is_dead, self.crash_at, self.lose_at = False, None, None

    def point(self) -> None:
        """One place where the process may die."""
        if self.is_dead:
            raise Crash
        self.points += 1
        if self.points == self.crash_at:
            self.is_dead, self.crashes = True, self.crashes + 1
            raise Crash
        if self.points == self.lose_at:
            self.losses += 1
            raise DatabaseLost("server closed the connection unexpectedly")


class Connections:
    """A pool for one thread: a connection that is free is used again. The portal sees psycopg_pool's face."""

    def __init__(self, url: str, power: Power) -> None:
        self._url = url
        self._free: list[psycopg.Connection[dict[str, Any]]] = []
        self.power = power

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        del timeout
        self.power.point()
        conn = self._free.pop() if self._free else self._open()
        try:
            yield conn
        finally:
            conn.rollback()
            self._free.append(conn)
        self.power.point()

    def close(self) -> None:
        for conn in self._free:
            conn.close()
        self._free.clear()

    def _open(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self._url, row_factory=dict_row, prepare_threshold=None, autocommit=True)
