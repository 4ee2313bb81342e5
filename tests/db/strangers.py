"""Rows for every table, made from the catalogue alone, so that a new table is tested without being named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

Conn = psycopg.Connection[dict[str, Any]]

COLUMNS = """
select c.relname as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = '' as is_needed
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname = 'billing' and c.relkind in ('r', 'p')
order by 1, a.attnum
"""
CHECKS = """
select c.relname as table_name, pg_get_constraintdef(k.oid) as rule
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'billing' and k.contype = 'c'
"""
ALLOWED = re.compile(r"\(?(\w+)\)? = ANY \(ARRAY\['([^']*)'")


MAKERS: tuple[tuple[str, Callable[[], Any]], ...] = (
    ("uuid", uuid4),
    ("timestamp", lambda: "2026-11-01"),
    ("date", lambda: "2026-11-01"),
    ("boolean", lambda: False),
    ("json", lambda: "{}"),
    ("bytea", lambda: uuid4().bytes),
    *((number, lambda: 1) for number in ("numeric", "integer", "bigint", "smallint", "double")),
)


@dataclass(frozen=True)
class Table:
    name: str
    columns: dict[str, str]
    needed: list[str]
    allowed: dict[str, str]

    @property
    def has_account(self) -> bool:
        return "account_id" in self.columns


def tables(conn: Conn) -> list[Table]:
    """Every table of the schema, with what a row of it needs."""
    allowed: dict[str, dict[str, str]] = {}
    for row in conn.execute(CHECKS):
        for column, value in ALLOWED.findall(row["rule"]):
            allowed.setdefault(row["table_name"], {})[column] = value
    found: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(COLUMNS):
        found.setdefault(row["table_name"], []).append(row)
    return [
        Table(
            name,
            {row["name"]: row["type"] for row in rows},
            [row["name"] for row in rows if row["is_needed"]],
            allowed.get(name, {}),
        )
        for name, rows in found.items()
    ]


def fill(conn: Conn, table: Table, account_id: UUID, user_id: UUID) -> None:
    """Put one row that belongs to this account and user into the table."""
    known = {"account_id": account_id, "user_id": user_id}
    values = {name: value_for(table, name) for name in table.needed}
    values |= {name: value for name, value in known.items() if name in table.columns}
    statement = sql.SQL("insert into billing.{} ({}) values ({}) on conflict do nothing").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    with conn.transaction():
        # Foreign keys rest: the row needs no family, only an owner.
        conn.execute("set local session_replication_role = replica")
        conn.execute(statement, list(values.values()))


def value_for(table: Table, name: str) -> Any:
    """Something that the column takes."""
    if name in table.allowed:
        return table.allowed[name]
    kind = table.columns[name]
    made = next((make for start, make in MAKERS if kind.startswith(start)), None)
    return [] if kind.endswith("[]") else made() if made else str(uuid4())
