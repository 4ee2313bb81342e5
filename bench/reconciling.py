"""A full reconciliation of many subscriptions with a year of invoices: calls to Zoho, time, peak memory.

level    nothing differs: ceil(n/200) calls a list, no object read
repair   100 invoices of ours are wrong: one more call each
first    nothing is there yet: every object is read (a small company, per object)
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from math import ceil
from typing import Any

import psycopg
import requests

from bench.levelling import KINDS, level
from tests.harness.processes import CHECKOUT, Stack

DAMAGE = """
update billing.invoices set balance = balance + 1, status = 'overdue'
where id in (select id from billing.invoices order by zoho_id limit %s)
"""
READ_AGAIN = "select count(*) from billing.zoho_calls where endpoint like '%{%' and method = 'GET'"
NOTHING = """
truncate billing.customers, billing.subscriptions, billing.invoices, billing.payments, billing.sync_runs
  cascade
"""
DAMAGED = 100
FIRST = 20
PAGE = 200
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Pass:
    """One reconciliation, seen from outside."""

    seconds: float
    calls: int
    read_again: int
    peak_mb: float


def measure(stack: Stack, subscriptions: int) -> Figures:
    """Measure a tenth of the size first, so that memory can be seen not to grow with it."""
    stack.env["ZOHO_CALLS_PER_DAY"] = "1000000"
    stack.worker.stop()  # it would reconcile by itself, and take the run
    figures = _first(stack)
    small = max(1, subscriptions // 10)
    _fill(stack, small)
    before = _reconcile(stack)
    _damage(stack)
    repair = _reconcile(stack)
    begun = time.monotonic()
    objects = _fill(stack, subscriptions)
    filled = time.monotonic() - begun
    whole = _reconcile(stack)
    return figures | {
        "reconcile_subscriptions": subscriptions,
        "reconcile_objects": objects,
        "reconcile_fill_s": round(filled, 1),
        "reconcile_level_s": whole.seconds,
        "reconcile_level_calls": whole.calls,
        "reconcile_level_list_calls_least": _least_calls(stack),
        "reconcile_level_objects_read": whole.read_again,
        "reconcile_level_peak_mb": whole.peak_mb,
        "reconcile_tenth_s": before.seconds,
        "reconcile_tenth_peak_mb": before.peak_mb,
        "reconcile_repair_differences": DAMAGED,
        "reconcile_repair_objects_read": repair.read_again,
        "reconcile_repair_more_calls": repair.calls - before.calls,
        "reconcile_repair_ms_each": round((repair.seconds - before.seconds) * 1000 / DAMAGED, 1),
    }


def _first(stack: Stack) -> Figures:
    """Copy a small company from nothing, as a first run does."""
    stack.sandbox.reset("empty", subscriptions=FIRST)
    _sql(stack, NOTHING)
    first = _reconcile(stack)
    return {
        "reconcile_first_objects": first.read_again,
        "reconcile_first_ms_each": round(first.seconds * 1000 / max(1, first.read_again), 1),
    }


def _fill(stack: Stack, subscriptions: int) -> int:
    stack.sandbox.reset("empty", subscriptions=subscriptions)
    return level(stack)


def _damage(stack: Stack) -> None:
    _sql(stack, DAMAGE, DAMAGED)


def _least_calls(stack: Stack) -> int:
    """Return ceil(n/200) calls for each kind (an empty list is one call as well)."""
    with psycopg.connect(stack.database_url) as conn:
        counts = [conn.execute(f"select count(*) from billing.{table}").fetchone() for table in KINDS]  # noqa: S608
    return 1 + sum(max(1, ceil(int(row[0]) / PAGE)) for row in counts if row)


def _reconcile(stack: Stack) -> Pass:
    requests.delete(f"{stack.sandbox.url}/_control/calls", timeout=30)
    _sql(stack, "truncate billing.zoho_calls")
    begun = time.monotonic()
    command = [sys.executable, "-m", "portal", "reconcile"]
    process = subprocess.Popen(command, env=stack.env, cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert process.stdout
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = round(time.monotonic() - begun, 1)
    assert status == 0, said.decode()
    with psycopg.connect(stack.database_url) as conn:
        read_again = conn.execute(READ_AGAIN).fetchone()
    calls = int(stack.sandbox.control("calls?limit=1")["total"])
    return Pass(seconds, calls, int(read_again[0]) if read_again else 0, round(usage.ru_maxrss / 1024, 1))


def _sql(stack: Stack, statement: str, *values: Any) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        conn.execute(statement, values or None)
