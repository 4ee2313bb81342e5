"""Every refusal is a page that says what happened, that nothing is lost, and what to do next."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from psycopg_pool import PoolTimeout

from portal.errors import Conflict, NotFound, Refused, Unavailable
from portal.web import errors, guard
from portal.zoho import errors as zoho_errors
from tests.harness.logs import listen
from tests.visitor import Page, Visitor

CALM = (
    "Nothing was changed",
    "nothing was changed",
    "no harm",
    "check it for mistakes",
    "has moved any money",
)


def raising(app: Flask, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int) -> Page:
    """Open a public page whose view fails so."""

    @guard.public
    def broken() -> str:
        raise error

    monkeypatch.setitem(app.view_functions, "auth.show_sign_in", broken)
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    return Visitor(app).get("/sign-in", status=status)


@pytest.mark.parametrize("status", sorted(errors.WORDS))
def test_each_status_has_its_words(app: Flask, database_url: str, status: int) -> None:
    words = errors.WORDS[status]
    assert not words.title.endswith(("!", "."))
    assert "oops" not in f"{words.title} {words.text}".lower()
    assert any(phrase in f"{words.text} {words.next_step}" for phrase in CALM), words


@pytest.mark.parametrize(
    ("error", "status", "heading"),
    [
        (NotFound("secret"), 404, "Page not found"),
        (Refused("Choose a plan first."), 422, "That is not possible right now"),
        (Conflict("The price has changed."), 409, "That is not possible right now"),
        (Unavailable(), 503, "The billing system is not answering right now"),
        (zoho_errors.BreakerOpen(), 503, "The billing system is not answering right now"),
        (zoho_errors.NotFound(1002, "gone", 404), 503, "The billing system is not answering right now"),
        (PoolTimeout("dsn with password"), 503, "The billing system is not answering right now"),
        (psycopg.OperationalError("host secret"), 503, "The billing system is not answering right now"),
        (
            psycopg.errors.ReadOnlySqlTransaction("a standby"),
            503,
            "The billing system is not answering right now",
        ),
        (RuntimeError("secret"), 500, "Something went wrong on our side"),
    ],
)
def test_each_error_of_ours_has_its_page(
    app: Flask,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    heading: str,
) -> None:
    """LOG-01"""
    page = raising(app, monkeypatch, error, status)

    assert page.heading == heading
    assert "secret" not in page.response.text
    assert "password" not in page.response.text.replace("password-reset", "")
    assert page.shows(page.response.headers["X-Request-Id"])
    assert (page.response.headers.get("Retry-After") is not None) == (status == 503)


def test_a_refusal_says_its_own_sentence(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert raising(app, monkeypatch, Refused("Choose a plan first."), 422).shows("Choose a plan first.")


def test_a_wrong_method_and_a_wrong_host(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = listen(monkeypatch, errors)
    visitor = Visitor(app)
    assert visitor._open("PUT", "/theme", status=405).heading == "This page does not work that way"
    answer = visitor.client.get("/sign-in", base_url="http://evil.example")
    assert answer.status_code == 400
    assert "We could not read that request" in answer.get_data(as_text=True)
    assert heard == [], "whoever scans addresses would fill the log with tracebacks"
