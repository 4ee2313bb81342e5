"""How a row of ours is brought level with Zoho's answer: the one write that all mirror tables share.

Two guards keep a mirrored object from ever going backwards (WH-09, INV-5). A row is not replaced by an
answer whose Zoho modification time is older; on a tie (Zoho stamps whole seconds) the read that began
later wins. An older time that is read long after is no lag: Zoho's clock was set back. Writers of one
object queue on a transaction lock, so "what was there before" is true even when the object is new and
twenty of them arrive at once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from portal import clock, money
from portal.db.transaction import Conn, together

Row = dict[str, Any]

# What says when and how we read, as opposed to what Zoho said.
PROVENANCE = frozenset({"id", "zoho_updated_at", "synced_at", "source", "read_started_at", "created_at"})

# Longer than any lag of Zoho's reads behind its writes (seconds as a rule; FLT: ten minutes in a storm).
LONGEST_LAG = timedelta(minutes=15)

# What was there before is asked for after the lock, by a statement of its own: it sees what the last writer
# committed.
_LOCKED = sql.SQL("select pg_advisory_xact_lock(hashtextextended(%(name)s, 0)); {before}")
_BEFORE = sql.SQL("select * from billing.{table} where zoho_id = %(zoho_id)s")
_INSERT = sql.SQL("insert into billing.{table} ({columns}) values ({values}) returning *")
_UPDATE = sql.SQL("update billing.{table} set {pairs} where zoho_id = %(zoho_id)s returning *")
_CONFIRM = sql.SQL("""
update billing.{table} set source = %(source)s, read_started_at = %(read_started_at)s,
       zoho_updated_at = %(zoho_updated_at)s, synced_at = %(synced_at)s
where zoho_id = %(zoho_id)s
""")
# A list that is read as a whole has one lock, and what is on it already is looked up and confirmed at once.
_LOCKED_LIST = sql.SQL("""
select pg_advisory_xact_lock(hashtextextended({name}, 0));
select * from billing.{table} where zoho_id = any(%(zoho_ids)s)
""")
_CONFIRM_LIST = sql.SQL("""
update billing.{table} ours
set source = %(source)s, read_started_at = %(read_started_at)s, synced_at = %(synced_at)s,
    zoho_updated_at = told.at
from unnest(%(zoho_ids)s::text[], %(times)s::timestamptz[]) as told (zoho_id, at)
where ours.zoho_id = told.zoho_id
""")
_GONE = sql.SQL("""
update billing.{table}
set gone_at = %(now)s, synced_at = %(now)s, source = %(source)s, read_started_at = %(read_started_at)s
where zoho_id = %(zoho_id)s returning *
""")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Why the object was read, when the read began, and when Zoho says it last changed."""

    source: str
    read_started_at: datetime
    zoho_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: the row before and after, and whether anything but the stamps differs."""

    before: Row | None
    after: Row | None
    changed: bool
    refused: bool = False
    fields: frozenset[str] = field(default_factory=frozenset)


def upsert(conn: Conn, table: str, row: Mapping[str, Any], stamp: Stamp) -> Written:
    """Write ``row`` (keyed by its ``zoho_id``) unless the stored one is newer."""
    before = _locked(conn, table, row["zoho_id"])
    if before is not None and not _may_replace(before, stamp):
        return Written(before, before, changed=False, refused=True)
    values = _present(row)
    fields = differing(before, values) if before else frozenset(values)
    stamps = _stamps(stamp)
    if before is not None and not fields:
        # What most reads find: nothing new. Then only the date on it is, and nothing needs to come back.
        conn.execute(_confirm(table), stamps | {"zoho_id": row["zoho_id"]})
        return Written(before, before | stamps, changed=False)
    written = {name: _adapted(value) for name, value in (values | stamps).items()}
    written["zoho_id"] = row["zoho_id"]
    statement = _insert(table, written) if before is None else _update(table, written)
    after = conn.execute(statement, written).fetchone()
    return Written(before, after, changed=True, fields=fields)


def upsert_list(conn: Conn, table: str, told: Sequence[tuple[Row, Stamp]]) -> list[Written]:
    """Bring a list level that is read as a whole and that nobody else writes, as :func:`upsert` would.

    What says nothing new, as most of a list does, costs one statement however long the list is, and is not
    among what is returned. The stamps of one list differ in Zoho's time only.
    """
    names = {"zoho_ids": [row["zoho_id"] for row, _ in told]}
    _, found = together(conn, _lock_and_look_at_list(table), names)
    known = {row["zoho_id"]: row for row in found}
    level: list[tuple[Row, Stamp]] = []
    news: list[tuple[Row, Stamp]] = []
    for row, stamp in told:
        is_level = _is_level(known.get(row["zoho_id"]), row, stamp)
        (level if is_level else news).append((row, stamp))
    if level:
        conn.execute(_confirm_list(table), _confirmed(level))
    return [upsert(conn, table, row, stamp) for row, stamp in news]


def mark_gone(conn: Conn, table: str, zoho_id: str, stamp: Stamp) -> Written:
    """Record that Zoho no longer knows the object. The row stays, with its date of leaving."""
    before = _locked(conn, table, zoho_id)
    if before is None or before["gone_at"] is not None:
        return Written(before, before, changed=False)
    if before["read_started_at"] > stamp.read_started_at:
        return Written(before, before, changed=False, refused=True)
    names = {
        "zoho_id": zoho_id,
        "now": clock.now(),
        "source": stamp.source,
        "read_started_at": stamp.read_started_at,
    }
    after = conn.execute(_GONE.format(table=sql.Identifier(table)), names).fetchone()
    return Written(before, after, changed=True, fields=frozenset({"gone_at"}))


def find_by_zoho_id(conn: Conn, table: str, zoho_id: str) -> Row | None:
    """Return the mirrored row, also one that is gone."""
    return conn.execute(_look(table), {"zoho_id": zoho_id}).fetchone()


def differing(before: Row, values: Mapping[str, Any]) -> frozenset[str]:
    """Name the columns whose content differs, stamps left aside."""
    return frozenset(
        name
        for name, value in values.items()
        if name not in PROVENANCE and not _same(before.get(name), value)
    )


def as_json(value: Any) -> Any:
    """Return ``value`` the way it reads back from a jsonb column."""
    return json.loads(_dumps(value))


def _locked(conn: Conn, table: str, zoho_id: str) -> Row | None:
    names = {"name": f"{table}:{zoho_id}", "zoho_id": zoho_id}
    _, found = together(conn, _lock_and_look(table), names)
    return found[0] if found else None


def _present(row: Mapping[str, Any]) -> Row:
    """What a row holds whose object Zoho has just shown."""
    return {**row, "gone_at": None}


def _is_level(before: Row | None, row: Row, stamp: Stamp) -> bool:
    """Whether an answer that may replace the stored row brings nothing but its date."""
    return before is not None and _may_replace(before, stamp) and not differing(before, _present(row))


def _confirmed(level: list[tuple[Row, Stamp]]) -> Row:
    ids = [row["zoho_id"] for row, _ in level]
    return _stamps(level[0][1]) | {"zoho_ids": ids, "times": [stamp.zoho_updated_at for _, stamp in level]}


@cache
def _lock_and_look_at_list(table: str) -> sql.Composed:
    return _LOCKED_LIST.format(name=f"{table}:", table=sql.Identifier(table))


@cache
def _confirm_list(table: str) -> sql.Composed:
    return _CONFIRM_LIST.format(table=sql.Identifier(table))


@cache
def _lock_and_look(table: str) -> sql.Composed:
    return _LOCKED.format(before=_look(table))


@cache
def _confirm(table: str) -> sql.Composed:
    return _CONFIRM.format(table=sql.Identifier(table))


@cache
def _look(table: str) -> sql.Composed:
    return _BEFORE.format(table=sql.Identifier(table))


def _may_replace(before: Row, stamp: Stamp) -> bool:
    known, told = before["zoho_updated_at"], stamp.zoho_updated_at
    later_by = stamp.read_started_at - before["read_started_at"]
    if known is not None and told is not None and known != told:
        return bool(told > known or later_by > LONGEST_LAG)
    return bool(later_by >= timedelta(0))


def _stamps(stamp: Stamp) -> Row:
    return {
        "source": stamp.source,
        "read_started_at": stamp.read_started_at,
        "zoho_updated_at": stamp.zoho_updated_at,
        "synced_at": clock.now(),
    }


def _insert(table: str, row: Row) -> sql.Composed:
    return _INSERT.format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in row),
        values=sql.SQL(", ").join(sql.Placeholder(name) for name in row),
    )


def _update(table: str, row: Row) -> sql.Composed:
    pairs = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name in row
        if name != "zoho_id"
    ]
    return _UPDATE.format(table=sql.Identifier(table), pairs=sql.SQL(", ").join(pairs))


def _adapted(value: Any) -> Any:
    holds_objects = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return Jsonb(value, dumps=_dumps) if isinstance(value, dict) or holds_objects else value


def _same(stored: Any, told: Any) -> bool:
    if isinstance(told, Jsonb):
        return bool(stored == as_json(told.obj))
    if isinstance(told, dict | list):
        return bool(stored == as_json(told))
    if isinstance(told, UUID):
        return str(stored) == str(told)
    return bool(stored == told)


def jsonb(value: Any) -> Jsonb:
    """Wrap ``value`` for a jsonb column (needed for lists that may be empty)."""
    return Jsonb(value, dumps=_dumps)


def _dumps(value: Any) -> str:
    return json.dumps(value, default=money.as_json)
