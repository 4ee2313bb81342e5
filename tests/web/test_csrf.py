"""Forms of ours and of nobody else (CSRF-01 to CSRF-05), walked over every route that changes something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import g

from portal.people.sessions import new_cookie
from portal.web import csrf, guard
from portal.web.current import begin_session, forget_session
from tests.harness.people import later, sign_in, wear
from tests.visitor import Visitor
from tests.web.test_guard import filled, token_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from flask import Flask

    Conn = psycopg.Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sandbox", "database_url")


@pytest.fixture(scope="module")
def portal(make_app: Callable[..., Flask]) -> Flask:
    return make_app(rate_limit_scale=1000)


@pytest.fixture
def owner(portal: Flask) -> Visitor:
    return wear(Visitor(portal), sign_in(portal))


def unsafe(app: Flask) -> list[tuple[str, str]]:
    return [
        (path, endpoint)
        for path, methods, endpoint, _ in guard.matrix(app)
        if set(methods.split(",")) - {"GET"}
    ]


def test_every_unsafe_route_needs_the_token(portal: Flask, owner: Visitor) -> None:
    """CSRF-01, CSRF-04: sign-in, sign-up and reset too; two addresses of machines are excused, by name."""
    stranger = Visitor(portal)
    stranger.get("/sign-in")
    for path, endpoint in unsafe(portal):
        for visitor in (owner, stranger):
            status = visitor.raw("POST", filled(path), data={"x": "y"}).status_code
            assert (status == 400) is (endpoint not in csrf.EXEMPT), f"POST {path} answered {status}"
    assert {"webhooks.receive", "csp_reports"} == csrf.EXEMPT


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
    ],
)
def test_what_comes_from_elsewhere_is_refused_with_a_good_token(
    portal: Flask, owner: Visitor, headers: dict[str, str]
) -> None:
    """CSRF-03"""
    for path, endpoint in unsafe(portal):
        if endpoint in csrf.EXEMPT:
            continue
        data = {"csrf_token": token_for(owner)}
        assert owner.raw("POST", filled(path), data=data, headers=headers).status_code == 403, path


def test_token_of_another_browser_is_refused(portal: Flask, owner: Visitor) -> None:
    foreign = token_for(wear(Visitor(portal), sign_in(portal, "other@example.com")))
    answer = owner.raw("POST", "/account/profile", data={"csrf_token": foreign})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.get_data(as_text=True)


@pytest.mark.parametrize("given", ["", "x", "é", "A" * 86, "A" * 5000, "=" * 86])
def test_odd_tokens_are_refused_politely(owner: Visitor, given: str) -> None:
    assert owner.raw("POST", "/account/profile", data={"csrf_token": given}).status_code == 400


def test_token_in_the_header_counts(owner: Visitor) -> None:
    headers = {"X-CSRF-Token": token_for(owner)}
    assert owner.raw("POST", "/account/profile", headers=headers).status_code == 422


def test_token_in_the_address_does_not(owner: Visitor) -> None:
    """CSRF-05"""
    answer = owner.raw("POST", f"/account/profile?csrf_token={token_for(owner)}")
    assert answer.status_code == 400


def test_form_that_was_open_for_three_hours_still_works(portal: Flask) -> None:
    """CSRF-04: a visitor's form has no time limit; the session's own end is another matter."""
    visitor = Visitor(portal)
    visitor.get("/sign-in")
    with later(hours=3):
        page = visitor.submit({"email": "x@example.com", "password": "y"}, action="/sign-in", status=422)
    assert page.shows("do not match")


def test_token_is_made_once_a_page_and_anew_for_another_cookie(portal: Flask) -> None:
    """CSRF-01: what a request made for one browser's cookie is not given to the one that it begins."""
    with portal.test_request_context("/sign-in"):
        first = csrf.token()
        assert csrf.token() == first
        begin_session(new_cookie())
        second = csrf.token()
        assert csrf.token() == second
        g.live_session = None
        forget_session()
        assert len({first, second, csrf.token()}) == 3


def test_form_of_one_account_does_not_act_on_another(portal: Flask, conn: Conn) -> None:
    """AC-03: the person switched in another tab; what has no account (sign-out, profile) goes on."""
    person = sign_in(portal)
    other = sign_in(portal, "other@example.com")
    conn.execute("insert into members values (%s, %s, 'owner')", [other.account_id, person.user_id])
    one_tab, other_tab = wear(Visitor(portal), person), wear(Visitor(portal), person)
    one_tab.get("/account/members")
    other_tab.get("/account/members")
    other_tab.post("/account/choice", {"account_id": str(other.account_id)})

    page = one_tab.submit({"email": "x@example.com"}, action="/account/invitations", status=409)
    assert page.shows("You have switched to another account since this form was opened")
    assert conn.execute("select count(*) as n from invitations").fetchone() == {"n": 0}
    other_tab.get("/account/members")
    other_tab.submit({"email": "x@example.com"}, action="/account/invitations", status=201)
    assert conn.execute("select account_id from invitations").fetchall() == [{"account_id": other.account_id}]
    one_tab.get("/account/profile")
    other_tab.post("/account/choice", {"account_id": str(person.account_id)})
    one_tab.submit({"name": "Some Body"}, action="/account/profile")


def test_form_that_outlived_its_session_leads_to_sign_in(portal: Flask, conn: Conn) -> None:
    """SES-03: the session ended elsewhere; the form is not called another browser's."""
    visitor = wear(Visitor(portal), sign_in(portal))
    token = token_for(visitor)
    conn.execute("delete from sessions")
    for path in ("/account/invitations", "/account/profile"):
        answer = visitor.raw("POST", path, data={"csrf_token": token})
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/sign-in")


def test_token_looks_different_each_time(owner: Visitor) -> None:
    """BREACH: nothing secret stands twice in compressed pages."""
    tokens = {token_for(owner) for _ in range(5)}
    assert len(tokens) == 5


def test_token_survives_the_rotation_of_the_secret_key(make_app: Callable[..., Flask]) -> None:
    """CRY-03: the old key goes to SECRET_KEY_FALLBACKS, and open forms go on working."""
    old, new = "the old secret key, of more than 32 bytes", "the new secret key, of more than 32 bytes"
    before = make_app(secret_key=old)
    visitor = wear(Visitor(before), sign_in(before))
    token = token_for(visitor)
    for settings, status in (({"secret_key_fallbacks": [old]}, 422), ({}, 400)):
        visitor.app = make_app(secret_key=new, **settings)
        jar = visitor.client
        visitor.client = visitor.app.test_client()
        visitor.client._cookies = jar._cookies
        answer = visitor.raw("POST", "/account/profile", data={"csrf_token": token})
        assert answer.status_code == status


def test_looking_changes_nothing(portal: Flask, owner: Visitor, conn: Conn) -> None:
    """CSRF-02: GET of every address, twice; only counters and the time of the last visit move."""
    before = fingerprint(conn)
    for path, methods, endpoint, rule in guard.matrix(portal):
        if "GET" in methods.split(",") and rule != "sessionless":
            for _ in range(2):
                assert owner.raw("GET", filled(path)).status_code < 500, endpoint
    assert fingerprint(conn) == before


def fingerprint(conn: Conn) -> dict[str, Any]:
    names = conn.execute(
        "select relname from pg_class c join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'billing' and relkind = 'r' and relname <> 'rate_limits' order by 1"
    ).fetchall()
    return {
        row["relname"]: conn.execute(
            f"select md5(coalesce(string_agg((to_jsonb(t) - 'last_seen_at')::text, '|'"
            f" order by (to_jsonb(t) - 'last_seen_at')::text), '')) from {row['relname']} t"
        ).fetchone()
        for row in names
    }
