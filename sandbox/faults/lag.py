"""Lagging reads: an older moment of the store, held open, for answers that are behind.

Two snapshots take turns, so that what a lagging call sees is between half and all
of `stale_s` old. SQLite keeps the old pages as long as a snapshot is open, which
is why they are held only while such weather lasts.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sandbox.packing import Packer
from sandbox.store import Store, Tx, connect, packer_of


@dataclass(frozen=True)
class Snapshot:
    taken: float
    path: Path
    connection: sqlite3.Connection
    packer: Packer


class Lag:
    """The held snapshots."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: list[Snapshot] = []
        self._lock = Lock()

    def keep(self, now: float, stale_s: float) -> None:
        """Take a snapshot when the newest is old enough; forget those nobody may see any more.

        After a quiet time the held ones are older than any lag: what was written since must be seen.
        """
        with self._lock:
            if self._held and self._held[-1].path != self._store.path:
                self._release()
            while self._held and now - self._held[0].taken > stale_s:
                self._held.pop(0).connection.close()
            if not self._held or now - self._held[-1].taken >= stale_s / 2:
                self._held.append(self._take(now))
            while len(self._held) > 2:  # noqa: PLR2004 - the older and the newer
                self._held.pop(0).connection.close()

    def past(self) -> Tx | None:
        """The older moment, as a transaction to read in."""
        with self._lock:
            if not self._held:
                return None
            oldest = self._held[0]
            return Tx(oldest.connection, {}, oldest.packer)

    def stop(self) -> None:
        with self._lock:
            self._release()

    def _take(self, now: float) -> Snapshot:
        connection = connect(self._store.path)
        packer = packer_of(connection)
        connection.execute("BEGIN")
        # A snapshot begins with its first read, not with BEGIN.
        connection.execute("SELECT count(*) FROM meta").fetchone()
        return Snapshot(now, self._store.path, connection, packer)

    def _release(self) -> None:
        for snapshot in self._held:
            snapshot.connection.close()
        self._held.clear()
