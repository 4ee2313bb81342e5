"""Bringing a mirror level with the sandbox in bulk, where a first copy would ask for each object by itself.

Zoho gives details only one at a time, and its call budget makes a first copy of 10,000 subscriptions with a
year of invoices a matter of days; what is measured is the comparison after it. The sandbox hands out the same
objects in bulk, the portal's own code turns them into rows, and a comparison that then reads no object again
proves that they are what a first copy would have written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import requests
from psycopg import sql

from portal import clock
from portal.mirror import rows
from portal.sync import columns
from portal.zoho import payloads
from tests.harness.processes import Stack

_EMPTY = """
truncate billing.customers, billing.subscriptions, billing.invoices, billing.payments, billing.credit_notes,
  billing.payment_methods, billing.object_reads, billing.freshness cascade
"""
KINDS: dict[str, tuple[type[payloads.Payload], Callable[[Any], rows.Row]]] = {
    "customers": (payloads.Customer, columns.customer),
    "subscriptions": (payloads.Subscription, columns.subscription),
    "invoices": (payloads.Invoice, columns.invoice),
    "payments": (payloads.Payment, columns.payment),
}
PER_PAGE = 1000


def level(stack: Stack) -> int:
    """Replace the mirror by what the sandbox holds; return how many objects that are."""
    with psycopg.connect(stack.database_url) as conn:
        conn.execute(_EMPTY)
        copied = sum(_copy(conn, stack.sandbox.url, table) for table in KINDS)
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return copied


def _copy(conn: psycopg.Connection, sandbox_url: str, table: str) -> int:
    copied = 0
    found = _rows(sandbox_url, table)
    first = next(found)
    statement = sql.SQL("copy billing.{} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, first))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write_row(list(first.values()))
        for copied, row in enumerate(found, start=2):  # noqa: B007 - counted
            copy.write_row(list(row.values()))
    return copied


def _rows(sandbox_url: str, table: str) -> Iterator[rows.Row]:
    model, to_row = KINDS[table]
    now = clock.now()
    for told in _objects(sandbox_url, table):
        found: Any = model.parse(told)
        stamps = {"source": "reconcile", "synced_at": now, "read_started_at": now}
        row = {**to_row(found), **stamps, "zoho_updated_at": found.updated_at}
        yield {name: rows.jsonb(value) if _is_json(value) else value for name, value in row.items()}


def _objects(sandbox_url: str, kind: str) -> Iterator[dict[str, Any]]:
    page, more = 1, True
    while more:
        address = f"{sandbox_url}/_control/state?kind={kind}&page={page}&per_page={PER_PAGE}"
        answer = json.loads(requests.get(address, timeout=120).content, parse_float=Decimal)
        yield from answer[kind]
        page, more = page + 1, answer["page_context"]["has_more_page"]


def _is_json(value: object) -> bool:
    is_rows = isinstance(value, list) and any(isinstance(one, dict) for one in value)
    return isinstance(value, dict) or is_rows
