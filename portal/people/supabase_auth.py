"""Supabase Auth as the portal uses it: one client per call, no timers, no shared state (SB-08).

A client of the `supabase` package remembers whoever signed in on it last, and by default starts a timer
thread per sign-in (R8, R9). So every call here builds its own, over one shared HTTP connection pool,
with a storage of its own for the PKCE verifier, which goes back to the caller.

The calls carry the visitor's address in ``Sb-Forwarded-For``, or the provider's limit per address would
count all our customers as one (SB-09); Supabase believes it beside the secret key only.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import httpx
import pydantic
import supabase
from supabase_auth import SyncGoTrueClient, SyncMemoryStorage
from supabase_auth import types as provider
from supabase_auth.errors import AuthApiError, AuthError

from portal import clock
from portal.config import Settings
from portal.people.auth_errors import (
    AuthUnavailable,
    EmailNotConfirmed,
    SessionGone,
    TokenRefused,
    WrongCode,
    translated,
)
from portal.people.tokens import KeySet, Verifier

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
REST = timedelta(seconds=30)
STAFF_ROLE = "admin"
LinkKind = Literal["signup", "magiclink", "recovery", "email_change", "invite", "email"]
Scope = Literal["local", "others", "global"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of tokens; never shown, never logged."""

    access: str
    refresh: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at!r})"


@dataclass(frozen=True, slots=True)
class Factor:
    """An authenticator app that is connected; ``name`` is what the person called it, often nothing."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as the provider vouches for them; the key is (issuer, user_id), never the address (AUT-08)."""

    user_id: UUID
    issuer: str
    email: str
    display_name: str
    is_staff: bool
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a successful sign-in gives: who, how strongly, and the tokens."""

    identity: Identity
    session_id: UUID
    aal: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor that waits for its first code."""

    factor_id: str
    secret: str
    uri: str


class SupabaseAuth:
    """The identity provider of ``settings``. Every method speaks HTTP: never inside a transaction."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.supabase_url
        self._secret = settings.supabase_secret_key.get_secret_value()
        self._key = self._secret or settings.supabase_publishable_key.get_secret_value()
        # HTTP/1.1, because the package's HTTP/2 connections drop under load ("Server disconnected").
        self._http = httpx.Client(
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), follow_redirects=False
        )
        self._resting_until: datetime | None = None
        self.verifier = Verifier(f"{self._url}/auth/v1", KeySet(self._fetch_keys))

    def close(self) -> None:
        self._http.close()

    @property
    def is_resting(self) -> bool:
        """Whether this process found the provider unreachable a moment ago."""
        return self._resting_until is not None and clock.now() < self._resting_until

    def rest(self) -> None:
        """Let pages go on without the provider for a while."""
        self._resting_until = clock.now() + REST

    # --- coming in -----------------------------------------------------------------------------

    def sign_up(self, email: str, password: str, *, name: str, return_to: str, ip: str) -> str:
        """Ask for a confirmation mail; return the PKCE verifier. Known addresses answer alike."""
        with self._client(ip) as (client, verifier):
            client.sign_up({
                "email": email,
                "password": password,
                "options": {"email_redirect_to": return_to, "data": {"full_name": name}},
            })  # fmt: skip
            return verifier()

    def sign_in(self, email: str, password: str, *, ip: str) -> SignedIn:
        with self._client(ip) as (client, _):
            answer = client.sign_in_with_password({"email": email, "password": password})
            return self._signed_in(answer)

    def send_magic_link(self, email: str, *, return_to: str, ip: str) -> str:
        """Ask for a sign-in link for somebody who has an account; return the PKCE verifier."""
        with self._client(ip) as (client, verifier):
            client.sign_in_with_otp({
                "email": email,
                "options": {"email_redirect_to": return_to, "should_create_user": False},
            })  # fmt: skip
            return verifier()

    def send_password_reset(self, email: str, *, return_to: str, ip: str) -> str:
        """Ask for a reset link; return the PKCE verifier."""
        with self._client(ip) as (client, verifier):
            client.reset_password_for_email(email, {"redirect_to": return_to})
            return verifier()

    def exchange_code(self, code: str, verifier: str, *, ip: str) -> SignedIn:
        """Redeem the code of a mailed link with the verifier of the browser that asked for it."""
        with self._client(ip) as (client, _):
            answer = client.exchange_code_for_session({
                "auth_code": code, "code_verifier": verifier, "redirect_to": "",
            })  # fmt: skip
            return self._signed_in(answer)

    def verify_link(self, kind: LinkKind, token_hash: str, *, ip: str) -> SignedIn | None:
        """Redeem a mailed token hash. None: one of the two addresses of a change is still to confirm."""
        with self._client(ip) as (client, _):
            answer = client.verify_otp({"type": kind, "token_hash": token_hash})
            return self._signed_in(answer) if answer.session else None

    def refresh(self, refresh_token: str, user_id: UUID) -> SignedIn:
        """Exchange this user's refresh token, once. Raises :class:`SessionGone` when it was ended there."""
        with self._client("") as (client, _):
            signed_in = self._signed_in(client.refresh_session(refresh_token))
            if signed_in.identity.user_id != user_id:
                raise TokenRefused
            return signed_in

    # --- acts of a signed-in person ---------------------------------------------------------------

    def fetch_identity(self, access_token: str) -> Identity:
        with self._client("") as (client, _):
            answer = client.get_user(access_token)
            if answer is None:
                raise SessionGone
            return self._identity(answer.user)

    def change_password(self, access_token: str, password: str, *, ip: str) -> None:
        """The provider ends the person's other sessions."""
        with self._client(ip, access_token) as (client, _):
            client.update_user({"password": password})

    def change_name(self, access_token: str, name: str) -> None:
        with self._client("", access_token) as (client, _):
            client.update_user({"data": {"full_name": name}})

    def change_email(self, access_token: str, email: str, *, return_to: str, ip: str) -> str:
        """Send a link to both addresses; return the PKCE verifier."""
        with self._client(ip, access_token) as (client, verifier):
            client.update_user({"email": email}, {"email_redirect_to": return_to})
            return verifier()

    def enroll_factor(self, access_token: str, *, issuer: str, name: str) -> Enrolment:
        with self._client("", access_token) as (client, _):
            answer = client.mfa.enroll({"factor_type": "totp", "issuer": issuer, "friendly_name": name})
            if answer.totp is None:
                raise AuthUnavailable
            return Enrolment(answer.id, answer.totp.secret, answer.totp.uri)

    def verify_any_factor(
        self, access_token: str, factor_ids: Iterable[str], code: str, *, ip: str
    ) -> SignedIn:
        """Try ``code`` with one factor after the other: it may come from any of the person's apps."""
        for factor_id in factor_ids:
            with suppress(WrongCode):
                return self.verify_factor(access_token, factor_id, code, ip=ip)
        raise WrongCode

    def verify_factor(self, access_token: str, factor_id: str, code: str, *, ip: str) -> SignedIn:
        """Challenge a factor and answer with ``code``: a new pair of tokens at aal2."""
        with self._client(ip, access_token) as (client, _):
            answer = client.mfa.challenge_and_verify({"factor_id": factor_id, "code": code})
            claims = self.verifier.claims_of(answer.access_token)
            tokens = Tokens(answer.access_token, answer.refresh_token, claims.expires_at)
            return SignedIn(self._identity(answer.user), claims.session_id, claims.aal, tokens)

    def unenroll_factor(self, access_token: str, factor_id: str) -> None:
        """Remove a factor; one that is gone already is fine."""
        with self._client("", access_token) as (client, _):
            try:
                client.mfa.unenroll({"factor_id": factor_id})
            except AuthApiError as problem:
                if problem.code != "mfa_factor_not_found":
                    raise

    def sign_out(self, access_token: str, scope: Scope) -> None:
        """End sessions at the provider; one that is gone already is fine."""
        with self._client("") as (client, _):
            try:
                client.admin.sign_out(access_token, scope)
            except AuthError as problem:
                if not isinstance(translated(problem), SessionGone):
                    raise

    # --- inside ---------------------------------------------------------------------------------

    @contextmanager
    def _client(
        self, ip: str, access_token: str = ""
    ) -> Iterator[tuple[SyncGoTrueClient, Callable[[], str]]]:
        """A client for one call and the way to its PKCE verifier; the provider's errors become ours."""
        storage = SyncMemoryStorage()
        headers = {"Sb-Forwarded-For": ip} if ip and self._secret else {}
        options = supabase.ClientOptions(
            auto_refresh_token=False,
            persist_session=False,
            flow_type="pkce",
            storage=storage,
            httpx_client=self._http,
            headers=headers,
        )
        try:
            client = supabase.Client(self._url, self._key, options).auth
            if access_token:
                # Without a refresh token the library cannot spend it behind our back (SB-07).
                client.set_session(access_token, "")
            yield client, lambda: _verifier_in(storage)
        except (AuthError, httpx.HTTPError) as problem:
            raise translated(problem) from None
        except (pydantic.ValidationError, KeyError, ValueError):
            # An answer that the library cannot read is no answer.
            raise AuthUnavailable from None

    def _signed_in(self, answer: provider.AuthResponse) -> SignedIn:
        session = answer.session
        if session is None:
            raise TokenRefused
        claims = self.verifier.claims_of(session.access_token)
        identity = self._identity(session.user)
        if identity.user_id != claims.user_id:
            raise TokenRefused
        tokens = Tokens(session.access_token, session.refresh_token, claims.expires_at)
        return SignedIn(identity, claims.session_id, claims.aal, tokens)

    def _identity(self, user: provider.User) -> Identity:
        if user.email is None or user.email_confirmed_at is None or not user.email.isascii():
            # A project may be set to let people in unconfirmed; the portal does not (AUT-08). And some
            # letters beyond ASCII become one of it in lower case: a Kelvin sign's address would be another's.
            raise EmailNotConfirmed
        factors = [factor for factor in user.factors or [] if factor.status == "verified"]
        return Identity(
            user_id=UUID(user.id),
            issuer=self.verifier.issuer,
            email=user.email.lower(),
            display_name=str(user.user_metadata.get("full_name") or "")[:200],
            # app_metadata is the provider's; user_metadata is whatever the person wrote there.
            is_staff=user.app_metadata.get("role") == STAFF_ROLE,
            factors=tuple(
                Factor(factor.id, (factor.friendly_name or "").strip())
                for factor in factors
                if factor.factor_type == "totp"
            ),
        )

    def _fetch_keys(self) -> dict[str, Any]:
        answer = self._http.get(f"{self._url}/auth/v1/.well-known/jwks.json", headers={"apikey": self._key})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _verifier_in(storage: SyncMemoryStorage) -> str:
    found = [value for key, value in storage.storage.items() if key.endswith("-code-verifier")]
    # The library marks a reset's verifier with a suffix that is its own business.
    return found[0].partition("/")[0] if found else ""
