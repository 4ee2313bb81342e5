"""What can be done inside one transaction of the store.

Table and column names come only from our own code and are checked against a pattern; values are always bound.
That is why the statements built here are safe, and why each says so to the linter (S608).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sandbox.packing import Packer

Doc = dict[str, Any]
Where = Mapping[str, Any]

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
ID_PREFIX = 5_120_000_000_000_000
FIRST_ID = 1_001
OWN = ("seq", "id", "doc", "walk")
# What large lists are filtered by stands in the index of every column they are sorted by, so that a page of
# a filtered and sorted list is found without reading a document.
FILTERED = {"invoices": ("open", "state"), "subscriptions": ("status", "auto")}
# half of all rows are partial, and a reference is only ever looked into: an index would only mislead
NEVER_ALONE = frozenset({"partial", "reference_number"})
FEW = 5_000  # so many rows are sorted quicker than a list of all rows is walked
CHOOSY = ("_id", "email", "number", "code")
WIDTHS = {"": 1, "INV-": 6}
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "LIKE", "GLOB")


class Tx:
    """Documents of one transaction.  A document goes in and out as a plain dict that nobody else holds."""

    def __init__(self, connection: sqlite3.Connection, columns: dict[str, set[str]], packer: Packer) -> None:
        self._connection = connection
        self._columns = columns
        self._packer = packer
        self._counters: dict[str, int] = {}
        self.callbacks: list[Callable[[], None]] = []
        self.cache: dict[str, Any] = {}

    def get(self, kind: str, id_: str) -> Doc | None:
        """One document, or None."""
        if not self._known(kind):
            return None
        sql = f"SELECT doc FROM {kind} WHERE id = ?"  # noqa: S608
        row = self._connection.execute(sql, (id_,)).fetchone()
        return self._packer.unpack(row[0]) if row else None

    def put(self, kind: str, id_: str, doc: Doc, **indexed: Any) -> None:
        """Write a document; columns not named keep what they had."""
        self._ensure(kind, indexed)
        names = ["id", "doc", *indexed]
        marks = ", ".join("?" * len(names))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        sql = f"INSERT INTO {kind} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        sql += f" ON CONFLICT (id) DO UPDATE SET {updates}"
        self._connection.execute(sql, (id_, self._packer.pack(doc), *indexed.values()))

    def delete(self, kind: str, id_: str) -> None:
        """Forget a document."""
        if self._known(kind):
            self._connection.execute(f"DELETE FROM {kind} WHERE id = ?", (id_,))  # noqa: S608

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
        """Documents in order.  `where` compares columns: a value (=), a list (in), (operator, value), or
        ("not in", (other kind, its column)); `one|other` is either of two columns.
        """
        if not self._known(kind):
            return []
        picked, values = self._picked(kind, where, order, desc=desc)
        direction = "DESC" if desc else "ASC"
        sql = f"SELECT doc FROM {kind} JOIN ({picked} LIMIT ? OFFSET ?) USING (seq)"  # noqa: S608
        sql += f" ORDER BY {self._column(kind, order)} {direction}, seq {direction}"
        rows = self._connection.execute(sql, (*values, -1 if limit is None else limit, offset))
        unpack = self._packer.unpack
        return [unpack(row[0]) for row in rows]

    def newest_of(
        self, kinds: Iterable[str], *, by: str, where: Where | None = None, limit: int, offset: int = 0
    ) -> list[tuple[str, str]]:
        """Kind and id of documents of several kinds in one order, newest first."""
        parts: list[str] = []
        values: list[Any] = []
        for kind in filter(self._known, kinds):
            clause, bound = self._where(kind, where)
            column = self._column(kind, by)
            parts.append(f"SELECT '{kind}' AS kind, id, {column} AS by, seq FROM {kind}{clause}")  # noqa: S608
            values += bound
        if not parts:
            return []
        sql = f"{' UNION ALL '.join(parts)} ORDER BY by DESC, seq DESC, kind LIMIT ? OFFSET ?"
        return [(row[0], row[1]) for row in self._connection.execute(sql, (*values, limit, offset))]

    def ids(
        self, kind: str, *, where: Where | None = None, order: str = "seq", limit: int | None = None
    ) -> list[str]:
        """Only the ids, for long walks that read each document when its turn comes."""
        if not self._known(kind):
            return []
        clause, values = self._where(kind, where)
        sql = f"SELECT id FROM {kind}{clause} ORDER BY {self._column(kind, order)}, seq LIMIT ?"  # noqa: S608
        bound = (*values, -1 if limit is None else limit)
        return [row[0] for row in self._connection.execute(sql, bound)]

    def count(self, kind: str, *, where: Where | None = None) -> int:
        """How many."""
        if not self._known(kind):
            return 0
        clause, values = self._where(kind, where)
        sql = f"SELECT count(*) FROM {kind}{clause}"  # noqa: S608
        return int(self._connection.execute(sql, values).fetchone()[0])

    def kinds(self) -> list[str]:
        """Every kind that was ever put."""
        rows = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return sorted(row[0] for row in rows if row[0] != "meta")

    def columns(self, kind: str) -> list[str]:
        """The columns of a kind beside its document, in a fixed order."""
        return sorted(self._columns[kind].difference(OWN)) if self._known(kind) else []

    def rows(self, kind: str, columns: list[str]) -> Iterator[list[Any]]:
        """Every row as id, document and columns, in the order of creation."""
        names = ", ".join(["id", "doc", *(self._column(kind, name) for name in columns)])
        for row in self._connection.execute(f"SELECT {names} FROM {kind} ORDER BY seq"):  # noqa: S608
            yield [row[0], self._packer.unpack(row[1]), *row[2:]]

    def bulk(self, kind: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Append many rows of (id, document as JSON text, column values); their ids must be new."""
        self._ensure(kind, columns)
        names = ", ".join(["id", "doc", *columns])
        marks = ", ".join("?" * (len(columns) + 2))
        deflate = self._packer.deflate
        packed = ((row[0], deflate(row[1]), *row[2:]) for row in rows)
        self._connection.executemany(f"INSERT INTO {kind} ({names}) VALUES ({marks})", packed)  # noqa: S608

    def drop_indexes(self, kinds: Iterable[str]) -> list[str]:
        """Take indexes away before a bulk load; run the statements given back to have them again."""
        chosen = set(kinds)
        sql = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        found = [row for row in self._connection.execute(sql).fetchall() if row[1] in chosen]
        for row in found:
            self._connection.execute(f"DROP INDEX {row[0]}")
        return [row[2] for row in found]

    def make_indexes(self, statements: Iterable[str]) -> None:
        """Make what `drop_indexes` took away."""
        for statement in statements:
            self._connection.execute(statement)

    def next_id(self) -> str:
        """A Zoho-like id: 16 digits that begin alike in one organisation."""
        return str(ID_PREFIX + self._next("id", 1) * 2 + FIRST_ID)

    def reserve_ids(self, count: int) -> int:
        """Set `count` ids aside; the first one, the next are each two further."""
        last = self._next("id", count)
        return ID_PREFIX + (last - count + 1) * 2 + FIRST_ID

    def next_number(self, prefix: str) -> str:
        """The next human number of a series: SUB-00001, INV-000001, CN-00001; without prefix 1, 2, 3."""
        return f"{prefix}{self._next('number:' + prefix, 1):0{WIDTHS.get(prefix, 5)}d}"

    def reserve_numbers(self, prefix: str, count: int) -> int:
        """Set `count` numbers of a series aside; the first one."""
        return self._next("number:" + prefix, count) - count + 1

    def meta(self, key: str) -> str | None:
        """A single remembered value."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Remember a single value."""
        sql = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self._connection.execute(sql, (key, value))

    def all_meta(self) -> dict[str, str]:
        """Every remembered value, the counters too."""
        return dict(self._connection.execute("SELECT key, value FROM meta ORDER BY key"))

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction is durable; never when it was rolled back."""
        if callback not in self.callbacks:
            self.callbacks.append(callback)

    def flush(self) -> None:
        """Write the counters that were drawn from."""
        for name, value in self._counters.items():
            self.set_meta("counter:" + name, str(value))
        self._counters.clear()

    def _next(self, name: str, count: int) -> int:
        if name not in self._counters:
            self._counters[name] = int(self.meta("counter:" + name) or 0)
        self._counters[name] += count
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
            own = "seq INTEGER PRIMARY KEY, id TEXT NOT NULL, doc BLOB NOT NULL, walk"
            self._connection.execute(f"CREATE TABLE {kind} ({own})")
            self._connection.execute(f"CREATE UNIQUE INDEX {kind}_id ON {kind} (id)")
            # always NULL: an index of bare row numbers, to count pages along without reading documents
            self._connection.execute(f"CREATE INDEX {kind}_walk ON {kind} (walk)")
            self._columns[kind] = set(OWN)
        fresh = [column for column in columns if column not in self._columns[kind]]
        for column in fresh:
            if not NAME.fullmatch(column):
                raise ValueError(f"not a column: {column!r}")
            self._connection.execute(f"ALTER TABLE {kind} ADD COLUMN {column}")
            self._columns[kind].add(column)
        for column in fresh:
            if column not in NEVER_ALONE:
                beside = [name for name in FILTERED.get(kind, ()) if name in self._columns[kind]]
                names = ", ".join(dict.fromkeys([column, "seq", *beside] if beside else [column]))
                self._connection.execute(f"CREATE INDEX {kind}_{column} ON {kind} ({names})")

    def _column(self, kind: str, name: str) -> str:
        if name not in self._columns[kind]:
            self._columns.pop(kind)
            if not self._known(kind) or name not in self._columns[kind]:
                raise LookupError(f"{kind} has no column {name!r}")
        return name

    def _picked(self, kind: str, where: Where | None, order: str, *, desc: bool) -> tuple[str, list[Any]]:
        """The row numbers of a list in order, found on indexes alone."""
        direction = "DESC" if desc else "ASC"
        if order == "seq" and not where:
            sql = f"SELECT seq FROM {kind} WHERE walk IS NULL ORDER BY seq {direction}"  # noqa: S608
            return sql, []
        clause, values = self._where(kind, where)
        by = f"{self._column(kind, order)} {direction}, seq {direction}"
        if where and order != "seq" and set(where) <= {order, *FILTERED.get(kind, ())}:
            few = f"SELECT count(*) FROM (SELECT 1 FROM {kind}{clause} LIMIT {FEW})"  # noqa: S608
            if self._connection.execute(few, values).fetchone()[0] == FEW:
                clause, values = self._where(kind, where, walked=True)
        return f"SELECT seq FROM {kind}{clause} ORDER BY {by}", values  # noqa: S608

    def _where(self, kind: str, where: Where | None, *, walked: bool = False) -> tuple[str, list[Any]]:
        """The condition; `walked` says that the list is walked in its order, whatever else could be used."""
        parts: list[str] = []
        values: list[Any] = []
        names = list(where or {})
        choosy = [name for name in names if name.endswith(CHOOSY)]
        for name in names:
            wanted = (where or {})[name]
            if isinstance(wanted, tuple) and wanted[0] == "not in":
                other, column = wanted[1]
                if self._known(other):
                    parts.append(f"{name} NOT IN (SELECT {self._column(other, column)} FROM {other})")  # noqa: S608
                continue
            # beside a column that picks a handful no other index is of use; a plus keeps it from being taken
            plus = "+" if walked or (choosy and name not in choosy) else ""
            either = [_condition(plus + self._column(kind, each), wanted) for each in name.split("|")]
            parts.append("(" + " OR ".join(part for part, _ in either) + ")")
            values += [value for _, bound in either for value in bound]
        return (" WHERE " + " AND ".join(parts) if parts else ""), values


def _condition(column: str, wanted: Any) -> tuple[str, list[Any]]:
    if isinstance(wanted, list):
        return f"{column} IN ({', '.join('?' * len(wanted))})", wanted
    if not isinstance(wanted, tuple):
        return f"{column} = ?", [wanted]
    operator, value = wanted
    if operator == "contains":
        return f"instr(lower({column}), lower(?)) > 0", [value]
    if operator not in OPERATORS:
        raise ValueError(f"not an operator: {operator!r}")
    return f"{column} {operator} ?", [value]
