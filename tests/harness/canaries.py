"""Secrets of a running demo, and every place where none of them may ever stand (LOG-03).

Checked when a stack ends, so every journey with real processes is also a hunt: the logs of all processes
and all rows of all tables (audit trail, arguments of jobs, bodies, sealed columns) as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from portal.db.rotation import SEALED, bound_to
from portal.sealing import Keyring
from tests.harness.database import TABLES
from tests.harness.people import PASSWORD

if TYPE_CHECKING:
    from tests.harness.processes import Stack

SECRET_SETTINGS = (
    *("SECRET_KEY", "ENCRYPTION_KEYS", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "ZOHO_WEBHOOK_SECRETS"),
    "SUPABASE_SECRET_KEY",
)
# What people type at the hosted pages of the sandbox.
CARDS = ("4111111111111111", "4111 1111 1111 1111", "4000000000000002")


def found(stack: Stack) -> list[str]:
    """Return where a secret stands that should not, in words."""
    known = dict(_secrets(stack))
    places = {**_logs(stack), **_tables(stack.database_url)}
    return [
        f"{secret} stands in {place}"
        for place, text in places.items()
        for secret, value in known.items()
        if value in text or value.encode().hex() in text or json.dumps(value)[1:-1] in text
    ]


def _secrets(stack: Stack) -> Iterator[tuple[str, str]]:
    for name in SECRET_SETTINGS:
        yield name, stack.env[name].rpartition(":")[2]
    yield "the demo's password", PASSWORD
    yield from ((f"card {number}", number) for number in CARDS)
    keyring = Keyring.from_settings(stack.env["ENCRYPTION_KEYS"].split(","))
    with psycopg.connect(stack.database_url) as conn:
        for table, key, columns in SEALED:
            for column in columns:
                read = sql.SQL("select {}, {} from billing.{} where {} is not null").format(
                    *map(sql.Identifier, (key, column, table, column))
                )
                for row_key, sealed in conn.execute(read):
                    yield f"{table}.{column}", keyring.open(sealed, bound_to(table, column, row_key))


def _logs(stack: Stack) -> dict[str, str]:
    processes = [stack.web, stack.worker, *stack.others]
    return {f"the log of {one.name}": one.log.read_text(errors="replace") for one in processes}


def _tables(url: str) -> dict[str, str]:
    with psycopg.connect(url) as conn:
        names = [row[0] for row in conn.execute(TABLES)]
        return {name: _text_of(conn, name) for name in names}


def _text_of(conn: psycopg.Connection[tuple[str]], name: str) -> str:
    schema, table = (part.strip('"') for part in name.split("."))
    read = sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table))
    return "\n".join(row[0] for row in conn.execute(read))
