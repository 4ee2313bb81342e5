"""How often somebody may ask (RL-01): counted in the database, so over all processes and restarts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from portal import clock
from portal.db import transaction
from portal.web import guard, limits
from portal.zoho import spending
from tests.harness.people import later, midway, sign_in, wear
from tests.visitor import Visitor
from tests.web.test_guard import token_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg
    from flask import Flask

    Conn = psycopg.Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture(scope="module")
def strict(make_app: Callable[..., Flask]) -> Flask:
    return make_app(rate_limit_scale=1)


@pytest.fixture(autouse=True)
def _one_minute() -> Iterator[None]:
    with midway(minutes=1):
        yield


def spend(conn: Conn, most: int) -> None:
    """Let all but one of the requests be used up."""
    conn.execute("update rate_limits set hits = %s", [most - 1])


def test_visitors_get_sixty_a_minute_for_each_address(strict: Flask, conn: Conn) -> None:
    visitor = Visitor(strict)
    visitor.get("/sign-in")
    spend(conn, limits.VISITS)
    visitor.get("/sign-in")
    page = visitor.get("/sign-in", status=429)
    assert 1 <= int(page.response.headers["Retry-After"]) <= 60
    assert page.shows("Wait")


def test_what_a_visitor_claims_about_its_address_changes_nothing(strict: Flask, conn: Conn) -> None:
    """RED-05: no proxy is configured, so none is believed."""
    visitor = Visitor(strict)
    visitor.get("/sign-in")
    conn.execute("update rate_limits set hits = %s", [limits.VISITS])
    answer = visitor.raw("GET", "/sign-in", headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 429


@pytest.mark.parametrize(("most", "is_write"), [(limits.READS, False), (limits.WRITES, True)])
def test_people_get_three_hundred_reads_and_sixty_writes(
    strict: Flask, conn: Conn, most: int, is_write: bool
) -> None:
    visitor = wear(Visitor(strict), sign_in(strict))
    token = token_for(visitor)

    def ask() -> int:
        if is_write:
            return visitor.raw("POST", "/account/choice", data={"csrf_token": token}).status_code
        return visitor.raw("GET", "/account/sessions").status_code

    assert ask() != 429
    conn.execute(
        "update rate_limits set hits = %s where key like %s",
        [most - 1, f"%:{'write' if is_write else 'read'}"],
    )
    assert ask() != 429
    assert ask() == 429


def test_limits_are_each_persons_own(strict: Flask, conn: Conn) -> None:
    greedy = wear(Visitor(strict), sign_in(strict, "greedy@example.com"))
    other = wear(Visitor(strict), sign_in(strict, "other@example.com"))
    greedy.get("/account")
    conn.execute("update rate_limits set hits = %s", [limits.READS])
    assert greedy.raw("GET", "/account").status_code == 429
    assert other.raw("GET", "/account").status_code == 200


def test_a_refused_request_is_counted_too_and_the_next_minute_is_new(strict: Flask, conn: Conn) -> None:
    visitor = Visitor(strict)
    visitor.get("/sign-in")
    conn.execute("update rate_limits set hits = %s", [limits.VISITS])
    visitor.get("/sign-in", status=429)
    row = conn.execute("select hits from rate_limits").fetchone()
    assert row == {"hits": limits.VISITS + 1}
    with later(minutes=2):
        visitor.get("/sign-in")


def test_health_and_files_are_not_counted(strict: Flask, conn: Conn) -> None:
    visitor = Visitor(strict)
    visitor.raw("GET", "/healthz")
    visitor.raw("GET", strict.jinja_env.globals["static_url"]["style"])
    assert conn.execute("select count(*) as n from rate_limits").fetchone() == {"n": 0}


def test_calls_to_zoho_are_counted_for_the_account_in_sight(
    strict: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RL-02: ten a minute (tests/zoho/test_budget.py); nobody pays for the one before them."""
    spenders: list[str] = []

    @guard.public
    def look() -> str:
        spenders.append(spending.current())
        return ""

    monkeypatch.setitem(strict.view_functions, "auth.show_sign_in", look)
    user = sign_in(strict)
    wear(Visitor(strict), user).raw("GET", "/sign-in")
    assert spending.current() == "", "what the thread does after the request is not for its account"
    Visitor(strict).raw("GET", "/sign-in")
    assert spenders == [str(user.account_id), ""]


def test_what_is_dear_is_had_twenty_times_a_minute(strict: Flask, conn: Conn) -> None:
    """RL-01: a spreadsheet of everything is walked row by row."""
    visitor = wear(Visitor(strict), sign_in(strict))
    assert visitor.raw("GET", "/invoices/csv").status_code == 200
    conn.execute("update rate_limits set hits = %s where key like 'expensive:%%'", [limits.EXPENSIVE - 1])
    assert visitor.raw("GET", "/invoices/csv").status_code == 200
    assert visitor.raw("GET", "/invoices/csv").status_code == 429
    assert visitor.get("/invoices").heading == "Invoices"


def test_a_household_is_one_visitor(strict: Flask, conn: Conn) -> None:
    """RL-01: whoever has an IPv6 line has more addresses than anybody could count."""

    def ask(address: str) -> int:
        visitor = Visitor(strict)
        visitor.client.environ_base["REMOTE_ADDR"] = address
        return visitor.raw("GET", "/sign-in").status_code

    assert ask("2001:db8:1:2::1") == 200
    spend(conn, limits.VISITS + 1)
    assert ask("2001:db8:1:2:ffff::9") == 429
    assert ask("2001:db8:1:3::1") == 200


def test_an_address_from_which_many_fail_waits_whomever_it_tries(strict: Flask, conn: Conn) -> None:
    """AUT-04: thirty in a quarter of an hour; each account by itself saw one."""
    key = limits.address_key("sign-in", "127.0.0.1")
    with transaction.as_web(strict.extensions["services"].pool) as tx:
        for _ in range(limits.FAILURES_PER_ADDRESS):
            limits.record_failure(tx, key)
    visitor = Visitor(strict)
    visitor.get("/sign-in")
    page = visitor.submit({"email": "ada@example.com", "password": "x"}, action="/sign-in", status=429)
    assert page.shows("Wait")


def test_a_new_quarter_of_an_hour_is_no_amnesty(strict: Flask, conn: Conn) -> None:
    """AUT-04: or the last second of one and the first of the next would be twice as many tries."""
    key, began = limits.account_key("sign-in", "ada@example.com"), clock.now()
    edge = began - timedelta(seconds=began.timestamp() % limits.QUARTER.total_seconds())
    pool = strict.extensions["services"].pool
    with clock.replaced_by(lambda: edge - timedelta(seconds=1)), transaction.as_web(pool) as tx:
        for _ in range(12):
            limits.record_failure(tx, key)
    with transaction.as_web(pool) as tx:
        with clock.replaced_by(lambda: edge + timedelta(seconds=1)), pytest.raises(limits.TooMany):
            limits.check_failures(tx, key, free=limits.FAILURES_PER_ACCOUNT)
        with clock.replaced_by(lambda: edge + limits.QUARTER):
            limits.check_failures(tx, key, free=limits.FAILURES_PER_ACCOUNT)
