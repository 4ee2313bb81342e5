"""Links that come by mail: confirm, sign in, reset, change of address (AUT-05, AUT-06, AUT-08)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.harness.people import PASSWORD, cookie_of, follow, later, mailed_links, midway, totp
from tests.visitor import Visitor

if TYPE_CHECKING:
    import psycopg
    from flask import Flask

    from tests.harness.processes import Sandbox

    Conn = psycopg.Connection[dict[str, Any]]

NEW = "a new passphrase of some length"


def ask_for_link(visitor: Visitor, email: str, page: str = "/magic-link") -> None:
    visitor.get(page)
    assert visitor.submit({"email": email}, action=page).heading == "Check your mail"


def arrive(visitor: Visitor, sandbox: Sandbox, email: str) -> Any:
    """Open the newest link in this visitor's browser."""
    return visitor.get(follow(mailed_links(sandbox, email)[0], visitor.base_url))


def test_signing_up_ends_in_an_account_of_ones_own(visitor: Visitor, sandbox: Sandbox, conn: Conn) -> None:
    visitor.get("/sign-up")
    given = {"email": "new@example.com", "name": "Nina Nova", "password": NEW}
    assert visitor.submit(given, action="/sign-up").heading == "Check your mail"
    assert arrive(visitor, sandbox, "new@example.com").heading == "Confirm your e-mail address"
    assert conn.execute("select count(*) as n from users").fetchone() == {"n": 0}
    visitor.submit(action="/confirmation")
    assert visitor.get("/account").shows("new@example.com")
    rows = conn.execute("select name, billing_email from accounts").fetchall()
    assert rows == [{"name": "Nina Nova", "billing_email": "new@example.com"}]


def test_signing_up_in_one_browser_and_confirming_in_another(app: Flask, sandbox: Sandbox) -> None:
    here, there = Visitor(app), Visitor(app)
    here.get("/sign-up")
    here.submit({"email": "new@example.com", "name": "Nina", "password": NEW}, action="/sign-up")
    arrive(there, sandbox, "new@example.com")
    page = there.submit(action="/confirmation")
    assert page.shows("Your address is confirmed. Sign in with your password.")
    page = there.submit({"email": "new@example.com", "password": NEW}, action="/sign-in")
    assert page.heading != "Sign in"


@pytest.mark.parametrize(
    ("password", "says"),
    [("too short", "at least 15"), ("é" * 40, "shorter"), ("", "Choose a password")],
)
def test_passwords_that_cannot_be_used(visitor: Visitor, sandbox: Sandbox, password: str, says: str) -> None:
    """AUT-01: fifteen characters, at most the 72 bytes that the provider reads; nothing silently cut."""
    visitor.get("/sign-up")
    given = {"email": "new@example.com", "name": "Nina", "password": password}
    page = visitor.submit(given, action="/sign-up", status=422)
    assert says in page.errors()["password"]
    assert sandbox.mail("new@example.com") == []


def test_password_of_64_characters_with_spaces_is_welcome(visitor: Visitor, sandbox: Sandbox) -> None:
    """AUT-01"""
    long = " ".join(["word"] * 13)[:64]
    visitor.get("/sign-up")
    given = {"email": "new@example.com", "name": "Nina", "password": long}
    assert visitor.submit(given, action="/sign-up").heading == "Check your mail"


def test_signing_up_with_a_taken_address_looks_the_same_and_mails_nothing(
    visitor: Visitor, sandbox: Sandbox
) -> None:
    """AUT-05, AUT-08"""
    visitor.get("/sign-up")
    given = {"email": "ada@example.com", "name": "Eve", "password": NEW}
    assert visitor.submit(given, action="/sign-up").heading == "Check your mail"
    assert sandbox.mail("ada@example.com") == []


@pytest.mark.parametrize("page", ["/magic-link", "/password-reset"])
def test_unknown_address_gets_the_same_answer_and_no_mail(
    visitor: Visitor, sandbox: Sandbox, page: str
) -> None:
    """AUT-05"""
    ask_for_link(visitor, "nobody@example.com", page)
    assert sandbox.mail("nobody@example.com") == []


def test_magic_link_leads_to_the_page_that_was_asked_for(visitor: Visitor, sandbox: Sandbox) -> None:
    visitor.get("/account/sessions")
    visitor.click("Get a sign-in link by e-mail instead")
    visitor.submit({"email": "ada@example.com"}, action="/magic-link")
    arrive(visitor, sandbox, "ada@example.com")
    assert visitor.submit(action="/confirmation").url == "/account/sessions"


def test_link_is_cleaned_out_of_the_address_and_opens_nothing_by_itself(
    visitor: Visitor, sandbox: Sandbox, conn: Conn
) -> None:
    """AUT-06, FIL-05: scanners open links; only the button signs in."""
    ask_for_link(visitor, "ada@example.com")
    path = follow(mailed_links(sandbox, "ada@example.com")[0], visitor.base_url)
    assert "code=" in path
    for _ in range(3):
        page = visitor.get(path)
        assert page.url == "/confirmation?kind=magic-link"
        assert "code=" not in str(page.soup)
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 0}
    visitor.submit(action="/confirmation")
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 1}


def test_link_works_once(visitor: Visitor, app: Flask, sandbox: Sandbox) -> None:
    """AUT-06"""
    ask_for_link(visitor, "ada@example.com")
    link = mailed_links(sandbox, "ada@example.com")[0]
    path = follow(link, visitor.base_url)
    visitor.get(path)
    visitor.submit(action="/confirmation")
    visitor.submit(action="/sign-out")
    visitor.get(path)
    assert visitor.submit(action="/confirmation", status=410).heading == "This link does not work"
    again = follow(link, visitor.base_url)
    assert parse_qs(urlsplit(again).query)["error_code"] == ["otp_expired"]
    assert visitor.get(again, status=410).heading == "This link does not work"


def test_link_opens_only_in_the_browser_that_asked(app: Flask, sandbox: Sandbox, conn: Conn) -> None:
    """AUT-06: PKCE; whoever only has the link has nothing."""
    here, thief = Visitor(app), Visitor(app)
    ask_for_link(here, "ada@example.com")
    arrive(thief, sandbox, "ada@example.com")
    page = thief.submit(action="/confirmation", status=410)
    assert page.shows("Open the link in the browser in which you asked for it")
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 0}


def test_two_flows_of_two_browsers_do_not_mix(app: Flask, sandbox: Sandbox) -> None:
    """SB-08: verifiers are the visitor's, not the process's."""
    ada, bob = Visitor(app), Visitor(app)
    ask_for_link(ada, "ada@example.com")
    ask_for_link(bob, "bob@example.com")
    for visitor, email in ((ada, "ada@example.com"), (bob, "bob@example.com")):
        arrive(visitor, sandbox, email)
        visitor.submit(action="/confirmation")
        assert visitor.get("/account").shows(email)


def test_verifier_rests_sealed(visitor: Visitor, sandbox: Sandbox, conn: Conn) -> None:
    """CRY-01"""
    ask_for_link(visitor, "ada@example.com")
    row = conn.execute("select visitor_hash, payload from auth_flows").fetchone()
    assert row
    assert b"verifier" not in bytes(row["payload"])
    assert cookie_of(visitor).encode() not in bytes(row["visitor_hash"])


def test_reset_sets_a_new_password_and_ends_every_other_session(
    visitor: Visitor, app: Flask, sandbox: Sandbox
) -> None:
    """SES-06, AUT-06"""
    elsewhere = Visitor(app)
    elsewhere.sign_in("ada@example.com")
    ask_for_link(visitor, "ada@example.com", "/password-reset")
    arrive(visitor, sandbox, "ada@example.com")
    assert visitor.submit(action="/confirmation").heading == "Choose a new password"
    page = visitor.submit({"password": "short"}, action="/password-reset/new-password", status=422)
    assert "at least 15" in page.errors()["password"]
    page = visitor.submit({"password": PASSWORD}, action="/password-reset/new-password", status=422)
    assert "differs" in page.errors()["password"]
    visitor.submit({"password": NEW}, action="/password-reset/new-password")
    assert elsewhere.get("/account").heading == "Sign in"
    elsewhere.submit({"email": "ada@example.com", "password": PASSWORD}, action="/sign-in", status=422)
    assert (
        elsewhere.submit({"email": "ada@example.com", "password": NEW}, action="/sign-in").heading
        != "Sign in"
    )


def test_reset_page_is_for_whoever_came_by_the_link(visitor: Visitor, sandbox: Sandbox) -> None:
    visitor.sign_in("ada@example.com")
    assert visitor.get("/password-reset/new-password").heading == "Reset your password"


def test_reset_of_somebody_with_a_second_factor_asks_for_it_first(
    visitor: Visitor, sandbox: Sandbox, conn: Conn
) -> None:
    """AUT-03: a mailbox alone is not enough."""
    ask_for_link(visitor, "staff@example.com", "/password-reset")
    arrive(visitor, sandbox, "staff@example.com")
    assert visitor.submit(action="/confirmation").heading == "Enter your code"
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 0}
    assert visitor.submit({"code": totp()}, action="/second-factor").heading == "Choose a new password"


def test_link_that_was_forgotten_for_an_hour_is_dead(visitor: Visitor, sandbox: Sandbox) -> None:
    """AUT-06"""
    ask_for_link(visitor, "ada@example.com")
    path = follow(mailed_links(sandbox, "ada@example.com")[0], visitor.base_url)
    with later(minutes=61):
        visitor.get(path)
        visitor.submit(action="/confirmation", status=410)


def test_links_never_name_the_host_that_a_visitor_claims(visitor: Visitor, sandbox: Sandbox) -> None:
    """RED-04: addresses in mails come from the settings."""
    visitor.get("/magic-link")
    token = visitor.get("/magic-link").form("/magic-link").find(attrs={"name": "csrf_token"})["value"]
    data = {"email": "ada@example.com", "csrf_token": token}
    visitor.raw("POST", "/magic-link", data=data, headers={"X-Forwarded-Host": "evil.example"})
    assert "evil" not in str(sandbox.mail("ada@example.com"))
    assert re.search(r"127\.0\.0\.1", mailed_links(sandbox, "ada@example.com")[0])


def test_mailbox_cannot_be_flooded(visitor: Visitor, sandbox: Sandbox) -> None:
    """AUT-04: five mails in a quarter of an hour; the same for addresses that nobody has."""
    for email in ("ada@example.com", "nobody@example.com"):
        with midway():
            for _ in range(5):
                ask_for_link(visitor, email)
            visitor.get("/magic-link")
            page = visitor.submit({"email": email}, action="/magic-link", status=429)
        assert int(page.response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "query",
    ["", "?kind=magic-link", "?error=access_denied&error_code=otp_expired", "?token_hash=x", "?kind=x"],
)
def test_landing_without_a_link_says_what_to_do(visitor: Visitor, sandbox: Sandbox, query: str) -> None:
    page = visitor.get(f"/confirmation{query}", status=410)
    assert page.heading == "This link does not work"
    assert page.link("Get a sign-in link") == "/magic-link"


def test_forged_code_opens_nothing(visitor: Visitor, sandbox: Sandbox) -> None:
    ask_for_link(visitor, "ada@example.com")
    visitor.get("/confirmation?kind=magic-link&code=00000000-0000-4000-8000-000000000000")
    assert visitor.submit(action="/confirmation", status=410).heading == "This link does not work"
