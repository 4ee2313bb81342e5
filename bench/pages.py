"""Each page at full size, beside its bare queries plus an empty template; its statements and its bytes.

Page and bare app run in this process, one after the other and again, so that whatever else the machine does
meets both alike; what a browser waits for is measured against the running web server.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
import requests
from flask import Flask, render_template_string
from werkzeug.test import Client, TestResponse

from bench.fill import fill
from bench.timing import milliseconds, percentile, side_by_side
from bench.views import View, list_views
from portal.app import create_app
from portal.config import Settings
from portal.db.pool import open_pool
from tests.harness.processes import Stack

Statement = tuple[type[psycopg.Cursor[Any]], Any, Any]
Figures = dict[str, float]
PACKED = {"Accept-Encoding": "gzip"}


def measure(stack: Stack, accounts: int, invoices_each: int, runs: int) -> Figures:
    """Fill the mirror, then measure every page in this process (server time) and over HTTP."""
    special = fill(stack.database_url, accounts=accounts, invoices_each=invoices_each)
    portal = create_app(Settings.model_validate({name.lower(): value for name, value in stack.env.items()}))
    measured = {
        view.name: _measured(stack, portal, view, runs)
        for view in list_views(portal, stack.database_url, *special)
    }
    portal.extensions["services"].close()
    figures = {
        f"page_{name}_{key}": value for name, found in measured.items() for key, value in found.items()
    }
    return figures | {
        "pages": len(measured),
        "pages_most_times_bare": max(found["times_bare"] for found in measured.values()),
        "pages_most_p95_ms": max(found["p95_ms"] for found in measured.values()),
        "pages_most_statements": max(found["statements"] for found in measured.values()),
        "first_view_most_bytes": max(found["first_view_bytes"] for found in measured.values()),
        "first_view_with_script_most_bytes": max(found["with_script_bytes"] for found in measured.values()),
    }


def _measured(stack: Stack, portal: Flask, view: View, runs: int) -> Figures:
    browser = portal.test_client()
    browser.set_cookie("session", view.cookie, domain="127.0.0.1")

    def fetch() -> TestResponse:
        return browser.get(view.path, base_url=stack.portal_url, headers=PACKED)

    with recorded() as statements:
        answer = fetch()
    assert answer.status_code == 200, f"{view.path}: {answer.status_code}"
    with _bare(stack, statements) as bare, requests.Session() as session:
        session.cookies.set("session", view.cookie)
        page, least = side_by_side(fetch, lambda: bare.get("/"), runs)
        waited = milliseconds(lambda: session.get(stack.portal_url + view.path, timeout=10), runs)
    return {
        "p50_ms": percentile(waited, 0.5),
        "p95_ms": percentile(waited, 0.95),
        "server_p50_ms": percentile(page, 0.5),
        "server_p95_ms": percentile(page, 0.95),
        "bare_p50_ms": percentile(least, 0.5),
        "bare_p95_ms": percentile(least, 0.95),
        "times_bare": round(percentile(page, 0.95) / percentile(least, 0.95), 2),
        "statements": len(statements),
        **_weighed(browser, stack.portal_url, answer),
    }


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Keep every statement that this process sends meanwhile."""
    statements: list[Statement] = []
    plain: Callable[..., Any] = psycopg.Cursor.execute

    def execute(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if query:  # the pool's own question whether a connection lives is an empty one
            statements.append((type(cursor), query, params))
        return plain(cursor, query, params, **options)

    with patch.object(psycopg.Cursor, "execute", execute):
        yield statements


@contextmanager
def _bare(stack: Stack, statements: list[Statement]) -> Iterator[Client]:
    """Hand out an app whose one page sends the same statements and renders nothing."""
    app = Flask("bare")
    pool = open_pool(stack.database_url, name="bench", max_size=2)

    @app.get("/")
    def show() -> str:
        with pool.connection() as conn:
            for kind, query, params in statements:
                _send(conn, kind, query, params)
            conn.commit()
        return render_template_string("")

    try:
        yield app.test_client()
    finally:
        pool.close()


def _send(conn: psycopg.Connection[Any], kind: type[psycopg.Cursor[Any]], query: Any, params: Any) -> None:
    """Send as the page did, in its transactions, and take every answer."""
    if str(query).lstrip().startswith("begin"):
        conn.commit()
    with kind(conn, row_factory=conn.row_factory) as cursor:
        cursor.execute(query, params)
        for result in cursor.results():
            if result.description:
                result.fetchall()


def _weighed(browser: Client, base_url: str, answer: TestResponse) -> Figures:
    """Count what a first view weighs on the wire: the page and its style sheet, and its script on top."""
    html = gzip.decompress(answer.data).decode()
    others = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
    weights = {name: len(browser.get(name, base_url=base_url, headers=PACKED).data) for name in others}
    styles = sum(size for name, size in weights.items() if name.endswith(".css"))
    return {
        "first_view_bytes": len(answer.data) + styles,
        "with_script_bytes": len(answer.data) + sum(weights.values()),
        "requests": 1 + len(others),
    }
