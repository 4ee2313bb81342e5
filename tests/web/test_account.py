"""What a person decides about themself and their account, page by page."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from portal.people.auth_errors import AuthUnavailable
from portal.people.supabase_auth import SupabaseAuth
from tests.harness.people import (
    PASSWORD,
    cookie_of,
    follow,
    mailed_links,
    plant,
    sign_in,
    totp,
    wear,
)
from tests.visitor import Page, Visitor

if TYPE_CHECKING:
    import psycopg
    from flask import Flask

    from tests.harness.processes import Sandbox

    Conn = psycopg.Connection[dict[str, Any]]

NEW = "a new passphrase of some length"

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def ada(visitor: Visitor) -> Visitor:
    visitor.sign_in("ada@example.com")
    return visitor


# --- profile ------------------------------------------------------------------------------------------


def test_name_and_formats_are_kept_here_and_at_the_provider(ada: Visitor, app: Flask) -> None:
    ada.get("/account/profile")
    given = {"name": "Ada Lovelace", "locale": "de-DE", "time_zone": "Europe/Berlin"}
    page = ada.submit(given, action="/account/profile")
    assert page.shows("Your profile is saved.")
    assert page.shows("Ada Lovelace")
    again = app.extensions["services"].auth.sign_in("ada@example.com", PASSWORD, ip="")
    assert again.identity.display_name == "Ada Lovelace"


@pytest.mark.parametrize("name", ["Ada\r\nBcc: x", "A\u202eda", "x" * 121, "   "])
def test_names_that_could_forge_text_are_refused(ada: Visitor, name: str) -> None:
    """INP-01, INP-05"""
    ada.get("/account/profile")
    page = ada.submit({"name": name}, action="/account/profile", status=422)
    assert "name" in page.errors()


def test_fields_that_the_form_does_not_have_are_ignored(ada: Visitor, conn: Conn) -> None:
    """AC-03"""
    ada.get("/account/profile")
    extra = {"is_staff": "true", "email": "eve@example.com", "id": str(uuid4()), "role": "owner"}
    ada.post("/account/profile", {"name": "Ada", "locale": "en", "time_zone": "UTC", **extra})
    row = conn.execute("select email, is_staff from users").fetchone()
    assert row == {"email": "ada@example.com", "is_staff": False}


# --- password -----------------------------------------------------------------------------------------


def test_changing_the_password_ends_every_other_session(ada: Visitor, app: Flask, conn: Conn) -> None:
    """SES-06"""
    elsewhere = Visitor(app)
    elsewhere.sign_in("ada@example.com")
    ada.get("/account/password")
    page = ada.submit({"present": PASSWORD, "password": NEW}, action="/account/password")
    assert page.shows("Your password is changed.")
    assert elsewhere.get("/account").heading == "Sign in"
    elsewhere.submit({"email": "ada@example.com", "password": NEW}, action="/sign-in")
    actions = [row["action"] for row in conn.execute("select action from activity")]
    assert "password:changed" in actions


@pytest.mark.parametrize(
    ("present", "new", "field"),
    [("wrong", NEW, "present"), (PASSWORD, "short", "password"), (PASSWORD, PASSWORD, "password")],
)
def test_password_that_cannot_be_changed_stays(ada: Visitor, present: str, new: str, field: str) -> None:
    ada.get("/account/password")
    page = ada.submit({"present": present, "password": new}, action="/account/password", status=422)
    assert set(page.errors()) == {field}


# --- e-mail address -----------------------------------------------------------------------------------


def test_both_addresses_must_agree_to_a_change(ada: Visitor, sandbox: Sandbox, conn: Conn) -> None:
    ada.get("/account/email")
    page = ada.submit({"email": "countess@example.com"}, action="/account/email")
    assert page.heading == "Check both mailboxes"
    old, new = (mailed_links(sandbox, to)[0] for to in ("ada@example.com", "countess@example.com"))
    assert ada.get(follow(old, ada.base_url)).heading == "One confirmation is still missing"
    assert conn.execute("select email from users").fetchone() == {"email": "ada@example.com"}
    ada.get(follow(new, ada.base_url))
    page = ada.submit(action="/confirmation")
    assert page.shows("Your e-mail address is changed.")
    assert page.shows("countess@example.com")
    assert conn.execute("select email from users").fetchone() == {"email": "countess@example.com"}
    assert notices(conn) == {"ada@example.com", "countess@example.com"}


def confirm_elsewhere(ada: Visitor, app: Flask, sandbox: Sandbox) -> Visitor:
    """Ask for a new address and open both links in another browser, which is returned."""
    ada.get("/account/email")
    ada.submit({"email": "countess@example.com"}, action="/account/email")
    elsewhere = Visitor(app)
    for to in ("ada@example.com", "countess@example.com"):
        elsewhere.get(follow(mailed_links(sandbox, to)[0], ada.base_url))
    return elsewhere


def test_an_address_confirmed_in_another_browser_is_taken_over_at_the_next_sign_in(
    ada: Visitor, app: Flask, sandbox: Sandbox, conn: Conn
) -> None:
    """AUT-07: both are told, and the invoices go to the new address, wherever the links were opened."""
    elsewhere = confirm_elsewhere(ada, app, sandbox)
    elsewhere.submit(action="/confirmation")
    elsewhere.sign_in("countess@example.com")
    assert notices(conn) == {"ada@example.com", "countess@example.com"}
    assert conn.execute("select billing_email from accounts").fetchone() == {
        "billing_email": "countess@example.com"
    }


def test_aut_07_an_address_that_comes_with_new_tokens_is_told_like_any_other(
    ada: Visitor, app: Flask, sandbox: Sandbox, conn: Conn
) -> None:
    """Confirmed elsewhere, it reaches us when the tokens of a session are renewed."""
    confirm_elsewhere(ada, app, sandbox)
    conn.execute("update sessions set access_expires_at = now() - interval '1 minute'")
    ada.get("/account")
    assert ada.get("/account").shows("countess@example.com")
    assert notices(conn) == {"ada@example.com", "countess@example.com"}


def test_an_address_is_changed_also_when_the_links_session_cannot_be_ended(
    ada: Visitor, app: Flask, sandbox: Sandbox, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.get("/account/email")
    ada.submit({"email": "countess@example.com"}, action="/account/email")
    for to in ("ada@example.com", "countess@example.com"):
        ada.get(follow(mailed_links(sandbox, to)[0], ada.base_url))
    monkeypatch.setattr(SupabaseAuth, "sign_out", unavailable)
    assert ada.submit(action="/confirmation").shows("Your e-mail address is changed.")


def unavailable(*_: Any, **__: Any) -> None:
    raise AuthUnavailable


def notices(conn: Conn) -> set[str]:
    """Who is written to about a change of a login (AUT-07); each mail can be written out."""
    return {
        row["recipient"] for row in conn.execute("select * from outbox where template = 'security_notice'")
    }


def test_every_mail_about_a_login_can_be_written(ada: Visitor, app: Flask, conn: Conn) -> None:
    """AUT-07: password and factor changes are told, and invitations carry no secret."""
    from portal.mail import messages

    ada.get("/account/password")
    ada.submit({"present": PASSWORD, "password": NEW}, action="/account/password")
    turn_on(ada)
    path = invite(ada, "bob@example.com")
    rows = conn.execute("select * from outbox order by created_at").fetchall()
    assert [row["template"] for row in rows] == ["security_notice", "security_notice", "invitation"]
    for row in rows:
        message = messages.render(app.extensions["services"].settings, row)
        assert path.rpartition("/")[2] not in message.as_string()
        assert message["Subject"]


def test_address_of_somebody_else_gets_the_same_answer_and_no_mail(ada: Visitor, sandbox: Sandbox) -> None:
    """AUT-05"""
    ada.get("/account/email")
    assert ada.submit({"email": "bob@example.com"}, action="/account/email").heading == "Check both mailboxes"
    assert sandbox.mail("bob@example.com") == []
    assert sandbox.mail("ada@example.com") == []


# --- second factor ------------------------------------------------------------------------------------


def turn_on(visitor: Visitor) -> str:
    visitor.get("/account/second-factor")
    page = visitor.submit(action="/account/second-factor/enrolment")
    secret = str(page.soup.code.text)
    assert page.soup.find("svg")
    visitor.submit({"code": totp(secret)}, action="/account/second-factor")
    return secret


def test_second_factor_is_asked_for_from_then_on(ada: Visitor, app: Flask, conn: Conn) -> None:
    """SES-02, SES-06, AUT-03: a new session at once, all others end."""
    elsewhere = Visitor(app)
    elsewhere.sign_in("ada@example.com")
    before = cookie_of(ada)
    turn_on(ada)
    assert cookie_of(ada) != before
    old = Visitor(app)
    plant(old, before)
    assert old.get("/account").heading == "Sign in"
    assert elsewhere.get("/account").heading == "Sign in"
    row = conn.execute("select aal from sessions where ended_at is null").fetchone()
    assert row == {"aal": "aal2"}
    page = elsewhere.submit({"email": "ada@example.com", "password": PASSWORD}, action="/sign-in")
    assert page.heading == "Enter your code"


def test_wrong_code_turns_nothing_on(ada: Visitor, conn: Conn) -> None:
    ada.get("/account/second-factor")
    ada.submit(action="/account/second-factor/enrolment")
    page = ada.submit({"code": "000000"}, action="/account/second-factor", status=422)
    assert "code" in page.errors()
    assert conn.execute("select has_second_factor from users").fetchone() == {"has_second_factor": False}


def test_enrolment_of_the_account_page_is_not_that_of_the_sign_in(ada: Visitor) -> None:
    """Two flows of one browser: the sign-in's finds nothing of its own and starts over, not a failure."""
    ada.get("/account/second-factor")
    ada.submit(action="/account/second-factor/enrolment")
    token = str(ada.last.soup.find(attrs={"name": "csrf_token"})["value"]) if ada.last else ""
    for path in ("/second-factor/enrolment", "/second-factor/enrolment/code"):
        answer = ada.raw("POST", path, data={"csrf_token": token, "code": "000000"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in"), path


def test_second_factor_can_be_turned_off_again(ada: Visitor, conn: Conn) -> None:
    turn_on(ada)
    ada.get("/account/second-factor")
    page = ada.submit(action="/account/second-factor/removal")
    assert page.shows("Your second factor is off.")
    assert ada.get("/account").heading != "Sign in"
    assert conn.execute("select has_second_factor from users").fetchone() == {"has_second_factor": False}


def connect_another(visitor: Visitor, name: str) -> str:
    visitor.get("/account/second-factor")
    page = visitor.submit({"name": name}, action="/account/second-factor/enrolment")
    secret = str(page.soup.code.text)
    page = visitor.submit({"code": totp(secret)}, action="/account/second-factor")
    assert page.shows("The app is connected.")
    return secret


def remove(visitor: Visitor, name: str) -> Page:
    page = visitor.get("/account/second-factor")
    entry = next(one for one in page.soup.main.find_all("li") if name in one.get_text())
    return visitor.post("/account/second-factor/removal", {"factor": entry.button["value"]})


def test_a_code_from_any_app_opens_and_each_change_is_told(
    ada: Visitor, app: Flask, conn: Conn, sandbox: Sandbox
) -> None:
    """AUT-03, AUT-07, SES-06: whoever loses one phone comes in with the other."""
    first = turn_on(ada)
    second = connect_another(ada, "Tablet")
    for secret in (first, second):
        elsewhere = Visitor(app)
        assert elsewhere.sign_in("ada@example.com").shows("any of them will do")
        # the next half minute's: the present one was used to connect the app
        elsewhere.submit({"code": totp(secret, time.time() + 30)}, action="/second-factor")
        assert elsewhere.get("/account").heading.startswith("You are an owner")
    page = remove(ada, "App 1, without a name")
    assert page.shows("The app is removed.")
    assert elsewhere.get("/account").heading == "Sign in"
    assert conn.execute("select has_second_factor from users").fetchone() == {"has_second_factor": True}
    told = conn.execute("select context ->> 'act' as act from outbox order by created_at").fetchall()
    assert [
        next(word for word in ("turned on", "connected", "removed") if word in row["act"]) for row in told
    ] == ["turned on", "connected", "removed"]
    elsewhere.submit({"email": "ada@example.com", "password": PASSWORD}, action="/sign-in")
    elsewhere.submit({"code": totp(first)}, action="/second-factor", status=422)


def test_the_last_app_goes_after_a_code_where_the_provider_wants_one(ada: Visitor, conn: Conn) -> None:
    """The provider's session loses its strength with a removed app; two apps must not lock anybody in."""
    turn_on(ada)
    second = connect_another(ada, "Tablet")
    remove(ada, "App 1, without a name")
    ada.get("/account/second-factor")
    page = ada.submit(action="/account/second-factor/removal")
    assert page.heading == "Enter your code"
    page = ada.submit({"code": totp(second, time.time() + 30)}, action="/second-factor")
    assert page.heading == "Your second factor is on"
    assert ada.submit(action="/account/second-factor/removal").shows("Your second factor is off.")
    assert conn.execute("select has_second_factor from users").fetchone() == {"has_second_factor": False}


def test_two_apps_have_two_names_and_one_that_was_begun_holds_none(ada: Visitor) -> None:
    turn_on(ada)
    connect_another(ada, "Tablet")
    ada.get("/account/second-factor")
    page = ada.submit({"name": "Tablet"}, action="/account/second-factor/enrolment", status=422)
    assert page.errors()["name"].endswith("Choose another name.")
    for _ in range(2):
        ada.get("/account/second-factor")
        page = ada.submit({"name": "Phone"}, action="/account/second-factor/enrolment")
        assert page.heading == "Connect your app"


def test_staff_cannot_turn_theirs_off(visitor: Visitor) -> None:
    """AUT-03: the last app stays; of two, one may go."""
    visitor.sign_in("staff@example.com")
    visitor.submit({"code": totp()}, action="/second-factor")
    page = visitor.get("/account/second-factor")
    assert page.shows("cannot be turned off")
    visitor.post("/account/second-factor/removal", status=403)
    connect_another(visitor, "Tablet")
    assert remove(visitor, "Tablet").shows("The app is removed.")
    visitor.post("/account/second-factor/removal", status=403)


# --- sessions -----------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended_one_by_one(ada: Visitor, app: Flask) -> None:
    """SES-05"""
    phone = Visitor(app, headers={"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS) Safari/605"})
    phone.sign_in("ada@example.com")
    page = ada.get("/account/sessions")
    assert page.heading == "2 browsers are signed in"
    assert page.shows("Safari on iPhone")
    form = next(
        form
        for form in page.soup.find_all("form")
        if "Safari on iPhone" in form.get_text() and "/end" in form["action"]
    )
    ada.submit(action=form["action"])
    assert phone.get("/account").heading == "Sign in"
    assert ada.get("/account/sessions").heading == "Only this browser is signed in"


def test_signing_out_everywhere(ada: Visitor, app: Flask) -> None:
    phone = Visitor(app)
    phone.sign_in("ada@example.com")
    ada.get("/account/sessions")
    page = ada.submit(action="/account/sessions/end")
    assert page.shows("You are signed out everywhere.")
    for visitor in (ada, phone):
        assert visitor.get("/account").heading == "Sign in"


# --- people -------------------------------------------------------------------------------------------


def invite(owner: Visitor, email: str, role: str = "viewer") -> str:
    owner.get("/account/members")
    page = owner.submit(
        {"email": email, "role": role}, action="/account/invitations", button="Invite", status=201
    )
    found = re.search(r"/invitations/[\w-]{43}", page.text)
    assert found
    return found.group()


def test_invited_person_joins_and_gets_no_account_of_their_own(ada: Visitor, app: Flask, conn: Conn) -> None:
    path = invite(ada, "bob@example.com")
    bob = Visitor(app)
    bob.get(path)
    bob.submit({"email": "bob@example.com", "password": PASSWORD}, action="/sign-in")
    bob.submit(action="/acceptance")
    assert bob.get("/account").heading == "You are a viewer of the account Ada Byron"
    assert conn.execute("select count(*) as n from accounts").fetchone() == {"n": 1}
    assert bob.get(path, status=404).heading == "This invitation cannot be used here"


def test_first_sign_in_shows_waiting_invitations(ada: Visitor, app: Flask) -> None:
    invite(ada, "BOB@example.com")
    bob = Visitor(app)
    assert bob.sign_in("bob@example.com").heading == "One invitation waits for you"
    bob.submit(action="/accounts")
    assert bob.get("/account").heading == "You are an owner of the account Bob Noyce"


def test_forwarded_invitation_opens_nothing(ada: Visitor, app: Flask, conn: Conn) -> None:
    """AUT-08: it is for the address that was invited, and that address must be verified."""
    path = invite(ada, "bob@example.com")
    row = conn.execute("select id from invitations").fetchone()
    assert row
    eve = wear(Visitor(app), sign_in(app, "eve@example.com"))
    eve.get(path, status=404)
    eve.post(f"/invitations/{row['id']}/acceptance", status=404)
    assert conn.execute("select count(*) as n from members where role = 'viewer'").fetchone() == {"n": 0}


def test_withdrawn_and_outdated_invitations_are_worthless(ada: Visitor, app: Flask, conn: Conn) -> None:
    bob = wear(Visitor(app), sign_in(app, "bob@example.com"))
    path = invite(ada, "bob@example.com")
    ada.submit(action="/withdrawal")
    bob.get(path, status=404)
    path = invite(ada, "bob@example.com")
    conn.execute("update invitations set expires_at = now() - interval '1 second'")
    bob.get(path, status=404)


def test_inviting_again_makes_the_earlier_mail_worthless(ada: Visitor, app: Flask) -> None:
    bob = wear(Visitor(app), sign_in(app, "bob@example.com"))
    first, second = invite(ada, "bob@example.com"), invite(ada, "bob@example.com", "billing")
    bob.get(first, status=404)
    assert bob.get(second).heading == "One invitation waits for you"


@pytest.mark.parametrize("act", ["role", "removal"])
def test_who_is_no_owner_any_more_has_left_no_invitation_open(
    ada: Visitor, app: Flask, conn: Conn, act: str
) -> None:
    """SES-05: an invitation to an address of their own would be a way back in."""
    me = conn.execute("select account_id from members").fetchone()
    assert me
    other = sign_in(app, "other@example.com", account_id=me["account_id"])
    invite(wear(Visitor(app), other), "another.self@example.com")
    invite(ada, "bob@example.com")
    ada.get(f"/account/members/{other.user_id}")
    ada.submit({"role": "billing"} if act == "role" else {}, action=f"/{act}")
    waiting = conn.execute("select email from invitations where revoked_at is null").fetchall()
    assert waiting == [{"email": "bob@example.com"}]


def test_an_address_of_look_alikes_is_not_invited(ada: Visitor, conn: Conn) -> None:
    """AUT-08: in lower case the Kelvin sign is a k, and somebody else's address."""
    ada.get("/account/members")
    page = ada.submit({"email": "\N{KELVIN SIGN}en@example.com"}, action="/account/invitations", status=422)
    assert "email" in page.errors()
    assert conn.execute("select count(*) as n from invitations").fetchone() == {"n": 0}


def test_token_of_an_invitation_is_not_kept(ada: Visitor, conn: Conn) -> None:
    token = invite(ada, "bob@example.com").rpartition("/")[2]
    dump = str(conn.execute("select i::text from invitations i").fetchall())
    assert token not in dump


def test_changed_role_signs_the_person_out(ada: Visitor, app: Flask, conn: Conn) -> None:
    """SES-05, AC-05"""
    account = conn.execute("select account_id from members").fetchone()
    assert account
    member = sign_in(app, "bob@example.com", role="viewer", account_id=account["account_id"])
    bob = wear(Visitor(app), member)
    assert bob.get("/account").heading == "You are a viewer of the account Ada Byron"
    ada.get(f"/account/members/{member.user_id}")
    page = ada.submit({"role": "billing"}, action="/role")
    assert page.shows("Some Body is billing now.")
    assert bob.get("/account").heading == "Sign in"


def test_removed_member_is_out(ada: Visitor, app: Flask, conn: Conn) -> None:
    account = conn.execute("select account_id from members").fetchone()
    assert account
    member = sign_in(app, "bob@example.com", role="billing", account_id=account["account_id"])
    bob = wear(Visitor(app), member)
    ada.get(f"/account/members/{member.user_id}")
    ada.submit(action="/removal")
    assert bob.get("/account").heading == "Sign in"
    assert conn.execute("select count(*) as n from members").fetchone() == {"n": 1}


def test_last_owner_stays(ada: Visitor, conn: Conn) -> None:
    row = conn.execute("select user_id from members").fetchone()
    assert row
    ada.get(f"/account/members/{row['user_id']}")
    for action, given in (("/role", {"role": "viewer"}), ("/removal", {})):
        ada.get(f"/account/members/{row['user_id']}")
        page = ada.submit(given, action=action, status=422)
        assert page.shows("An account needs an owner.")
    assert conn.execute("select role from members").fetchone() == {"role": "owner"}


def test_viewers_see_the_members_and_may_change_none(app: Flask, conn: Conn) -> None:
    owner = sign_in(app, "owner@example.com")
    viewer = sign_in(app, "viewer@example.com", role="viewer", account_id=owner.account_id)
    page = wear(Visitor(app), viewer).get("/account/members")
    assert page.heading == "2 people belong to owner@example.com"
    assert not page.soup.find("form", action=re.compile("/account/invitations"))


def test_switching_accounts_stays_within_ones_own(app: Flask, conn: Conn) -> None:
    mine, theirs = sign_in(app, "me@example.com"), sign_in(app, "they@example.com")
    second = conn.execute(
        "insert into accounts (name, billing_email) values ('Second', 'x@example.com') returning id"
    ).fetchone()
    assert second
    conn.execute("insert into members values (%s, %s, 'viewer')", [second["id"], mine.user_id])
    visitor = wear(Visitor(app), mine)
    visitor.get("/account")
    visitor.post("/account/choice", {"account_id": str(second["id"])})
    assert visitor.get("/account").heading == "You are a viewer of the account Second"
    visitor.post("/account/choice", {"account_id": str(theirs.account_id)}, status=404)
    visitor.post("/account/choice", {"account_id": "x"}, status=404)
    assert visitor.get("/account").heading == "You are a viewer of the account Second"


def test_an_account_that_was_closed_is_nobodys_any_more(visitor: Visitor, app: Flask, conn: Conn) -> None:
    """AC-05: at the next request, like any membership that ends."""
    wear(visitor, sign_in(app)).get("/invoices")
    conn.execute("update accounts set closed_at = now()")
    assert visitor.get("/invoices", status=403).shows("You do not belong to an account")
