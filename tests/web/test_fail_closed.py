"""A check that breaks is a refusal: nothing is shown and nothing is kept (LOG-02)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from portal.people import sessions
from portal.web import csrf, guard
from portal.zoho import signature
from tests.harness.people import sign_in, wear
from tests.visitor import Visitor
from tests.web.test_guard import token_for
from tests.web.test_webhooks import HEADER, PATH, event, signed

if TYPE_CHECKING:
    from flask import Flask


def broken(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("the check itself is broken")


@pytest.fixture
def live(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """As in production: what breaks becomes a page."""
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    return app


def test_a_broken_signature_check_keeps_nothing(
    live: Flask, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature, "verify", broken)
    body = event("1")
    answer = live.test_client().post(PATH, data=body, headers={HEADER: signed(body)})
    assert answer.status_code == 500
    assert conn.execute("select count(*) n from billing.inbox").fetchone()["n"] == 0


def test_a_broken_csrf_check_changes_nothing(live: Flask, conn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = wear(Visitor(live), sign_in(live))
    token = token_for(visitor)
    monkeypatch.setattr(csrf, "is_valid", broken)
    answer = visitor.raw("POST", "/account/profile", data={"csrf_token": token, "display_name": "Eve"})
    assert answer.status_code == 500
    names = conn.execute("select display_name from billing.users").fetchall()
    assert "Eve" not in [row["display_name"] for row in names]


@pytest.mark.parametrize(
    ("module", "name"), [(sessions, "find_live"), (guard, "_check_role"), (guard, "_count")]
)
def test_a_broken_guard_lets_nobody_in(
    live: Flask, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    visitor = wear(Visitor(live), sign_in(live, "ada@example.com"))
    monkeypatch.setattr(module, name, broken)
    answer = visitor.raw("GET", "/account")
    assert answer.status_code == 500
    assert "ada@example.com" not in answer.get_data(as_text=True)
