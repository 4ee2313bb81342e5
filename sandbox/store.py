"""One SQLite file that remembers the world: JSON documents, a few indexed columns beside each, and counters.

Decisions: a kind is a table; a column exists once a document was put with it.  Writers are serialised by
a lock of ours, readers see the last commit and never wait (WAL).  `synchronous=NORMAL` loses nothing when
the process is killed, only when the machine is.  A reset builds a new file and then points at it, so it
is never half done.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.packing import PHRASES, Packer
from sandbox.tx import Doc, Tx

__all__ = ["Doc", "Store", "Tx"]

POINTER = "current"


# WAL is switched on without waiting for the disk, which nothing here needs to survive; then it is waited for
SHARED = ("synchronous=OFF", "journal_mode=WAL", "synchronous=NORMAL")
# a file that nobody points at needs no journal: if filling it fails it is thrown away
ALONE = ("synchronous=OFF", "journal_mode=OFF", "locking_mode=EXCLUSIVE")


def connect(path: Path, manner: tuple[str, ...] = SHARED) -> sqlite3.Connection:
    """A connection in autocommit mode, so that transactions begin and end only where we say."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
    for pragma in (*manner, "temp_store=MEMORY", "cache_size=-16000", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@dataclass
class Reader:
    """A thread's connection to one file, and what it knows of the file's tables.

    It shares nothing with the writer: a table that was made a moment ago is not in every reader's moment yet.
    """

    path: Path
    connection: sqlite3.Connection
    packer: Packer
    columns: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Reader | None:
        """A reader, or None when the file was replaced while it was being opened."""
        if not path.exists():
            return None
        connection = None
        try:
            connection = connect(path)
            return cls(path, connection, packer_of(connection))
        except sqlite3.OperationalError:
            # The file went after we looked: SQLite made an empty one in its place, or missed its journal.
            if connection is not None:
                connection.close()
            return None


class Store:
    """The present world file, its one writer and its readers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._local = threading.local()
        self.path = self._pointed()
        self._writer = self._open(self.path)
        self._columns: dict[
            str, set[str]
        ] = {}  # what the writer knows of the tables; readers ask for themselves
        self._packer = packer_of(self._writer)

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Write: one at a time; commits at the end, rolls back on an exception, joins the thread's open
        one.
        """
        if (running := getattr(self._local, "tx", None)) is not None:
            yield running
            return
        with self._lock:
            tx = Tx(self._writer, self._columns, self._packer)
            self._writer.execute("BEGIN IMMEDIATE")
            self._local.tx = tx
            try:
                yield tx
                tx.flush()
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                self._columns = {}  # a table made in what was rolled back is not there any more
                raise
            finally:
                self._local.tx = None
        for callback in tx.callbacks:
            callback()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Read one consistent moment; inside a write of the same thread, read what it wrote."""
        if (running := getattr(self._local, "tx", None)) is not None:
            yield running
            return
        if (reading := getattr(self._local, "reading", None)) is not None:
            yield reading
            return
        reader = self._reader()
        connection = reader.connection
        connection.execute("BEGIN")
        self._local.reading = tx = Tx(connection, reader.columns, reader.packer)
        try:
            yield tx
        finally:
            self._local.reading = None
            connection.execute("COMMIT")

    def look_at(self, past: Tx | None) -> None:
        """Let this thread read another moment until told otherwise: how lagging reads are made."""
        self._local.reading = past

    def meta(self, key: str) -> str | None:
        """A single remembered value."""
        with self.read() as tx:
            return tx.meta(key)

    def replace(self, fill: Callable[[Tx], None]) -> None:
        """Build a new world file with `fill`, then switch to it in one step; the old one is gone."""
        with self._lock:
            fresh = self._next_path()
            columns = self._filled(fresh, fill)
            old, self._writer, self.path = self._writer, connect(fresh), fresh
            self._columns, self._packer = columns, packer_of(self._writer)
            self._point_at(fresh)
            old.close()

    def _filled(self, fresh: Path, fill: Callable[[Tx], None]) -> dict[str, set[str]]:
        writer = self._open(fresh, ALONE)
        columns: dict[str, set[str]] = {}
        self._local.tx = tx = Tx(writer, columns, packer_of(writer))
        try:
            writer.execute("BEGIN IMMEDIATE")
            fill(tx)
            tx.flush()
            writer.execute("COMMIT")
        except BaseException:
            _unlink(fresh)
            raise
        finally:
            self._local.tx = None
            writer.close()
        return columns

    def close(self) -> None:
        """Let go of the writer's connection."""
        with self._lock:
            self._writer.close()

    def _reader(self) -> Reader:
        """This thread's reader of the present file; one whose file was replaced is let go."""
        reader: Reader | None = getattr(self._local, "reader", None)
        while reader is None or reader.path != self.path:
            if reader is not None:
                reader.connection.close()
            reader = self._local.reader = Reader.of(self.path)
        return reader

    def _open(self, path: Path, manner: tuple[str, ...] = SHARED) -> sqlite3.Connection:
        connection = connect(path, manner)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
        )
        return connection

    def _pointed(self) -> Path:
        pointer = self.folder / POINTER
        if pointer.exists():
            return self.folder / pointer.read_text().strip()
        first = self.folder / "world-1.db"
        self._point_at(first)
        return first

    def _next_path(self) -> Path:
        number = int(self.path.stem.split("-")[1]) + 1
        path = self.folder / f"world-{number}.db"
        _unlink(path)
        return path

    def _point_at(self, path: Path) -> None:
        beside = self.folder / (POINTER + ".new")
        beside.write_text(path.name)
        beside.replace(self.folder / POINTER)
        for other in self.folder.glob("world-*.db"):
            if other != path:
                _unlink(other)


def packer_of(connection: sqlite3.Connection) -> Packer:
    """The packer of a file: with the phrases it was begun with."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'phrases'").fetchone()
    if row is None:
        connection.execute("INSERT INTO meta VALUES ('phrases', ?)", (PHRASES,))
        return Packer(PHRASES)
    return Packer(row[0])


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
