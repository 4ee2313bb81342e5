"""What every answer carries, and what a first view weighs."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from portal.web import compression, csp_reports, guard, headers
from tests.harness.people import plant
from tests.harness.worlds import World
from tests.visitor import Visitor

PACKED = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def world(conn: psycopg.Connection[dict[str, Any]]) -> World:
    made = World(conn)
    made.organization()
    return made


@pytest.fixture
def ada(app: Flask, world: World) -> Visitor:
    """Somebody with a year behind them."""
    member = world.member()
    card = world.method(member)
    row = world.subscription(member, payment_method_zoho_id=card["zoho_id"])
    for n in range(12):
        world.invoice(
            member, balance=0, invoice_date=world.in_days(-30 * n), subscription_zoho_ids=[row["zoho_id"]]
        )
    visitor = Visitor(app)
    plant(visitor, member.cookie)
    return visitor


def policy(response: Any) -> dict[str, str]:
    parts = response.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


def test_the_policy_is_the_strict_one_with_the_hosted_pages_named(app: Flask) -> None:
    """CSP-01, CSP-03"""
    response = Visitor(app).raw("GET", "/sign-in")
    told = policy(response)
    origins = app.extensions["services"].settings.zoho_hosted_origins
    nonce = re.fullmatch(r"'nonce-([\w-]{22,})' 'strict-dynamic'", told.pop("script-src"))

    assert nonce
    assert told == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": " ".join(["'self'", *origins]),
        "base-uri": "'none'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
        "report-to": "csp",
    }
    assert response.headers["Reporting-Endpoints"] == f'csp="{csp_reports.PATH}"'


def test_the_nonce_is_new_every_time_and_never_cached(ada: Visitor) -> None:
    """CSP-01, FIL-02"""
    answers = [ada.raw("GET", "/") for _ in range(3)]

    assert len({policy(answer)["script-src"] for answer in answers}) == 3
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/sign-in"),
        ("GET", "/nowhere"),
        ("DELETE", "/invoices"),
        ("POST", "/theme"),
        ("GET", "/healthz"),
        ("GET", "/static/none.css"),
        ("POST", "/webhooks/zoho"),
        ("POST", "/csp-reports"),
        ("TRACE", "/"),
        ("OPTIONS", "/invoices"),
    ],
)
def test_every_kind_of_answer_carries_the_headers(app: Flask, method: str, path: str) -> None:
    """CSP-04, CSP-05: Visitor.raw refuses an answer without them."""
    response = Visitor(app).raw(method, path)

    assert "Server" not in response.headers
    assert response.status_code != 200 or method != "TRACE"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {"Host": "evil.example"}}, 400),
        ({"data": {"email": "a" * 65 * 1024}, "method": "POST"}, 413),
        ({"data": {"email": "a"}, "method": "POST"}, 400),
        ({"data": {"email": "a"}, "method": "POST", "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"method": "HEAD"}, 200),
    ],
)
def test_every_refusal_carries_the_headers(app: Flask, options: dict[str, Any], status: int) -> None:
    """CSP-04: also what is refused before any view is chosen."""
    given = {"method": "GET", **options}
    response = Visitor(app).raw(given.pop("method"), "/sign-in", **given)
    assert response.status_code == status


def test_a_crash_and_a_kept_file_carry_the_headers(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """CSP-04"""
    page = Visitor(app).get("/sign-in")
    address = page.soup.find("link", rel="stylesheet")["href"]
    tag = Visitor(app).raw("GET", address).headers.get("ETag")
    kept = Visitor(app).raw("GET", address, headers={"If-None-Match": tag} if tag else {})
    assert kept.status_code == (304 if tag else 200)

    @guard.public
    def broken() -> str:
        raise RuntimeError

    monkeypatch.setitem(app.view_functions, "auth.show_sign_in", broken)
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    assert Visitor(app).raw("GET", "/sign-in").status_code == 500


def test_a_crash_is_a_page_with_a_number_and_no_details(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOG-01"""

    def broken() -> str:
        raise RuntimeError("select secret from billing.sessions")

    monkeypatch.setitem(app.view_functions, "healthz", guard.sessionless(broken))
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    page = Visitor(app).get("/healthz", status=500)

    assert page.heading == "Something went wrong on our side"
    assert page.shows(page.response.headers["X-Request-Id"])
    assert "secret" not in page.response.text
    assert "Traceback" not in page.response.text


@pytest.mark.parametrize(
    ("name", "value", "leaves"),
    [
        ("Location", "/invoices?next=https://evil.example", False),
        ("Location", "http://127.0.0.1:8000/x", False),
        ("Location", "https://pay.example/hostedpage/1", False),
        ("Location", "https://evil.example/", True),
        ("Location", "//evil.example/", True),
        ("Location", "/\\evil.example", True),
        ("Location", "\\\\evil.example", True),
        ("Location", "javascript:alert(1)", True),
        ("Location", "https:evil.example", True),
        ("HX-Redirect", "https://evil.example/", True),
        ("HX-Redirect", "/sign-in?next=/a", False),
        ("Refresh", "3; url=https://evil.example/", True),
        ("Refresh", "3; url=/checkouts/1", False),
        ("Refresh", "3", False),
        ("HX-Location", '{"path": "https://evil.example/"}', True),
        ("HX-Push-Url", "false", False),
    ],
)
def test_nobody_is_sent_to_a_stranger(name: str, value: str, leaves: bool) -> None:
    """RED-02"""
    known = {"http://127.0.0.1:8000", "https://pay.example"}

    assert headers.leaves(name, value, known) is leaves


def test_static_files_are_named_by_content_packed_and_kept(app: Flask) -> None:
    """CSP-06, FIL-02: style and script come from us, forever, pre-compressed."""
    visitor = Visitor(app)
    soup = visitor.get("/sign-in").soup
    found = [str(soup.find("link", rel="stylesheet")["href"]), str(soup.find("script", src=True)["src"])]

    for address in found:
        response = visitor.raw("GET", address, headers=PACKED)
        kept = {"If-None-Match": response.headers["ETag"]}
        again = visitor.client.get(address, base_url=visitor.base_url, headers=kept)
        assert re.search(r"\.[0-9a-f]{12}\.(css|js)$", address)
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["Content-Encoding"] == "gzip"
        assert "Set-Cookie" not in response.headers
        assert again.status_code == 304
        # a page of the version before or after this one, while a new one is rolled out
        other = visitor.raw("GET", re.sub(r"\.[0-9a-f]{12}\.", ".0123456789ab.", address), headers=PACKED)
        assert (other.status_code, other.data) == (200, response.data)
        assert other.headers["Cache-Control"] == "no-store"


def test_lengths_of_packed_pages_say_little() -> None:
    """BREACH: the same page has many lengths, and all are the same page."""
    body = b"<p>secret</p>" * 100
    packed = [compression.packed(body) for _ in range(40)]

    assert {gzip.decompress(one) for one in packed} == {body}
    assert len({len(one) for one in packed}) > 10


def test_the_switch_of_colours_works_without_javascript(ada: Visitor) -> None:
    assert ada.get("/invoices?status=open").soup.html["data-theme"] == "auto"

    page = ada.submit({"theme": "dark"}, action="/theme")

    assert page.url == "/invoices?status=open"
    assert page.soup.html["data-theme"] == "dark"


def test_the_switch_of_colours_sends_nobody_away(ada: Visitor) -> None:
    """RED-01"""
    ada.get("/")

    page = ada.submit({"theme": "light", "next": "//evil.example/"}, action="/theme")

    assert page.url == "/"


def test_htmx_is_tied_down_on_every_page(ada: Visitor) -> None:
    """HX-01, HX-02, HX-04"""
    page = ada.get("/invoices")
    config = json.loads(str(page.soup.find("meta", attrs={"name": "htmx-config"})["content"]))

    assert {
        "includeIndicatorStyles": False,
        "allowEval": False,
        "allowScriptTags": False,
        "selfRequestsOnly": True,
        "historyCacheSize": 0,
        "refreshOnHistoryMiss": True,
    }.items() <= config.items()
    assert page.soup.body["hx-history"] == "false"
    assert "hx-headers" not in page.response.text
    assert "hx-on" not in page.response.text
    assert "js:" not in page.response.text


def test_every_element_that_sends_by_htmx_carries_the_stamp() -> None:
    """HX-03, HX-04: without it the page's script cancels the request (docs/decisions/0040)."""
    folder = Path(__file__).resolve().parents[2] / "templates"
    tags = re.compile(r"<[a-z][^<>]*?\bhx-(?:get|post|put|patch|delete)=(?:\"[^\"]*\"|[^<>])*>", re.DOTALL)
    found = [
        (path.name, tag)
        for path in folder.rglob("*.html")
        for tag in tags.findall(path.read_text(encoding="utf-8"))
    ]

    assert len(found) >= 4
    assert not [(name, tag) for name, tag in found if 'data-stamp="{{ g.nonce }}"' not in tag]
    assert not [name for name, tag in found if "hx-on" in tag or "js:" in tag or "hx-headers" in tag]


@pytest.mark.parametrize(
    ("given", "is_kept"), [("a1b2c3d4-e5f6", True), ("short", False), ("<b>x</b>-and-more", False)]
)
def test_a_request_is_called_by_what_a_proxy_called_it_if_that_is_a_name(
    ada: Visitor, given: str, is_kept: bool
) -> None:
    """LOG-05: it stands in every line of the log, and on the page of a failure."""
    answer = ada.raw("GET", "/account", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) == is_kept
