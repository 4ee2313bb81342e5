"""What staff may do about a login (SES-05): find it, end its sessions, switch it off and on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from portal.people import users
from tests.harness.people import PASSWORD, SomeUser, later, sign_in, wear
from tests.visitor import Visitor
from tests.web.test_guard import token_for

if TYPE_CHECKING:
    import psycopg
    from flask import Flask

    Conn = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def person(app: Flask) -> SomeUser:
    return sign_in(app, "ada_b@example.com")


@pytest.fixture
def staff(app: Flask) -> Visitor:
    return wear(Visitor(app), sign_in(app, "staff@example.com", is_staff=True))


def test_a_login_is_found_by_its_beginning(staff: Visitor, person: SomeUser) -> None:
    """Signs of patterns are letters here: nobody finds everybody with a percent sign."""
    assert staff.get("/admin/people?q=ADA_").shows("ada_b@example.com")
    for nothing in ("%", "ada%", "adaXb", "\\"):
        page = staff.get("/admin/people", query_string={"q": nothing})
        assert page.shows("No login begins like that."), nothing


def test_staff_end_one_session_or_all(staff: Visitor, app: Flask, person: SomeUser, conn: Conn) -> None:
    """SES-05"""
    ada = wear(Visitor(app), person)
    assert ada.get("/account").heading != "Sign in"
    page = staff.get(f"/admin/people/{person.user_id}")
    assert page.heading == "ada_b@example.com is signed in now"
    page = staff.submit(action="/sessions/end")
    assert page.heading == "ada_b@example.com is not signed in"
    assert ada.get("/account").heading == "Sign in"
    row = conn.execute("select actor_kind, action, detail from activity order by id desc limit 1").fetchone()
    assert row == {"actor_kind": "staff", "action": "sessions:ended", "detail": {"count": 1}}


def test_session_of_somebody_else_is_not_found(
    staff: Visitor, app: Flask, person: SomeUser, conn: Conn
) -> None:
    other = sign_in(app, "bob@example.com")
    row = conn.execute("select id from sessions where user_id = %s", [other.user_id]).fetchone()
    assert row
    staff.get(f"/admin/people/{person.user_id}")
    staff.post(f"/admin/people/{person.user_id}/sessions/{row['id']}/end", status=404)
    assert wear(Visitor(app), other).get("/account").heading != "Sign in"


@pytest.mark.usefixtures("sandbox")
def test_login_that_is_switched_off_lets_nobody_in(staff: Visitor, app: Flask, conn: Conn) -> None:
    ada = Visitor(app)
    ada.sign_in("ada@example.com")
    row = conn.execute("select id from users where email = 'ada@example.com'").fetchone()
    assert row
    staff.get(f"/admin/people/{row['id']}")
    assert staff.submit(action="/lock").heading == "ada@example.com is switched off"
    assert ada.get("/account").heading == "Sign in"
    given = {"email": "ada@example.com", "password": PASSWORD}
    page = ada.submit(given, action="/sign-in", status=422)
    assert page.shows("This login has been switched off.")
    staff.submit(action="/lock/removal")
    ada.get("/sign-in")
    assert ada.submit(given, action="/sign-in").heading != "Sign in"


def test_nobody_switches_their_own_login_off(staff: Visitor, conn: Conn) -> None:
    row = conn.execute("select id from users where is_staff").fetchone()
    assert row
    staff.get(f"/admin/people/{row['id']}")
    staff.post(f"/admin/people/{row['id']}/lock", status=422)


def test_two_of_the_staff_cannot_switch_each_other_off(app: Flask, conn: Conn) -> None:
    """Both were let in; whoever comes second is off already, or nobody of the staff would be left."""
    names = ["one@example.com", "two@example.com"]
    people = [sign_in(app, name, is_staff=True) for name in names]
    visitors = [wear(Visitor(app), one) for one in people]
    tokens = [token_for(visitor) for visitor in visitors]
    both_are_in = threading.Barrier(2)

    def strike(number: int) -> int:
        data = {"csrf_token": tokens[number]}
        path = f"/admin/people/{people[1 - number].user_id}/lock"
        return visitors[number].raw("POST", path, data=data).status_code

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as threads:
        lock_all = users.lock_all

        def together(*who: Any) -> None:
            both_are_in.wait(20)
            lock_all(*who)

        patch.setattr(users, "lock_all", together)
        told = sorted(threads.map(strike, (0, 1)))
    assert told == [303, 422]
    off = conn.execute("select count(*) as n from users where disabled_at is not null").fetchone()
    assert off == {"n": 1}


def test_these_acts_ask_staff_who_they_are_once_more(staff: Visitor, person: SomeUser) -> None:
    """SES-08"""
    staff.get(f"/admin/people/{person.user_id}")
    with later(minutes=11):
        page = staff.submit(action="/sessions/end")
    assert page.heading == "Enter your password once more"
