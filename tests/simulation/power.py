"""The portal's process as a thing that can die, and where it dies.

A crash strikes between two commits: before a transaction begins or after it has ended. From then on the
dead process can do nothing more, not even clean up, until it is started again.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg


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
            self.is_dead = True
            raise Crash
        if self.points == self.lose_at:
            raise DatabaseLost("server closed the connection unexpectedly")
