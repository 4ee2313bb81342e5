"""What can be done inside one transaction of the store.

Table and column names come only from our own code and are checked against a pattern; values are always bound.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Doc = dict[str, Any]
Where = Mapping[str, Any]

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
ID_PREFIX = 5_120_000_000_000_000


class Tx:
    """Documents of one transaction.  A document goes in and out as a plain dict that nobody else holds."""

    def __init__(self, connection: sqlite3.Connection, columns: dict[str, set[str]]) -> None:
        self._connection = connection
        self._columns = columns
        self._counters: dict[str, int] = {}
        self.callbacks: list[Callable[[], None]] = []
        self.cache: dict[str, Any] = {}

    def get(self, kind: str, id: str) -> Doc | None:
        """One document, or None."""
        if not self._known(kind):
            return None
        row = self._connection.execute(f"SELECT doc FROM {kind} WHERE id = ?", (id,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, id: str, doc: Doc, **indexed: Any) -> None:
        """Write a document; columns not named keep what they had."""
        self._ensure(kind, indexed)
        names = ["id", "doc", *indexed]
        marks = ", ".join("?" * len(names))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        self._connection.execute(
            f"INSERT INTO {kind} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}",
            (id, json.dumps(doc, separators=(",", ":"), ensure_ascii=False), *indexed.values()),
        )

    def delete(self, kind: str, id: str) -> None:
        """Forget a document."""
        if self._known(kind):
            self._connection.execute(f"DELETE FROM {kind} WHERE id = ?", (id,))

    def find(
        self,
        kind: str,
        *,
        where: Where | None = None,
        order: str = "seq",
        desc: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Doc]:
        """Documents in order.  `where` compares columns: a value (=), a list (in), or (operator, value)."""
        if not self._known(kind):
            return []
        clause, values = self._where(kind, where)
        direction = "DESC" if desc else "ASC"
        inner = f"SELECT seq FROM {kind}{clause} ORDER BY {self._column(kind, order)} {direction}, seq {direction}"
        sql = f"SELECT doc FROM {kind} JOIN ({inner} LIMIT ? OFFSET ?) picked USING (seq)"
        sql += f" ORDER BY {self._column(kind, order)} {direction}, seq {direction}"
        rows = self._connection.execute(sql, (*values, -1 if limit is None else limit, offset))
        return [json.loads(row[0]) for row in rows]

    def ids(
        self, kind: str, *, where: Where | None = None, order: str = "seq", limit: int | None = None
    ) -> list[str]:
        """Only the ids, for long walks that read each document when its turn comes."""
        if not self._known(kind):
            return []
        clause, values = self._where(kind, where)
        sql = f"SELECT id FROM {kind}{clause} ORDER BY {self._column(kind, order)}, seq LIMIT ?"
        return [row[0] for row in self._connection.execute(sql, (*values, -1 if limit is None else limit))]

    def count(self, kind: str, *, where: Where | None = None) -> int:
        """How many."""
        if not self._known(kind):
            return 0
        clause, values = self._where(kind, where)
        return int(self._connection.execute(f"SELECT count(*) FROM {kind}{clause}", values).fetchone()[0])

    def kinds(self) -> list[str]:
        """Every kind that was ever put."""
        rows = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [row[0] for row in rows if row[0] not in ("meta", "sqlite_sequence")]

    def columns(self, kind: str) -> list[str]:
        """The indexed columns of a kind, in a fixed order."""
        return sorted(self._columns[kind] - {"seq", "id", "doc"}) if self._known(kind) else []

    def rows(self, kind: str, columns: list[str]) -> Iterator[list[Any]]:
        """Every row as id, document and columns, in the order of creation."""
        names = ", ".join(["id", "doc", *(self._column(kind, name) for name in columns)])
        for row in self._connection.execute(f"SELECT {names} FROM {kind} ORDER BY seq"):
            yield [row[0], json.loads(row[1]), *row[2:]]

    def all_meta(self) -> dict[str, str]:
        """Every remembered value, the counters too."""
        return dict(self._connection.execute("SELECT key, value FROM meta ORDER BY key"))

    def next_id(self) -> str:
        """A Zoho-like id: 16 digits that begin alike in one organisation."""
        return str(ID_PREFIX + self._next("id") * 2 + 1_001)

    def next_number(self, prefix: str) -> str:
        """The next human number of a series: SUB-00001, INV-000001, CN-00001; without prefix 1, 2, 3."""
        number = self._next("number:" + prefix)
        width = {"": 1, "INV-": 6}.get(prefix, 5)
        return f"{prefix}{number:0{width}d}"

    def meta(self, key: str) -> str | None:
        """A single remembered value."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Remember a single value."""
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, value),
        )

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction is durable; never when it was rolled back."""
        if callback not in self.callbacks:
            self.callbacks.append(callback)

    def flush(self) -> None:
        """Write the counters that were drawn from."""
        for name, value in self._counters.items():
            self.set_meta("counter:" + name, str(value))
        self._counters.clear()

    def _next(self, name: str) -> int:
        if name not in self._counters:
            self._counters[name] = int(self.meta("counter:" + name) or 0)
        self._counters[name] += 1
        return self._counters[name]

    def _known(self, kind: str) -> bool:
        if kind in self._columns:
            return True
        if not NAME.fullmatch(kind):
            raise ValueError(f"not a kind: {kind!r}")
        found = {row[1] for row in self._connection.execute(f"PRAGMA table_info({kind})")}
        if found:
            self._columns[kind] = found
        return bool(found)

    def _ensure(self, kind: str, columns: Iterable[str]) -> None:
        if not self._known(kind):
            self._connection.execute(
                f"CREATE TABLE {kind} (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, doc TEXT NOT NULL)"
            )
            self._columns[kind] = {"seq", "id", "doc"}
        for column in columns:
            if column not in self._columns[kind]:
                if not NAME.fullmatch(column):
                    raise ValueError(f"not a column: {column!r}")
                self._connection.execute(f"ALTER TABLE {kind} ADD COLUMN {column}")
                self._connection.execute(f"CREATE INDEX {kind}_{column} ON {kind} ({column}, seq)")
                self._columns[kind].add(column)

    def _column(self, kind: str, name: str) -> str:
        if name not in self._columns[kind]:
            raise LookupError(f"{kind} has no column {name!r}")
        return name

    def _where(self, kind: str, where: Where | None) -> tuple[str, list[Any]]:
        parts: list[str] = []
        values: list[Any] = []
        for name, wanted in (where or {}).items():
            column = self._column(kind, name)
            if isinstance(wanted, list):
                parts.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
            elif isinstance(wanted, tuple):
                operator, value = wanted
                if operator == "contains":
                    parts.append(f"instr(lower({column}), lower(?)) > 0")
                    values.append(value)
                    continue
                if operator not in ("=", "!=", "<", "<=", ">", ">=", "LIKE"):
                    raise ValueError(f"not an operator: {operator!r}")
                parts.append(f"{column} {operator} ?")
                values.append(value)
            else:
                parts.append(f"{column} = ?")
                values.append(wanted)
        return (" WHERE " + " AND ".join(parts) if parts else ""), values
