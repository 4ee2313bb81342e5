"""People for tests: signed in without the form where signing in is not what is tested, and their mails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from portal import clock
from portal.db.transaction import as_web
from portal.people import accounts, sessions, users
from portal.people.sessions import Visit
from portal.people.supabase_auth import Identity, SignedIn, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.harness.processes import Sandbox
    from tests.visitor import Visitor

PASSWORD = "correct horse battery staple"
STAFF_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ISSUER = "https://auth.example/auth/v1"


@dataclass(frozen=True)
class SomeUser:
    """A user with a live session, made in the database."""

    user_id: UUID
    account_id: UUID | None
    cookie: str


def signed_in(
    *,
    user_id: UUID | None = None,
    email: str = "somebody@example.com",
    is_staff: bool = False,
    aal: str = "aal1",
    lasts: timedelta = timedelta(hours=1),
) -> SignedIn:
    """What the identity provider would have said."""
    identity = Identity(user_id or uuid4(), ISSUER, email, "Some Body", is_staff, ())
    tokens = Tokens(f"access-{uuid4()}", f"refresh-{uuid4()}", clock.now() + lasts)
    return SignedIn(identity, uuid4(), aal, tokens)


def sign_in(
    app: Flask,
    email: str = "somebody@example.com",
    *,
    role: str = "owner",
    account_id: UUID | None = None,
    is_staff: bool = False,
) -> SomeUser:
    """Make a user, an account (or join one) and a session, as a first sign-in would."""
    services = app.extensions["services"]
    # Far from expiry, so that no test under a virtual clock asks the provider about invented tokens.
    proof = signed_in(
        email=email, is_staff=is_staff, aal="aal2" if is_staff else "aal1", lasts=timedelta(days=400)
    )
    user_id = proof.identity.user_id
    with as_web(services.pool, user_id) as conn:
        users.upsert(conn, proof.identity)
        if not is_staff:
            joined = account_id or accounts.create_for(conn, user_id, name=email, email=email)
            conn.execute(
                "insert into members (account_id, user_id, role) values (%s, %s, %s)"
                " on conflict (account_id, user_id) do update set role = excluded.role",
                [joined, user_id, role],
            )
            account_id = joined
        cookie = sessions.create(conn, services.keyring, proof, Visit("Firefox/1 Windows", "127.0.0.1"))
    return SomeUser(user_id, account_id, cookie)


def wear(visitor: Visitor, user: SomeUser) -> Visitor:
    """Give the visitor's browser this user's cookie."""
    plant(visitor, user.cookie)
    return visitor


def plant(visitor: Visitor, cookie: str) -> None:
    """Put a session cookie into the visitor's browser."""
    visitor.client.set_cookie("session", cookie, domain=_host(visitor))


def cookie_of(visitor: Visitor) -> str:
    found = jar_entry(visitor)
    return found.value if found else ""


def jar_entry(visitor: Visitor) -> Any:
    """The session cookie as the browser keeps it, with its attributes."""
    return visitor.client.get_cookie("session", domain=_host(visitor))


def _host(visitor: Visitor) -> str:
    return urlsplit(visitor.base_url).hostname or ""


def totp(secret: str = STAFF_SECRET, at: float | None = None) -> str:
    """The code that an authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time() if at is None else at) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def mailed_links(sandbox: Sandbox, to: str) -> list[str]:
    """The identity provider's links in the mails to an address, newest first; a receipt may come between."""
    found = [re.search(r"https?://\S+/auth/v1/verify\S+", mail["text"]) for mail in sandbox.mail(to)]
    return [match.group() for match in found if match]


def follow(link: str, base_url: str) -> str:
    """Open a mailed link at the provider and return the portal's path that it leads to."""
    import requests

    answer = requests.get(link, allow_redirects=False, timeout=20)
    assert answer.status_code == 303, answer.text[:300]
    address = answer.headers["Location"]
    assert address.startswith(base_url), address
    return address.removeprefix(base_url).partition("#")[0]


@contextmanager
def later(**how_much: Any) -> Iterator[None]:
    """Go on in the future, for the portal (the sandbox's tokens keep real time)."""
    moved = timedelta(**how_much)
    with clock.replaced_by(lambda: clock._system_now() + moved):
        yield


@contextmanager
def midway(minutes: int = 15) -> Iterator[None]:
    """Stand still in the middle of a window of so many minutes, so that a count does not start anew."""
    real = clock._system_now()
    length = timedelta(minutes=minutes).total_seconds()
    middle = clock._system_now().fromtimestamp((real.timestamp() // length + 0.5) * length, real.tzinfo)
    with clock.replaced_by(lambda: middle):
        yield
