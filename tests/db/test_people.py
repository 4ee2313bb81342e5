"""Members and first sign-ins when things happen at once, and rows that nobody may take over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from portal import clock
from portal.db.transaction import as_web
from portal.jobs import tasks
from portal.people import flows, members, signing_in, users
from portal.people.auth_errors import TokenRefused
from portal.people.members import LastOwner
from portal.people.sessions import Visit, hash_of, new_cookie
from portal.sealing import Keyring
from portal.web import limits
from tests.harness.people import signed_in

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    from portal.db.transaction import Pool

    Conn = psycopg.Connection[dict[str, Any]]

KEYRING = Keyring({"k": b"k" * 32})
VISIT = Visit("Firefox", "127.0.0.1")


def test_first_sign_ins_at_once_make_one_account(pool: Pool, conn: Conn) -> None:
    proof = signed_in(email="new@example.com")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: signing_in.start(pool, KEYRING, proof, VISIT), range(6)))
    assert conn.execute("select count(*) as n from accounts").fetchone() == {"n": 1}
    assert conn.execute("select count(*) as n from sessions").fetchone() == {"n": 6}


def test_two_owners_cannot_both_leave(pool: Pool, conn: Conn) -> None:
    first = signing_in.start(pool, KEYRING, signed_in(email="a@example.com"), VISIT).user_id
    second = signing_in.start(pool, KEYRING, signed_in(email="b@example.com"), VISIT).user_id
    account = conn.execute("select account_id from members where user_id = %s", [first]).fetchone()
    assert account
    conn.execute("insert into members values (%s, %s, 'owner')", [account["account_id"], second])

    def leave(user_id: UUID) -> bool:
        try:
            with as_web(pool, user_id) as web:
                members.remove(web, account["account_id"], user_id)
        except LastOwner:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        left = list(threads.map(leave, (first, second)))
    assert sorted(left) == [False, True]


def test_user_of_another_issuer_takes_over_nothing(pool: Pool, conn: Conn) -> None:
    """AUT-08: the key is (issuer, subject)."""
    proof = signed_in(email="ada@example.com")
    signing_in.start(pool, KEYRING, proof, VISIT)
    stranger = replace(proof, identity=replace(proof.identity, issuer="https://evil.example", is_staff=True))
    with pytest.raises(TokenRefused):
        signing_in.start(pool, KEYRING, stranger, VISIT)
    assert conn.execute("select is_staff from users").fetchone() == {"is_staff": False}


def test_same_address_of_another_subject_is_another_person(pool: Pool, conn: Conn) -> None:
    """AUT-08"""
    for _ in range(2):
        signing_in.start(pool, KEYRING, signed_in(email="ada@example.com"), VISIT)
    assert conn.execute("select count(*) as n from users").fetchone() == {"n": 2}
    assert conn.execute("select count(distinct account_id) as n from members").fetchone() == {"n": 2}


def test_disabled_user_cannot_come_back_by_signing_in(pool: Pool, conn: Conn) -> None:
    proof = signed_in()
    signing_in.start(pool, KEYRING, proof, VISIT)
    with as_web(pool) as web:
        users.mark_disabled(web, proof.identity.user_id)
    with pytest.raises(users.Disabled):
        signing_in.start(pool, KEYRING, proof, VISIT)


def test_flow_is_for_one_browser_one_purpose_and_a_while(pool: Pool, conn: Conn) -> None:
    mine, theirs = hash_of(new_cookie()), hash_of(new_cookie())
    with as_web(pool) as web:
        flows.store(web, KEYRING, mine, "magic-link", {"verifier": "v"}, lasts=timedelta(minutes=10))
        assert flows.find(web, KEYRING, mine, "magic-link") == {"verifier": "v"}
        assert flows.find(web, KEYRING, theirs, "magic-link") is None
        assert flows.find(web, KEYRING, mine, "password-reset") is None
    conn.execute("update auth_flows set visitor_hash = %s", [theirs])
    with as_web(pool) as web:
        # A row that was moved to another browser does not open.
        assert flows.find(web, KEYRING, theirs, "magic-link") is None
        with clock.replaced_by(lambda: clock._system_now() + timedelta(minutes=11)):
            assert flows.delete_expired(web) == 1


def test_members_are_found_in_their_account_only(pool: Pool, conn: Conn) -> None:
    from portal.errors import NotFound

    user_id = signing_in.start(pool, KEYRING, signed_in(), VISIT).user_id
    with as_web(pool, user_id) as web, pytest.raises(NotFound):
        members.get(web, uuid4(), user_id)


@pytest.mark.parametrize(
    ("days", "left"),
    [
        (0, {"auth_flows": 1, "rate_limits": 1, "sessions": 1}),
        (2, {"auth_flows": 0, "rate_limits": 0, "sessions": 1}),
        (92, {"auth_flows": 0, "rate_limits": 0, "sessions": 0}),
    ],
)
def test_the_nightly_job_forgets_what_is_needed_no_more_log_06(
    pool: Pool, conn: Conn, days: int, left: dict[str, int]
) -> None:
    """LOG-06: else every address that ever came would stay, a row for each of its minutes."""
    signing_in.start(pool, KEYRING, signed_in(), VISIT)
    with as_web(pool) as web:
        flows.store(web, KEYRING, b"x", "magic-link", {}, lasts=timedelta(minutes=10))
        limits.hit(web, "somebody", most=5)

    context: Any = SimpleNamespace(additional_context={"services": SimpleNamespace(pool=pool)})
    with clock.replaced_by(lambda: clock._system_now() + timedelta(days=days)):
        tasks.prune.func(context)

    tables = {table: f"select count(*) as n from billing.{table}" for table in left}
    assert {table: conn.execute(count).fetchone()["n"] for table, count in tables.items()} == left  # type: ignore[index]
