"""Who gets in where: every route against every kind of person, generated from the routes themselves.

A new route is tested by being there. Expectations come from its own rule (portal/web/guard.py); what
the rule of each route should be is held by tests/house/test_routes.py.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from portal.db.transaction import as_web
from portal.people import invitations
from portal.web import guard
from portal.web.guard import RANK, Rule
from tests.db.strangers import fill, tables
from tests.harness.people import SomeUser, later, plant, sign_in
from tests.harness.people import wear as dressed
from tests.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from werkzeug.test import TestResponse

    Conn = psycopg.Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sandbox", "database_url")

FRAGMENT = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/account"}
NEED_THE_PROVIDER = {"account.end_all_sessions", "account.begin_enrolment", "account.remove_app"}
PARAMETER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")


@pytest.fixture(scope="module")
def portal(make_app: Callable[..., Flask]) -> Flask:
    """The portal with limits that a walk over all routes does not reach."""
    return make_app(rate_limit_scale=1000)


def routes(app: Flask) -> list[tuple[str, str, str, Rule]]:
    return [
        (path, method, endpoint, guard.rule_of(app, endpoint))
        for path, methods, endpoint, _ in guard.matrix(app)
        for method in methods.split(",")
    ]


def filled(path: str, ids: dict[str, UUID | str] | None = None) -> str:
    """The path with ids in place of its parameters, made up unless given."""

    def value(match: re.Match[str]) -> str:
        kind, name = match.groups()
        made_up = secrets.token_urlsafe(32) if name == "token" else uuid4()
        return str((ids or {}).get(name) or made_up) if kind in ("uuid", None) else "1"

    return PARAMETER.sub(value, path)


def ask(app: Flask, user: SomeUser | None, method: str, path: str, **headers: str) -> TestResponse:
    visitor = Visitor(app)
    if user is not None:
        dressed(visitor, user)
    data = {}
    if method != "GET":
        data["csrf_token"] = token_for(visitor)
    return visitor.raw(method, path, data=data or None, headers=headers)


def token_for(visitor: Visitor) -> str:
    """A token of this browser; the sign-in page has one for everybody who is not signed in yet."""
    page = visitor.raw("GET", "/check-your-mail").get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found.group(1)


def goes_to(answer: TestResponse, path: str) -> bool:
    return answer.status_code == 303 and answer.headers["Location"].partition("?")[0] == path


def test_strangers_are_sent_to_sign_in_everywhere(portal: Flask) -> None:
    """AC-02: anonymous, over every route."""
    for path, method, endpoint, rule in routes(portal):
        if rule.kind == "sessionless":
            continue
        answer = ask(portal, None, method, filled(path))
        sent = goes_to(answer, "/sign-in")
        if rule.kind == "public":
            assert answer.status_code not in (401, 403, 500), endpoint
        else:
            assert sent, f"{method} {path} [{rule}] answered {answer.status_code}"


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
@pytest.mark.parametrize("role", ["viewer", "billing", "owner"])
def test_a_role_opens_what_it_may_and_no_more(portal: Flask, role: str, headers: dict[str, str]) -> None:
    """AC-02, HX-06: members, over every route, as a page and as a fragment; staff's look missing (AC-07)."""
    lost = sign_in(portal, f"{uuid4()}@example.com", role=role)
    for path, method, endpoint, rule in routes(portal):
        if rule.kind in ("sessionless", "public"):
            continue
        person = sign_in(portal, f"{uuid4()}@example.com", role=role)
        answer = ask(portal, person, method, filled(path), **headers)
        what = f"{method} {path} [{rule}] answered {answer.status_code} to {role}"
        if rule.kind == "staff":
            # Pages name their own address, so the one that does not exist is as long.
            nowhere = ask(portal, lost, method, filled(path).replace("/admin", "/nadmi"), **headers)
            assert (answer.status_code, len(answer.data)) == (404, len(nowhere.data)), what
        elif rule.kind == "member" and RANK[role] < RANK[rule.role]:
            assert answer.status_code == 403, what
        elif endpoint not in NEED_THE_PROVIDER:  # which refuses the invented token
            assert answer.status_code not in (401, 403, 500), what
            assert not goes_to(answer, "/sign-in"), what
        else:
            assert answer.status_code in (303, 401, 503), what


@pytest.mark.parametrize("query", ["q=a%00b", "page=%00", "%00=x", "q=%%00"])
def test_no_page_looks_for_a_nul(portal: Flask, query: str) -> None:
    """INP-01: nobody gets further with it anywhere; a page that does not exist answers the same (AC-07)."""
    owner = sign_in(portal, f"{uuid4()}@example.com")
    staff = sign_in(portal, f"{uuid4()}@example.com", is_staff=True)
    addresses = [filled(path) for path, method, *_ in routes(portal) if method == "GET"]
    for address in [*addresses, "/admin/nowhere"]:
        for person in (owner, staff):
            answer = ask(portal, person, "GET", f"{address}?{query}")
            assert answer.status_code == 422, f"{address} answered {answer.status_code}"
    assert b"Start again from the list." in answer.data


def test_an_escaped_percent_is_no_nul(portal: Flask) -> None:
    """INP-01: `%2500` is the text `%00`, which anybody may look for."""
    staff = sign_in(portal, f"{uuid4()}@example.com", is_staff=True)
    assert ask(portal, staff, "GET", "/admin/events?q=%2500").status_code == 200


def test_staff_open_staff_pages_and_no_account(portal: Flask) -> None:
    """AC-02, AC-07"""
    for path, method, _, rule in routes(portal):
        if rule.kind in ("sessionless", "public"):
            continue
        user = sign_in(portal, f"{uuid4()}@example.com", is_staff=True)
        answer = ask(portal, user, method, filled(path))
        what = f"{method} {path} [{rule}] answered {answer.status_code} to staff"
        if rule.kind == "member":
            assert answer.status_code == 403, what
        elif rule.kind == "staff":
            assert not goes_to(answer, "/sign-in"), what
            assert answer.status_code != 403, what
            assert answer.status_code != 404 or "<" in path, what


def test_important_acts_ask_who_it_is_once_more(portal: Flask) -> None:
    """SES-08: ten minutes after signing in."""
    fresh = [(path, method, rule) for path, method, _, rule in routes(portal) if rule.is_fresh]
    assert fresh
    owner = sign_in(portal)
    staff = sign_in(portal, "staff@example.com", is_staff=True)
    for path, method, rule in fresh:
        with later(minutes=11):
            answer = ask(portal, staff if rule.kind == "staff" else owner, method, filled(path))
            assert goes_to(answer, "/reauthentication"), f"{method} {path} answered {answer.status_code}"


def test_what_belongs_to_others_looks_as_if_it_did_not_exist(portal: Flask, conn: Conn) -> None:
    """AC-01: status and length of a foreign object's page are those of a missing one's."""
    theirs = sign_in(portal, "other@example.com")
    assert theirs.account_id
    ids: dict[str, UUID | str] = {"user_id": theirs.user_id, "token": _token_of(portal, theirs)}
    for table in tables(conn):
        if table.has_account and "id" in table.columns:
            fill(conn, table, theirs.account_id, theirs.user_id)
        if "id" in table.columns and table.columns["id"] == "uuid" and ("account_id" in table.columns):
            row = conn.execute(f"select id from {table.name} limit 1").fetchone()
            if row:
                singular = table.name.removesuffix("s")
                ids[f"{singular}_id"] = ids[f"{singular.rpartition('_')[2]}_id"] = row["id"]
    checked = 0
    for path, method, _, rule in routes(portal):
        names = [name for _, name in PARAMETER.findall(path)]
        if not names or rule.kind in ("sessionless", "staff"):
            continue
        assert all(name in ids for name in names), f"no foreign row for {path}"
        me = sign_in(portal, f"{uuid4()}@example.com")
        for headers in ({}, FRAGMENT):
            foreign = ask(portal, me, method, filled(path, ids), **headers)
            missing = ask(portal, me, method, filled(path), **headers)
            assert foreign.status_code == missing.status_code == 404, f"{method} {path}"
            assert len(foreign.data) == len(missing.data), f"{method} {path}"
        checked += 1
    assert checked > 10


def _token_of(portal: Flask, host: SomeUser) -> str:
    """A token that is good, for somebody else."""
    assert host.account_id
    with as_web(portal.extensions["services"].pool, host.user_id) as conn:
        guest = "guest@example.com"
        token = invitations.create(
            conn, uuid4(), host.account_id, email=guest, role="viewer", invited_by=host.user_id
        )
    assert token
    return token


def test_htmx_without_a_session_is_told_to_go_and_sign_in(portal: Flask) -> None:
    """HX-05: never a sign-in page inside a panel; the way back is the page around the panel."""
    for path, method, _, rule in routes(portal):
        if rule.kind in ("sessionless", "public"):
            continue
        headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/account/sessions"}
        answer = ask(portal, None, method, filled(path), **headers)
        assert answer.status_code == 401, f"{method} {path}"
        assert answer.headers["HX-Redirect"] == "/sign-in?next=/account/sessions"
        assert not answer.data


def test_machines_get_no_cookie(portal: Flask) -> None:
    """WH-15: no session is read or set for the webhook, health and static files."""
    for path, method, endpoint, rule in routes(portal):
        if rule.kind == "sessionless":
            # A file that is there: the page that says "not found" is a page, with forms.
            style = portal.jinja_env.globals["static_url"]["style"]
            where = style if endpoint == "static_file" else filled(path)
            answer = portal.test_client().open(where, method=method, base_url="http://127.0.0.1")
            assert "Set-Cookie" not in answer.headers, endpoint


def test_a_view_that_says_nothing_is_shut(make_app: Callable[..., Flask]) -> None:
    """Deny by default."""
    app = make_app(rate_limit_scale=1000)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = ask(app, sign_in(app), "GET", "/forgotten")
    assert answer.status_code == 403
    assert b"secret" not in answer.data


def test_foreign_hosts_are_refused(portal: Flask) -> None:
    """RED-04"""
    answer = portal.test_client().get("/sign-in", base_url="http://evil.example")
    assert answer.status_code == 400


def test_changed_role_takes_effect_at_the_next_request(portal: Flask, conn: Conn) -> None:
    """AC-05"""
    user = sign_in(portal)
    assert ask(portal, user, "GET", "/checkouts/new").status_code != 403
    conn.execute("update members set role = 'viewer' where user_id = %s", [user.user_id])
    assert ask(portal, user, "GET", "/checkouts/new").status_code == 403
    conn.execute("delete from members where user_id = %s", [user.user_id])
    assert ask(portal, user, "GET", "/plans").status_code == 403


def test_a_page_needs_two_round_trips_for_its_session(portal: Flask) -> None:
    """Budget: session lookup is an identity statement and one more."""
    import psycopg

    user, counted = sign_in(portal), []
    original = psycopg.Cursor.execute

    def counting(self: Any, query: Any, *args: Any, **more: Any) -> Any:
        counted.append(str(query).split()[0:3])
        return original(self, query, *args, **more)

    psycopg.Cursor.execute = counting  # type: ignore[method-assign]
    try:
        ask(portal, user, "GET", "/account")
    finally:
        psycopg.Cursor.execute = original  # type: ignore[method-assign]
    statements = [words for words in counted if words]  # the pool's own check is empty
    assert len(statements) == 2, statements


def test_database_that_is_down_is_said_in_words(make_app: Callable[..., Flask]) -> None:
    """SB-10: a page after two seconds and not a hang, for visitors and for people who were signed in."""
    app = make_app(database_url="postgresql://nobody@127.0.0.1:9/nothing")
    for cookie in ("", "x" * 43):
        visitor = Visitor(app)
        plant(visitor, cookie)
        page = visitor.get("/account" if cookie else "/sign-in", status=503)
        assert page.shows("is not answering right now")
        assert int(page.response.headers["Retry-After"]) > 0
    assert visitor.raw("GET", "/healthz").status_code == 200


def test_flask_login_knows_the_person(portal: Flask) -> None:
    import flask_login

    user = sign_in(portal, "ada@example.com")
    with portal.test_request_context("/", headers={"Cookie": f"session={user.cookie}"}):
        assert flask_login.current_user.is_authenticated
        assert flask_login.current_user.get_id() == str(user.user_id)
    with portal.test_request_context("/"):
        assert not flask_login.current_user.is_authenticated
