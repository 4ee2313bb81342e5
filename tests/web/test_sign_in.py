"""Coming in with a password and going out again: cookies, sessions, refusals (SES, AUT, CSRF-04)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from portal import clock
from portal.people import signing_in
from portal.people.auth_errors import AuthUnavailable, WrongCode
from portal.people.sessions import Visit, new_cookie
from portal.web import one_time_codes
from portal.web.limits import TooMany
from tests.harness.people import PASSWORD, cookie_of, jar_entry, later, plant, sign_in, signed_in, totp, wear
from tests.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from flask import Flask

    from portal.db.transaction import Pool
    from tests.harness.processes import Sandbox

    Conn = psycopg.Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sandbox", "database_url")


def test_right_password_opens_the_page_that_was_asked_for(visitor: Visitor) -> None:
    page = visitor.get("/account/sessions")
    assert page.heading == "Sign in"
    page = visitor.submit({"email": "ada@example.com", "password": PASSWORD}, action="/sign-in")
    assert page.url == "/account/sessions"


def test_first_sign_in_makes_one_account_and_the_second_none(visitor: Visitor, conn: Conn) -> None:
    visitor.sign_in("bob@example.com")
    visitor.submit(action="/sign-out")
    visitor.sign_in("bob@example.com")
    rows = conn.execute("select name, role from members join accounts on id = account_id").fetchall()
    assert rows == [{"name": "Bob Noyce", "role": "owner"}]


def test_a_sign_in_looks_for_what_was_bought_before_there_was_a_portal(visitor: Visitor, conn: Conn) -> None:
    """Decision 0145; once, however often somebody signs in meanwhile, and not for who has a customer."""
    deferred = "select args from jobs.procrastinate_jobs where task_name = 'adopt_customer'"
    visitor.sign_in("bob@example.com")
    visitor.submit(action="/sign-out")
    visitor.sign_in("bob@example.com")
    (account,) = conn.execute("select id from accounts").fetchall()
    assert conn.execute(deferred).fetchall() == [{"args": {"account_id": str(account["id"])}}]

    conn.execute("delete from jobs.procrastinate_jobs")
    conn.execute("update accounts set zoho_customer_id = '1'")
    visitor.submit(action="/sign-out")
    visitor.sign_in("bob@example.com")
    assert conn.execute(deferred).fetchall() == []


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_wrong_password_keeps_the_address_and_says_the_same_of_everybody(
    visitor: Visitor, email: str
) -> None:
    """AUT-05"""
    visitor.get("/sign-in")
    page = visitor.submit({"email": email, "password": "wrong"}, action="/sign-in", status=422)
    assert "The e-mail address and password do not match." in page.text
    assert page.form("/sign-in").find(attrs={"name": "email"})["value"] == email
    assert page.form("/sign-in").find(attrs={"name": "password"}).get("value") in (None, "")


def test_empty_form_names_each_field(visitor: Visitor) -> None:
    visitor.get("/sign-in")
    page = visitor.submit({}, action="/sign-in", status=422)
    assert page.title.startswith("Error: ")
    assert set(page.errors()) == {"email", "password"}


def test_unconfirmed_login_gets_no_session(visitor: Visitor, conn: Conn) -> None:
    """AUT-08: registering with somebody's address gives no access."""
    visitor.get("/sign-up")
    given = {"email": "eve@example.com", "name": "Eve", "password": "a long enough passphrase"}
    visitor.submit(given, action="/sign-up")
    visitor.get("/sign-in")
    page = visitor.submit(
        {"email": "eve@example.com", "password": given["password"]}, action="/sign-in", status=422
    )
    assert page.shows("Confirm your e-mail address first")
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 0}


def test_cookie_is_opaque_http_only_lax_and_hashed_at_rest(visitor: Visitor, conn: Conn) -> None:
    """SES-01, SES-07, SES-10: nothing in the table opens a session or the provider."""
    visitor.sign_in("ada@example.com")
    found = jar_entry(visitor)
    assert found is not None
    assert found.http_only
    assert found.same_site == "Lax"
    assert found.path == "/"
    assert found.origin_only
    assert len(found.value) == 43
    dump = "".join(str(row) for row in conn.execute("select sessions::text from sessions"))
    assert found.value not in dump
    assert "eyJ" not in dump
    tokens = conn.execute("select access_token, refresh_token from sessions").fetchone()
    assert tokens
    assert b"eyJ" not in bytes(tokens["access_token"])


def test_https_cookie_has_the_host_prefix(make_app: Callable[..., Flask]) -> None:
    """SES-07"""
    app = make_app(base_url="https://pay.example.com", zoho_webhook_secrets="ASecretOfOurOwnASecretOfOurOwn")
    answer = app.test_client().get("/sign-in", base_url="https://pay.example.com")
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(one.startswith("__Host-session=") for one in cookies)
    for one in cookies:
        assert one.startswith("__Host-")
        assert "Secure" in one
        assert "HttpOnly" in one
        assert "SameSite=Lax" in one
        assert "Domain" not in one


def test_session_id_changes_at_sign_in(visitor: Visitor, app: Flask) -> None:
    """SES-02: a cookie planted before sign-in opens nothing afterwards."""
    visitor.get("/sign-in")
    planted = cookie_of(visitor)
    visitor.submit({"email": "ada@example.com", "password": PASSWORD}, action="/sign-in")
    assert cookie_of(visitor) != planted
    attacker = Visitor(app)
    plant(attacker, planted)
    assert attacker.get("/account").heading == "Sign in"


def test_signing_in_again_ends_the_session_before(visitor: Visitor, app: Flask, conn: Conn) -> None:
    """SES-02"""
    visitor.sign_in("ada@example.com")
    before = cookie_of(visitor)
    with later(minutes=11):
        visitor.get("/account/email")
        visitor.submit({"password": PASSWORD}, action="/reauthentication")
    assert cookie_of(visitor) != before
    live = conn.execute("select count(*) as n from sessions where ended_at is null").fetchone()
    assert live == {"n": 1}


def test_cookie_replayed_after_sign_out_opens_nothing(visitor: Visitor, conn: Conn) -> None:
    """SES-03, FIL-04: the session ends here and its tokens are gone."""
    visitor.sign_in("ada@example.com")
    kept = cookie_of(visitor)
    token = visitor.get("/account").form("/sign-out").find(attrs={"name": "csrf_token"})["value"]
    answer = visitor.raw("POST", "/sign-out", data={"csrf_token": token})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert cookie_of(visitor) == ""
    plant(visitor, kept)
    assert visitor.get("/account").heading == "Sign in"
    row = conn.execute("select ended_reason, access_token, refresh_token from sessions").fetchone()
    assert row == {"ended_reason": "signed out", "access_token": None, "refresh_token": None}


def test_sign_out_ends_the_session_at_the_provider(visitor: Visitor, app: Flask) -> None:
    services = app.extensions["services"]
    mine = services.auth.sign_in("ada@example.com", PASSWORD, ip="")
    services.auth.sign_out(mine.tokens.access, "local")
    from portal.people.auth_errors import SessionGone

    with pytest.raises(SessionGone):
        services.auth.refresh(mine.tokens.refresh, mine.identity.user_id)


def test_sign_out_works_without_a_session(visitor: Visitor) -> None:
    visitor.get("/sign-in")
    assert visitor.post("/sign-out").heading == "Sign in"


@pytest.mark.parametrize(
    ("is_staff", "minutes", "heading_is_sign_in"),
    [(False, 58, False), (False, 61, True), (True, 28, False), (True, 31, True)],
)
def test_idle_sessions_end(
    visitor: Visitor, app: Flask, is_staff: bool, minutes: int, heading_is_sign_in: bool
) -> None:
    """SES-04: sixty minutes, thirty for staff."""
    wear(visitor, sign_in(app, is_staff=is_staff))
    with later(minutes=minutes):
        assert (visitor.get("/account").heading == "Sign in") is heading_is_sign_in


@pytest.mark.parametrize(("is_staff", "hours"), [(False, 24), (True, 12)])
def test_busy_sessions_end_too(visitor: Visitor, app: Flask, is_staff: bool, hours: int) -> None:
    """SES-04: twenty-four hours in all, twelve for staff."""
    wear(visitor, sign_in(app, is_staff=is_staff))
    for minutes in range(25, hours * 60, 25):
        with later(minutes=minutes):
            assert visitor.raw("GET", "/account/sessions").status_code == 200, minutes
    with later(minutes=hours * 60 + 1):
        assert visitor.get("/account").heading == "Sign in"


def test_disabled_users_session_ends_at_the_next_request(visitor: Visitor, app: Flask, conn: Conn) -> None:
    """SES-05"""
    user = sign_in(app)
    wear(visitor, user).get("/account")
    conn.execute("update users set disabled_at = now() where id = %s", [user.user_id])
    assert visitor.get("/account").heading == "Sign in"


def test_staff_who_are_no_longer_staff_are_out(visitor: Visitor, app: Flask, conn: Conn) -> None:
    """SES-05"""
    user = sign_in(app, is_staff=True)
    wear(visitor, user).get("/account")
    conn.execute("update users set is_staff = false where id = %s", [user.user_id])
    assert visitor.get("/account").heading == "Sign in"


def test_staff_whose_session_lost_its_second_factor_are_out(visitor: Visitor, app: Flask, conn: Conn) -> None:
    """AUT-03: whatever took it away, a refresh at the provider perhaps."""
    wear(visitor, sign_in(app, is_staff=True)).get("/account")
    conn.execute("update sessions set aal = 'aal1'")
    assert visitor.get("/account").heading == "Sign in"


def test_eleventh_session_ends_the_oldest(app: Flask, conn: Conn) -> None:
    """SES-09"""
    services, proof = app.extensions["services"], signed_in(lasts=timedelta(days=1))
    cookies = [
        signing_in.start(services.pool, services.keyring, proof, Visit("Firefox", "127.0.0.1")).cookie
        for _ in range(11)
    ]
    for cookie, is_out in ((cookies[0], True), (cookies[1], False), (cookies[10], False)):
        visitor = Visitor(app)
        plant(visitor, cookie)
        assert (visitor.get("/account").heading == "Sign in") is is_out
    live = conn.execute("select count(*) as n from sessions where ended_at is null").fetchone()
    assert live == {"n": 10}


def test_staff_need_their_second_factor(visitor: Visitor, conn: Conn) -> None:
    """AUT-03: the password alone makes no session; a code works once."""
    page = visitor.sign_in("staff@example.com")
    assert page.heading == "Enter your code"
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 0}
    assert visitor.get("/account").heading == "Sign in"
    visitor.get("/second-factor")
    code = totp()
    page = visitor.submit({"code": code[:3] + " " + code[3:]}, action="/second-factor")
    assert page.heading != "Enter your code"
    row = conn.execute("select aal, is_staff from sessions where ended_at is null").fetchone()
    assert row == {"aal": "aal2", "is_staff": True}


def test_code_works_once(app: Flask) -> None:
    """AUT-03 (6.5.1)"""
    first, second = Visitor(app), Visitor(app)
    for one in (first, second):
        one.sign_in("staff@example.com")
    code = totp()
    first.submit({"code": code}, action="/second-factor")
    page = second.submit({"code": code}, action="/second-factor", status=422)
    assert page.shows("That code is not right")


def test_sixth_wrong_code_is_not_even_looked_at(visitor: Visitor) -> None:
    """AUT-03 (6.6.3): five in a quarter of an hour, then a rest even for the right one."""
    visitor.sign_in("staff@example.com")
    for _ in range(5):
        visitor.submit({"code": "000000"}, action="/second-factor", status=422)
    page = visitor.submit({"code": totp()}, action="/second-factor", status=429)
    assert int(page.response.headers["Retry-After"]) > 600


def refuse(tried: threading.Barrier) -> None:
    """Say that the code is wrong, when five have been tried."""
    tried.wait(20)
    raise WrongCode


def test_many_codes_at_once_are_no_more_than_five(app: Flask, pool: Pool) -> None:
    """AUT-03 (6.6.3): a try counts from its beginning."""
    tried = threading.Barrier(5)

    def guess(code: str) -> str:
        try:
            with one_time_codes.trying(pool, "somebody", code):
                refuse(tried)
        except (WrongCode, TooMany) as refusal:
            return type(refusal).__name__

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(guess, [f"{number:06d}" for number in range(20)]))
    assert sorted(told) == ["TooMany"] * 15 + ["WrongCode"] * 5


def test_a_provider_that_does_not_answer_costs_no_try(pool: Pool) -> None:
    """AUT-04: its outage must not keep anybody out for a quarter of an hour."""
    for _ in range(6):
        with pytest.raises(AuthUnavailable), one_time_codes.trying(pool, "somebody", "123456"):
            raise AuthUnavailable
    with one_time_codes.trying(pool, "somebody", "123456"):
        pass


def test_half_of_a_proof_does_not_lie_under_a_planted_cookie(app: Flask, visitor: Visitor) -> None:
    """SES-02: who planted the visitor's cookie must not find the step-up there."""
    planted = new_cookie()
    plant(visitor, planted)
    visitor.sign_in("staff@example.com")
    assert visitor.get("/second-factor").heading == "Enter your code"
    thief = Visitor(app)
    plant(thief, planted)
    assert thief.get("/second-factor").heading == "Sign in"


def test_ten_failures_make_an_account_wait_longer_each_time(visitor: Visitor) -> None:
    """AUT-04: a delay that grows to a minute, never a lock."""
    visitor.get("/sign-in")
    waits = []
    # The clock stands still within a step: on a busy machine the shortest wait would be over too soon.
    began = clock.now()
    with clock.replaced_by(lambda: began):
        for _ in range(10):
            visitor.submit({"email": "ada@example.com", "password": "x"}, action="/sign-in", status=422)
    for step in range(3):
        with clock.replaced_by(lambda step=step: began + timedelta(seconds=100 * step)):
            page = visitor.get("/sign-in")
            if step:
                visitor.submit({"email": "ada@example.com", "password": "x"}, action="/sign-in", status=422)
                visitor.get("/sign-in")
            given = {"email": "ADA@example.com ", "password": PASSWORD}
            page = visitor.submit(given, action="/sign-in", status=429)
            waits.append(int(page.response.headers["Retry-After"]))
            visitor.get("/sign-in")
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    assert max(waits) <= 60
    with later(minutes=6):
        visitor.get("/sign-in")
        assert visitor.submit(given, action="/sign-in").heading != "Sign in"


def test_no_stranger_keeps_somebody_out(app: Flask) -> None:
    """AUT-04: whoever fails for Ada elsewhere waits; she does not, where she has signed in before."""
    ada, stranger = Visitor(app), Visitor(app)
    stranger.client.environ_base["REMOTE_ADDR"] = "203.0.113.66"
    ada.sign_in("ada@example.com")
    ada.submit(action="/sign-out")
    began = clock.now()
    with clock.replaced_by(lambda: began):
        for address in ("/sign-in", "/magic-link"):
            stranger.get(address)
            typed = {"email": "Ada@example.com"} | ({"password": "x"} if address == "/sign-in" else {})
            told = 0
            while told != 429:
                page = stranger.get(address)
                data = {**typed, "csrf_token": str(page.soup.find(attrs={"name": "csrf_token"})["value"])}
                told = stranger.raw("POST", address, data=data).status_code
        ada.get("/magic-link")
        page = ada.submit({"email": "ada@example.com"}, action="/magic-link")
        assert page.heading == "Check your mail", page.heading
        ada.get("/sign-in")
        page = ada.submit({"email": "ada@example.com", "password": PASSWORD}, action="/sign-in")
        assert page.url != "/sign-in"


def test_many_sign_ins_leave_no_thread_behind(app: Flask) -> None:
    """SB-08, R8: the library's default is a timer thread for each sign-in."""
    auth = app.extensions["services"].auth
    auth.sign_in("ada@example.com", PASSWORD, ip="")
    before = threading.active_count()
    for _ in range(12):
        auth.sign_in("ada@example.com", PASSWORD, ip="")
    assert threading.active_count() <= before


def test_provider_that_is_down_says_so_politely(visitor: Visitor, make_app: Callable[..., Flask]) -> None:
    broken = Visitor(make_app(supabase_url="http://127.0.0.1:9"))
    broken.get("/sign-in")
    page = broken.submit({"email": "ada@example.com", "password": "x"}, action="/sign-in", status=422)
    assert page.shows("Signing in does not work at the moment")


def test_sessions_started_and_ended_are_in_the_trail(visitor: Visitor, conn: Conn) -> None:
    """LOG-04"""
    visitor.sign_in("ada@example.com")
    visitor.get("/account")
    visitor.submit(action="/sign-out")
    actions = [row["action"] for row in conn.execute("select action from activity order by id")]
    assert actions == ["session:started", "session:ended"]


def test_the_last_proxy_names_the_visitor(make_app: Callable[..., Flask]) -> None:
    """RED-05: the last proxy's word counts, what a visitor invents does not."""
    app = make_app(trusted_proxies=1)
    from portal.web.current import client_ip

    seen: list[str] = []
    app.before_request_funcs.setdefault(None, []).insert(0, lambda: seen.append(client_ip()))
    app.test_client().get("/sign-in", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    assert seen == ["203.0.113.9"]


def test_every_call_carries_our_key_and_the_visitors_address(app: Flask) -> None:
    """SB-08, SB-09, R9: no call speaks with the token of whoever signed in before."""
    auth = app.extensions["services"].auth
    seen: list[tuple[str, str, str]] = []

    def note(request: Any) -> None:
        headers = request.headers
        if request.url.path.endswith("jwks.json"):
            return
        seen.append((headers["apikey"], headers["authorization"], headers.get("sb-forwarded-for", "")))

    auth._http.event_hooks["request"].append(note)
    try:
        for email, ip in (("ada@example.com", "203.0.113.7"), ("bob@example.com", "203.0.113.8")):
            auth.sign_in(email, PASSWORD, ip=ip)
    finally:
        auth._http.event_hooks["request"].remove(note)
    keys = ("sb_secret_sandbox", "Bearer sb_secret_sandbox")
    assert seen == [(*keys, "203.0.113.7"), (*keys, "203.0.113.8")]


def test_without_the_secret_key_no_address_is_claimed(make_app: Callable[..., Flask]) -> None:
    """SB-02, SB-09: the web runs without the secret key; Supabase believes the header beside it only."""
    auth = make_app(supabase_secret_key="").extensions["services"].auth
    seen: list[Any] = []
    auth._http.event_hooks["request"].append(lambda request: seen.append(dict(request.headers)))
    assert auth.sign_in("ada@example.com", PASSWORD, ip="203.0.113.7").aal == "aal1"
    assert seen[0]["apikey"] == "sb_publishable_sandbox"
    assert "sb-forwarded-for" not in seen[0]


def test_staff_without_a_factor_get_one_before_they_get_in(
    visitor: Visitor, sandbox: Sandbox, conn: Conn
) -> None:
    """AUT-03: the password of somebody who was just made staff opens the enrolment and nothing else."""
    given = {
        "email": "fresh@example.com",
        "password": PASSWORD,
        "email_confirm": True,
        "app_metadata": {"role": "admin"},
    }
    keys = {"apikey": "sb_secret_sandbox", "Authorization": "Bearer sb_secret_sandbox"}
    made = requests.post(f"{sandbox.url}/auth/v1/admin/users", json=given, headers=keys, timeout=20)
    assert made.status_code == 200, made.text
    assert visitor.sign_in("fresh@example.com").heading == "Set up your second factor"
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 0}
    assert visitor.get("/admin").heading == "Sign in"
    visitor.get("/second-factor/enrolment")
    page = visitor.submit(action="/second-factor/enrolment")
    page = visitor.submit({"code": "000000"}, action="/enrolment/code", status=422)
    assert "code" in page.errors()
    visitor.submit({"code": totp(str(page.soup.code.text))}, action="/enrolment/code")
    row = conn.execute("select aal, is_staff from sessions").fetchone()
    assert row == {"aal": "aal2", "is_staff": True}
    assert conn.execute("select count(*) as n from accounts").fetchone() == {"n": 0}
    assert visitor.get("/admin").status == 200
