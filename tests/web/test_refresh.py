"""One refresh of a session's tokens at a time (SB-07), also when the provider says no, or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from portal import clock
from portal.db.transaction import as_web
from portal.people import flows, refreshing, sessions
from portal.people.auth_errors import EmailNotConfirmed, SessionGone, TokenRefused
from tests.harness.people import PASSWORD, cookie_of, later, plant, sign_in, signed_in, wear
from tests.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    import psycopg
    from flask import Flask

    Conn = psycopg.Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def refreshes(app: Flask) -> Iterator[list[str]]:
    """Every refresh that this app asks the provider for."""
    seen: list[str] = []

    def note(request: httpx.Request) -> None:
        if "grant_type=refresh_token" in str(request.url):
            seen.append(str(request.url))

    hooks = app.extensions["services"].auth._http.event_hooks
    hooks["request"].append(note)
    yield seen
    hooks["request"].remove(note)


def expire(conn: Conn) -> None:
    conn.execute("update sessions set access_expires_at = %s", [clock.now() - timedelta(seconds=1)])


def test_twenty_requests_at_expiry_make_one_refresh(
    visitor: Visitor, app: Flask, conn: Conn, refreshes: list[str]
) -> None:
    """SB-07: one call, nobody signed out, and the new pair is a good one."""
    visitor.sign_in("ada@example.com")
    expire(conn)
    cookie = cookie_of(visitor)

    def ask(_: int) -> int:
        one = Visitor(app)
        plant(one, cookie)
        return one.raw("GET", "/account/sessions").status_code

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(ask, range(20))) == [200] * 20
    assert len(refreshes) == 1
    row = conn.execute("select access_expires_at > now() as fresh, refreshing_until from sessions").fetchone()
    assert row == {"fresh": True, "refreshing_until": None}
    expire(conn)
    assert visitor.get("/account").heading != "Sign in"
    assert len(refreshes) == 2


def test_whoever_needs_the_token_waits_for_it(
    app: Flask, visitor: Visitor, conn: Conn, refreshes: list[str]
) -> None:
    """SB-07: the loser reads what the winner stored."""
    visitor.sign_in("ada@example.com")
    services = app.extensions["services"]
    with app.test_request_context(), as_web(services.pool) as web:
        live = sessions.find_live(web, cookie_of(visitor), hit_kind="read")
    assert live
    expire(conn)

    def token(_: int) -> str:
        return refreshing.access_token(services.pool, services.keyring, services.auth, live)

    with ThreadPoolExecutor(4) as threads:
        tokens = set(threads.map(token, range(4)))
    assert len(tokens) == 1
    assert len(refreshes) == 1


def test_lease_of_another_process_is_respected_until_it_runs_out(
    visitor: Visitor, conn: Conn, refreshes: list[str]
) -> None:
    """A page does not wait for somebody else's refresh; a holder that died is replaced."""
    visitor.sign_in("ada@example.com")
    expire(conn)
    conn.execute("update sessions set refreshing_until = %s", [clock.now() + timedelta(seconds=30)])
    assert visitor.get("/account").heading != "Sign in"
    assert refreshes == []
    conn.execute("update sessions set refreshing_until = %s", [clock.now() - timedelta(seconds=1)])
    assert visitor.get("/account").heading != "Sign in"
    assert len(refreshes) == 1


def test_late_answer_does_not_undo_a_newer_pair(app: Flask, conn: Conn) -> None:
    """infusionsoft-php #220: a refresh slower than its lease."""
    user = sign_in(app)
    services = app.extensions["services"]
    row = conn.execute("select id, access_token from sessions").fetchone()
    assert row
    conn.execute("update sessions set refreshing_until = %s", [clock.now() + timedelta(seconds=30)])
    late = signed_in(user_id=user.user_id)
    refreshing._store(conn, services.keyring, row["id"], late, clock.now() - timedelta(seconds=9))
    kept = conn.execute("select access_token from sessions").fetchone()
    assert kept == {"access_token": row["access_token"]}


def test_provider_that_is_down_signs_nobody_out(
    make_app: Callable[..., Flask], conn: Conn, app: Flask
) -> None:
    """SB-07: people go on until their session here ends; what needs the provider says that it cannot."""
    broken = make_app(supabase_url="http://127.0.0.1:9")
    visitor = wear(Visitor(broken), sign_in(broken))
    expire(conn)
    for _ in range(3):
        assert visitor.get("/account").heading != "Sign in"
    visitor.get("/account/second-factor")
    page = visitor.submit(action="/account/second-factor/enrolment", status=503)
    assert page.shows("Signing in does not work at the moment")


def test_session_ended_at_the_provider_ends_here_at_the_next_refresh(
    visitor: Visitor, app: Flask, conn: Conn
) -> None:
    visitor.sign_in("ada@example.com")
    auth = app.extensions["services"].auth
    elsewhere = auth.sign_in("ada@example.com", PASSWORD, ip="")
    auth.sign_out(elsewhere.tokens.access, "global")
    assert visitor.get("/account").heading != "Sign in"
    expire(conn)
    assert visitor.get("/account").heading == "Sign in"
    row = conn.execute("select ended_reason, refresh_token from sessions").fetchone()
    assert row == {"ended_reason": "ended by the identity provider", "refresh_token": None}


def test_tokens_of_another_row_do_not_open(app: Flask, conn: Conn) -> None:
    """CRY-01: a ciphertext is bound to its row; one that was copied ends the session instead of opening."""
    sign_in(app, "ada@example.com")
    other = sign_in(app, "eve@example.com")
    services = app.extensions["services"]
    conn.execute(
        "update sessions set refresh_token = (select refresh_token from sessions where user_id <> %s limit 1)"
        " where user_id = %s",
        [other.user_id, other.user_id],
    )
    expire(conn)
    with as_web(services.pool) as web:
        live = sessions.find_live(web, other.cookie, hit_kind="read")
    assert live
    with pytest.raises(SessionGone):
        refreshing.access_token(services.pool, services.keyring, services.auth, live)


def test_a_refresh_that_brings_somebody_else_is_refused(app: Flask) -> None:
    """SB-07: whatever the provider mixes up, nobody becomes another in their own session."""
    auth = app.extensions["services"].auth
    ada = auth.sign_in("ada@example.com", PASSWORD, ip="")
    with pytest.raises(TokenRefused):
        auth.refresh(ada.tokens.refresh, uuid4())


@pytest.mark.parametrize(
    "changes", [{"email_confirmed_at": None}, {"email": None}, {"email": "\u212aelvin@example.com"}]
)
def test_an_address_that_the_provider_has_not_confirmed_is_nobodys_aut_08(
    app: Flask, changes: dict[str, Any]
) -> None:
    """A project may be set to let people in unconfirmed; the portal does not."""
    auth = app.extensions["services"].auth
    known: dict[str, Any] = {
        "id": str(uuid4()),
        "email": "ada@example.com",
        "email_confirmed_at": clock.now(),
        "user_metadata": {},
        "app_metadata": {},
        "factors": [],
    }
    assert auth._identity(SimpleNamespace(**known)).email == "ada@example.com"
    with pytest.raises(EmailNotConfirmed):
        auth._identity(SimpleNamespace(**known | changes))


def test_a_flow_that_nobody_came_back_for_is_over_in_time(app: Flask, conn: Conn) -> None:
    """AUT-06: also before the night in which it is deleted."""
    services, visitor = app.extensions["services"], sessions.hash_of("x")
    with as_web(services.pool) as tx:
        lasts = timedelta(minutes=10)
        flows.store(tx, services.keyring, visitor, "second-factor", {"a": 1}, lasts=lasts)
        assert flows.find(tx, services.keyring, visitor, "second-factor") == {"a": 1}
        with later(minutes=11):
            assert flows.find(tx, services.keyring, visitor, "second-factor") is None
