"""Each page at full size, beside its bare queries plus an empty template; its statements and its bytes."""

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

from bench.timing import milliseconds, percentile
from portal.app import create_app
from portal.config import Settings
from portal.db.pool import open_pool
from tests.harness.processes import Stack
from tests.visitor import Visitor

PAGES = {
    "overview": "/",
    "plans": "/plans",
    "subscriptions": "/subscriptions",
    "invoices": "/invoices",
    "payment_methods": "/payment-methods",
    "account": "/account",
}
Statement = tuple[Any, Any]


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Keep every statement that this process sends meanwhile."""
    statements: list[Statement] = []
    plain: Callable[..., Any] = psycopg.Cursor.execute

    def execute(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        statements.append((query, params))
        return plain(cursor, query, params, **options)

    with patch.object(psycopg.Cursor, "execute", execute):
        yield statements


def measure(stack: Stack, runs: int) -> dict[str, float]:
    """Measure every page as Ada, in this process (server time) and over HTTP (what a browser waits for)."""
    portal = create_app(Settings.model_validate({name.lower(): value for name, value in stack.env.items()}))
    ada = Visitor(portal)
    ada.sign_in("ada@example.com")
    jar = ada.client._cookies or {}  # noqa: SLF001 - werkzeug's client shows cookies one by one only
    cookies = {cookie.key: cookie.value for cookie in jar.values()}
    figures: dict[str, float] = {}
    with requests.Session() as browser:
        browser.cookies.update(cookies)
        for name, path in PAGES.items():
            figures |= _page(stack, ada, browser, name, path, runs)
    figures["first_view_bytes"] = _first_view(stack, cookies)
    return figures


def _page(
    stack: Stack, ada: Visitor, browser: requests.Session, name: str, path: str, runs: int
) -> dict[str, float]:
    address = stack.portal_url + path
    assert browser.get(address, timeout=10, allow_redirects=False).status_code == 200, path
    with recorded() as statements:
        assert ada.client.get(path, base_url=ada.base_url).status_code == 200
    bare = _bare_app(stack, statements).test_client()
    assert bare.get("/").status_code == 200
    page = milliseconds(lambda: ada.client.get(path, base_url=ada.base_url), runs)
    least = milliseconds(lambda: bare.get("/"), runs)
    waited = milliseconds(lambda: browser.get(address, timeout=10), runs)
    return {
        f"page_{name}_p50_ms": percentile(waited, 0.5),
        f"page_{name}_p95_ms": percentile(waited, 0.95),
        f"page_{name}_server_p95_ms": percentile(page, 0.95),
        f"page_{name}_bare_p95_ms": percentile(least, 0.95),
        f"page_{name}_times_bare": round(percentile(page, 0.95) / percentile(least, 0.95), 2),
        f"page_{name}_statements": len(statements),
    }


def _bare_app(stack: Stack, statements: list[Statement]) -> Flask:
    """Build an app whose one page sends the same statements and renders nothing."""
    app = Flask("bare")
    pool = open_pool(stack.database_url, name="bench", max_size=2)

    @app.get("/")
    def show() -> str:
        with pool.connection() as conn, conn.transaction():
            for query, params in statements:
                cursor = conn.execute(query, params)
                if cursor.description:
                    cursor.fetchall()
        return render_template_string("")

    return app


def _first_view(stack: Stack, cookies: dict[str, str]) -> int:
    """Count what the overview and its style sheets weigh on the wire, compressed."""
    html = requests.get(stack.portal_url + "/", cookies=cookies, timeout=10).text
    sheets = re.findall(r'<link[^>]+href="([^"]+\.css)"', html)
    texts = [html, *(requests.get(stack.portal_url + sheet, timeout=10).text for sheet in sheets)]
    return sum(len(gzip.compress(text.encode(), 6)) for text in texts)
