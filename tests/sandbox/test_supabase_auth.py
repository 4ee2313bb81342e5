"""The Auth stand-in, driven by the `supabase` package itself and, where it hides things, by plain HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from supabase import Client, ClientOptions, create_client
from supabase_auth.errors import AuthApiError, AuthRetryableError, AuthWeakPasswordError

from sandbox.supabase_auth import demo_totp_code, sessions, totp
from tests.sandbox.serving import Served, served

PASSWORD = "correct horse battery staple"
PUBLISHABLE, SECRET = "sb_publishable_sandbox", "sb_secret_sandbox"
SITE = "http://127.0.0.1:8000/auth/confirm"
Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("auth")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(place: Served) -> None:
    place.world.reset("empty")


@pytest.fixture
def connect(place: Served) -> Connect:
    def client(key: str = PUBLISHABLE, flow: str = "pkce") -> Client:
        options = ClientOptions(auto_refresh_token=False, persist_session=False, flow_type=flow)  # type: ignore[arg-type]
        return create_client(place.url, key, options)

    return client


def call(place: Served, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"apikey": PUBLISHABLE, **more.pop("headers", {})}
    return requests.request(
        method, f"{place.url}/auth/v1{path}", headers=headers, timeout=10, allow_redirects=False, **more
    )


def last_mail(place: Served, to: str) -> dict[str, Any]:
    answer = requests.get(f"{place.url}/_control/mail", params={"to": to}, timeout=10)
    mail: dict[str, Any] = answer.json()["mails"][0]
    return mail


def link_in(mail: dict[str, Any]) -> str:
    found = re.search(r"http\S+", mail["text"])
    assert found, mail["text"]
    return found[0]


def code_in(mail: dict[str, Any]) -> str:
    found = re.search(r"code, it is (\d{6})", mail["text"])
    assert found, mail["text"]
    return found[1]


def signed_in(client: Client, email: str = "ada@example.com", password: str = PASSWORD) -> Any:
    return client.auth.sign_in_with_password({"email": email, "password": password}).session


def follow(link: str) -> dict[str, str]:
    """What the link hands to the site, from query and fragment."""
    answer = requests.get(link, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
    place = urlsplit(answer.headers["Location"])
    return {
        name: value[0] for part in (place.query, place.fragment) for name, value in parse_qs(part).items()
    }


def refused(act: Callable[[], object]) -> AuthApiError:
    with pytest.raises(AuthApiError) as caught:
        act()
    return caught.value


# --- signing up ---


def test_signing_up_waits_for_the_mailed_link_and_pkce_ends_in_a_session(
    place: Served, connect: Connect
) -> None:
    client = connect()
    asked = client.auth.sign_up(
        {
            "email": "New@Example.com",
            "password": "secret12",
            "options": {"email_redirect_to": SITE, "data": {"x": 1}},
        }
    )
    assert asked.session is None
    assert asked.user
    assert asked.user.confirmation_sent_at
    assert asked.user.email == "new@example.com"
    too_soon = refused(lambda: signed_in(connect(), "new@example.com", "secret12"))
    assert (too_soon.status, too_soon.code) == (400, "email_not_confirmed")

    given = follow(link_in(last_mail(place, "new@example.com")))
    session = client.auth.exchange_code_for_session(
        {"auth_code": given["code"], "code_verifier": "", "redirect_to": SITE}
    ).session
    assert session
    assert session.user.email_confirmed_at
    assert session.user.user_metadata == {"x": 1}
    assert signed_in(connect(), "new@example.com", "secret12")


def test_a_pkce_code_needs_the_right_verifier_and_works_once(place: Served, connect: Connect) -> None:
    client = connect()
    client.auth.sign_in_with_otp({"email": "ada@example.com", "options": {"email_redirect_to": SITE}})
    code = follow(link_in(last_mail(place, "ada@example.com")))["code"]
    wrong = call(place, "POST", "/token?grant_type=pkce", json={"auth_code": code, "code_verifier": "x" * 43})
    assert (wrong.status_code, wrong.json()["error_code"]) == (400, "bad_code_verifier")
    params: Any = {"auth_code": code}
    assert client.auth.exchange_code_for_session(params).session
    assert (
        refused(lambda: client.auth.exchange_code_for_session(params | {"code_verifier": "x" * 43})).status
        == 404
    )


def test_the_implicit_flow_gets_tokens_in_the_fragment_and_a_link_works_once(
    place: Served, connect: Connect
) -> None:
    connect(flow="implicit").auth.sign_in_with_otp(
        {"email": "ada@example.com", "options": {"email_redirect_to": SITE}}
    )
    link = link_in(last_mail(place, "ada@example.com"))
    given = follow(link)
    assert given["type"] == "magiclink"
    user = call(place, "GET", "/user", headers={"Authorization": f"Bearer {given['access_token']}"}).json()
    assert user["email"] == "ada@example.com"
    assert follow(link)["error_code"] == "otp_expired"


def test_a_link_never_leads_to_a_foreign_site(place: Served, connect: Connect) -> None:
    connect().auth.sign_in_with_otp(
        {"email": "ada@example.com", "options": {"email_redirect_to": "https://evil.example/x"}}
    )
    answer = requests.get(link_in(last_mail(place, "ada@example.com")), allow_redirects=False, timeout=10)
    assert answer.headers["Location"].startswith("http://127.0.0.1:8000?code=")


def test_a_taken_address_answers_like_a_free_one_and_mails_nobody(place: Served, connect: Connect) -> None:
    asked = connect().auth.sign_up({"email": "ada@example.com", "password": "another-one"})
    assert asked.user
    assert asked.user.identities == []
    with place.world.store.read() as tx:
        assert tx.count("mails") == 0
    assert refused(lambda: signed_in(connect(), password="another-one")).code == "invalid_credentials"


def test_weak_passwords_and_bad_addresses_are_refused_in_gotrues_words(connect: Connect) -> None:
    with pytest.raises(AuthWeakPasswordError) as weak:
        connect().auth.sign_up({"email": "n@example.com", "password": "five5"})
    assert weak.value.reasons == ["length"]
    bad = refused(lambda: connect().auth.sign_up({"email": "not an address", "password": "secret12"}))
    assert (bad.status, bad.code) == (400, "validation_failed")


def test_codes_and_token_hashes_verify_on_the_server(place: Served, connect: Connect) -> None:
    connect().auth.sign_in_with_otp({"email": "ada@example.com"})
    by_code = connect().auth.verify_otp(
        {"email": "ada@example.com", "token": code_in(last_mail(place, "ada@example.com")), "type": "email"}
    )
    assert by_code.session
    connect().auth.reset_password_for_email("ada@example.com", {"redirect_to": SITE})
    token_hash = parse_qs(urlsplit(link_in(last_mail(place, "ada@example.com"))).query)["token"][0]
    recovered = connect().auth.verify_otp({"token_hash": token_hash, "type": "recovery"})
    assert recovered.session
    assert recovered.user
    assert recovered.user.email == "ada@example.com"
    again = refused(lambda: connect().auth.verify_otp({"token_hash": token_hash, "type": "recovery"}))
    assert (again.status, again.code) == (403, "otp_expired")


def test_asking_again_makes_the_older_mail_worthless(place: Served, connect: Connect) -> None:
    connect().auth.reset_password_for_email("ada@example.com")
    older = link_in(last_mail(place, "ada@example.com"))
    connect().auth.reset_password_for_email("ada@example.com")
    assert follow(older)["error_code"] == "otp_expired"
    assert "code" in follow(link_in(last_mail(place, "ada@example.com")))


def test_mails_can_carry_a_token_hash_instead_of_supabases_own_link(place: Served, connect: Connect) -> None:
    place.world.switch({"auth_mail_links": "token_hash"})
    try:
        connect().auth.reset_password_for_email("ada@example.com", {"redirect_to": SITE})
        link = link_in(last_mail(place, "ada@example.com"))
    finally:
        place.world.switch({"auth_mail_links": "verify"})
    assert link.startswith(SITE + "?token_hash=pkce_")
    assert link.endswith("&type=recovery")


def test_recovering_an_unknown_address_tells_nothing(place: Served, connect: Connect) -> None:
    connect().auth.reset_password_for_email("nobody@example.com")
    assert requests.get(f"{place.url}/_control/mail", timeout=10).json()["mails"] == []
    nobody = call(place, "POST", "/otp", json={"email": "nobody@example.com", "create_user": False})
    assert (nobody.status_code, nobody.json()["error_code"]) == (422, "otp_disabled")


# --- tokens ---


def test_tokens_are_es256_with_supabases_claims_and_a_published_key(place: Served, connect: Connect) -> None:
    session = signed_in(connect())
    client = jwt.PyJWKClient(f"{place.url}/auth/v1/.well-known/jwks.json")
    claims = jwt.decode(
        session.access_token,
        client.get_signing_key_from_jwt(session.access_token).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=f"{place.url}/auth/v1",
    )
    assert claims["sub"] == session.user.id
    assert claims["role"] == "authenticated"
    assert claims["aal"] == "aal1"
    assert claims["amr"][0]["method"] == "password"
    assert claims["session_id"]
    assert claims["exp"] - claims["iat"] == session.expires_in == 3600
    assert abs(claims["iat"] - time.time()) < 30, "tokens live in real time, not in the sandbox's clock"


def test_a_refresh_token_works_once_but_ten_seconds_forgive(place: Served, connect: Connect) -> None:
    first = signed_in(connect()).refresh_token
    second = connect().auth.refresh_session(first).session
    assert second
    assert second.refresh_token != first
    retried = connect().auth.refresh_session(first).session
    assert retried
    assert retried.refresh_token == second.refresh_token, "the parent of the active token gets that one"


def test_a_parent_that_never_got_its_answer_is_forgiven_after_the_window(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = signed_in(connect()).refresh_token
    second = connect().auth.refresh_session(first).session
    monkeypatch.setattr(sessions, "REUSE_WINDOW", -1)
    again = connect().auth.refresh_session(first).session
    assert second
    assert again
    assert again.refresh_token == second.refresh_token


def test_reuse_after_the_window_ends_the_whole_session(
    place: Served, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = signed_in(connect()).refresh_token
    second = connect().auth.refresh_session(first).session
    assert second
    third = connect().auth.refresh_session(second.refresh_token).session
    assert third
    monkeypatch.setattr(sessions, "REUSE_WINDOW", -1)
    assert refused(lambda: connect().auth.refresh_session(first)).code == "refresh_token_already_used"
    assert (
        refused(lambda: connect().auth.refresh_session(third.refresh_token)).code == "refresh_token_not_found"
    )
    gone = call(place, "GET", "/user", headers={"Authorization": f"Bearer {third.access_token}"})
    assert (gone.status_code, gone.json()["error_code"]) == (403, "session_not_found")


def test_rotating_keys_keeps_running_tokens_until_the_old_key_is_revoked(
    place: Served, connect: Connect
) -> None:
    old = signed_in(connect())
    as_old = {"Authorization": f"Bearer {old.access_token}"}
    assert requests.post(f"{place.url}/_control/auth/keys", json={}, timeout=10).status_code == 200
    published = call(place, "GET", "/.well-known/jwks.json").json()["keys"]
    assert len(published) == 2
    assert all("d" not in key for key in published)
    assert call(place, "GET", "/user", headers=as_old).status_code == 200
    new_kid = jwt.get_unverified_header(signed_in(connect()).access_token)["kid"]
    assert new_kid == published[0]["kid"] != jwt.get_unverified_header(old.access_token)["kid"]
    requests.post(f"{place.url}/_control/auth/keys", json={"revoke_previous": True}, timeout=10)
    assert call(place, "GET", "/user", headers=as_old).json()["error_code"] == "bad_jwt"


def test_a_reset_world_keeps_its_signing_keys_and_the_ids_of_the_demo_people(
    place: Served, connect: Connect
) -> None:
    before = signed_in(connect()), call(place, "GET", "/.well-known/jwks.json").json()
    place.world.reset("demo")
    after = signed_in(connect()), call(place, "GET", "/.well-known/jwks.json").json()
    assert before[0].user.id == after[0].user.id
    assert before[1] == after[1]


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_a_bad_bearer_is_refused(place: Served, token: str) -> None:
    answer = call(place, "GET", "/user", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error_code"]) in ((401, "no_authorization"), (403, "bad_jwt"))


# --- signing out ---


@pytest.mark.parametrize(("scope", "this_lives", "other_lives"), [
    ("local", False, True), ("others", True, False), ("global", False, False),
])  # fmt: skip
def test_signing_out_by_scope(
    place: Served, connect: Connect, scope: Any, this_lives: bool, other_lives: bool
) -> None:
    client, other = connect(), connect()
    mine, theirs = signed_in(client), signed_in(other)
    client.auth.sign_out({"scope": scope})
    lives = [
        call(place, "GET", "/user", headers={"Authorization": f"Bearer {one.access_token}"}).status_code
        == 200
        for one in (mine, theirs)
    ]
    assert lives == [this_lives, other_lives]


# --- the signed-in person ---


def test_changing_the_password_ends_every_other_session(connect: Connect) -> None:
    client, other = connect(), connect()
    signed_in(client)
    signed_in(other)
    assert refused(lambda: client.auth.update_user({"password": PASSWORD})).code == "same_password"
    client.auth.update_user({"password": "a new long password"})
    assert refused(other.auth.get_user).code == "session_not_found"
    assert client.auth.get_user()
    assert signed_in(connect(), password="a new long password")


def test_a_new_address_counts_once_both_mailboxes_agreed(place: Served, connect: Connect) -> None:
    client = connect()
    signed_in(client)
    asked = client.auth.update_user({"email": "ada@new.example"}, {"email_redirect_to": SITE})
    assert asked.user.email == "ada@example.com"
    assert asked.user.new_email == "ada@new.example"
    first = follow(link_in(last_mail(place, "ada@example.com")))
    assert "other email" in first["message"]
    assert "code" not in first
    assert follow(link_in(last_mail(place, "ada@new.example")))["code"]
    assert signed_in(connect(), "ada@new.example")
    assert refused(lambda: signed_in(connect())).code == "invalid_credentials"


def test_an_address_of_somebody_else_is_refused(connect: Connect) -> None:
    client = connect()
    signed_in(client)
    assert refused(lambda: client.auth.update_user({"email": "bob@example.com"})).code == "email_exists"


def test_no_answer_and_no_mail_holds_a_password_or_its_hash(place: Served, connect: Connect) -> None:
    connect().auth.sign_up({"email": "n@example.com", "password": "secret-in-the-clear"})
    shown = requests.get(f"{place.url}/_control/mail", timeout=10).text
    listed = call(place, "GET", "/admin/users", headers={"apikey": SECRET}).text
    with place.world.store.read() as tx:
        kept = str(tx.find("auth_users"))
    assert "secret-in-the-clear" not in shown + listed + kept
    assert "scrypt$" not in shown + listed


# --- second factor ---


def test_staff_reach_aal2_with_the_fixed_secret(connect: Connect) -> None:
    client = connect()
    session = signed_in(client, "staff@example.com")
    assert session.user.app_metadata["role"] == "admin"
    level: Any = client.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal1", "aal2")
    factor = client.auth.mfa.list_factors().totp[0]
    verified = client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": demo_totp_code()})
    claims = jwt.decode(verified.access_token, options={"verify_signature": False})
    assert claims["aal"] == "aal2"
    assert {entry["method"] for entry in claims["amr"]} == {"password", "totp"}
    assert (
        claims["session_id"]
        == jwt.decode(session.access_token, options={"verify_signature": False})["session_id"]
    )


def test_a_wrong_code_is_refused_and_aal1_may_not_change_the_password(connect: Connect) -> None:
    client = connect()
    signed_in(client, "staff@example.com")
    factor = client.auth.mfa.list_factors().totp[0]
    wrong = "000000" if demo_totp_code() != "000000" else "111111"
    assert (
        refused(lambda: client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": wrong})).code
        == "mfa_verification_failed"
    )
    assert (
        refused(lambda: client.auth.update_user({"password": "a new long password"})).code
        == "insufficient_aal"
    )
    assert refused(lambda: client.auth.mfa.unenroll({"factor_id": factor.id})).code == "insufficient_aal"


def test_enrolling_verifying_and_removing_a_factor(connect: Connect) -> None:
    client = connect()
    signed_in(client)
    weaker = connect()
    signed_in(weaker)
    enrolled: Any = client.auth.mfa.enroll(
        {"factor_type": "totp", "friendly_name": "Phone", "issuer": "Portal"}
    )
    assert enrolled.totp.qr_code.startswith("data:image/svg+xml;utf-8,<svg")
    assert "issuer=Portal" in enrolled.totp.uri
    client.auth.mfa.challenge_and_verify({"factor_id": enrolled.id, "code": totp.code(enrolled.totp.secret)})
    assert refused(weaker.auth.get_user).code == "session_not_found", "weaker sessions end"
    client.auth.mfa.unenroll({"factor_id": enrolled.id})
    client.auth.refresh_session()
    level: Any = client.auth.mfa.get_authenticator_assurance_level()
    assert level.current_level == "aal1"


# --- the secret key ---


def test_the_secret_key_administers_people_and_the_publishable_one_does_not(
    place: Served, connect: Connect
) -> None:
    admin = connect(SECRET).auth.admin
    made = admin.create_user({"email": "x@example.com", "password": "secret12", "email_confirm": True}).user
    assert admin.get_user_by_id(made.id).user.email == "x@example.com"
    admin.update_user_by_id(made.id, {"app_metadata": {"role": "admin"}, "ban_duration": "1h"})
    assert refused(lambda: signed_in(connect(), "x@example.com", "secret12")).code == "user_banned"
    admin.update_user_by_id(made.id, {"ban_duration": "none"})
    assert signed_in(connect(), "x@example.com", "secret12").user.app_metadata["role"] == "admin"
    assert len(admin.list_users()) == 4
    admin.delete_user(made.id)
    assert refused(lambda: admin.get_user_by_id(made.id)).code == "user_not_found"
    assert refused(connect().auth.admin.list_users).code == "not_admin"
    user = signed_in(connect())
    rides = call(
        place,
        "GET",
        "/admin/users",
        headers={"apikey": SECRET, "Authorization": f"Bearer {user.access_token}"},
    )
    assert rides.status_code == 403, "a user's token beside the secret key is no administrator"


def test_an_invitation_is_mailed_and_accepted(place: Served, connect: Connect) -> None:
    admin = connect(SECRET).auth.admin
    admin.invite_user_by_email("guest@example.com", {"redirect_to": SITE, "data": {"account": 1}})
    given = follow(link_in(last_mail(place, "guest@example.com")))
    assert given["type"] == "invite"
    assert given["access_token"]
    assert refused(lambda: admin.invite_user_by_email("guest@example.com")).code == "email_exists"


def test_links_can_be_made_without_sending_them(place: Served, connect: Connect) -> None:
    made = connect(SECRET).auth.admin.generate_link({"type": "magiclink", "email": "ada@example.com"})
    hashed = made.properties.hashed_token
    assert connect().auth.verify_otp({"token_hash": hashed, "type": "magiclink"}).session
    assert requests.get(f"{place.url}/_control/mail", timeout=10).json()["count"] == 0


@pytest.mark.parametrize("key", ["", "sb_publishable_other"])
def test_no_or_a_wrong_api_key_is_refused(place: Served, key: str) -> None:
    assert (
        call(place, "POST", "/token?grant_type=password", headers={"apikey": key}, json={}).status_code == 401
    )


# --- limits ---


def test_sb09_thirty_calls_an_address_and_forwarded_addresses_count_apart(place: Served) -> None:
    place.world.switch({"auth_rate_limits": True})
    try:
        body = {"refresh_token": "none"}
        from_one = [
            call(place, "POST", "/token?grant_type=refresh_token", json=body).status_code for _ in range(31)
        ]
        assert set(from_one[:30]) == {400}
        assert from_one[30] == 429
        spread = [
            call(
                place, "POST", "/token?grant_type=refresh_token", json=body,
                headers={"apikey": SECRET, "Sb-Forwarded-For": f"203.0.113.{n}"},
            ).status_code
            for n in range(40)
        ]  # fmt: skip
        assert set(spread) == {400}
        pretended = call(
            place,
            "POST",
            "/token?grant_type=refresh_token",
            json=body,
            headers={"Sb-Forwarded-For": "203.0.113.9"},
        )
        assert pretended.status_code == 429, "the header counts only beside a secret key"
    finally:
        place.world.switch({"auth_rate_limits": False})


def test_errors_come_in_both_of_gotrues_shapes(place: Served) -> None:
    body = {"email": "ada@example.com", "password": "wrong"}
    old = call(place, "POST", "/token?grant_type=password", json=body)
    assert old.json() == {
        "code": 400,
        "error_code": "invalid_credentials",
        "msg": "Invalid login credentials",
    }
    new = call(
        place,
        "POST",
        "/token?grant_type=password",
        json=body,
        headers={"X-Supabase-Api-Version": "2024-01-01"},
    )
    assert new.json() == {"code": "invalid_credentials", "message": "Invalid login credentials"}
    assert new.headers["X-Supabase-Api-Version"] == "2024-01-01"


def test_people_and_sessions_survive_a_restart(tmp_path: Path) -> None:
    with served(tmp_path) as first:
        token = call(
            first,
            "POST",
            "/token?grant_type=password",
            json={"email": "ada@example.com", "password": PASSWORD},
        )
    with served(tmp_path) as second:
        again = call(
            second,
            "POST",
            "/token?grant_type=refresh_token",
            json={"refresh_token": token.json()["refresh_token"]},
        )
    assert again.status_code == 200


def test_sb07_an_outage_of_auth_is_a_switch(place: Served, connect: Connect) -> None:
    client = connect()
    signed_in(client)
    place.world.switch({"auth_outage": "503"})
    try:
        with pytest.raises(AuthRetryableError):
            client.auth.refresh_session()
    finally:
        place.world.switch({"auth_outage": "none"})
    assert client.auth.refresh_session().session
