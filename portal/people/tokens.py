"""Which access tokens we believe (SB-06): every claim checked here, because the library checks too few.

R7 of the security notes: the library accepts a wrong audience, a wrong issuer and a token from the
future, and asks the provider for its keys once per unknown key id. Here the keys are kept for ten
minutes, for a day when the provider does not answer, and a key id that we do not know causes at most
one request a minute.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt

from portal import clock
from portal.people.auth_errors import AuthUnavailable, TokenRefused

ALGORITHMS = ["ES256"]
AUDIENCE = "authenticated"
LEEWAY = timedelta(seconds=30)
FRESH = timedelta(minutes=10)
STALE_IF_ERROR = timedelta(hours=24)
UNKNOWN_KEY_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine access token says."""

    user_id: UUID
    session_id: UUID
    issuer: str
    aal: str
    expires_at: datetime
    app_metadata: dict[str, Any]


@dataclass
class KeySet:
    """The provider's public keys, fetched when needed and kept."""

    fetch: Callable[[], dict[str, Any]]
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: datetime | None = None
    asked_at: datetime | None = None
    unknown_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, kid: str) -> jwt.PyJWK:
        """Return the key with this id. Raises :class:`TokenRefused` or :class:`AuthUnavailable`."""
        with self.lock:
            if self._is_due(kid):
                self._renew()
            if self.fetched_at is None or clock.now() - self.fetched_at > STALE_IF_ERROR:
                raise AuthUnavailable
            if kid not in self.keys:
                raise TokenRefused
            return self.keys[kid]

    def _is_due(self, kid: str) -> bool:
        now = clock.now()
        if self.fetched_at is None or self.asked_at is None:
            return True
        if now - self.fetched_at > FRESH and now - self.asked_at >= UNKNOWN_KEY_PAUSE:
            return True
        if kid in self.keys:
            return False
        # A rotated key is fetched at once, an invented one costs the provider one request a minute.
        if self.unknown_at is not None and now - self.unknown_at < UNKNOWN_KEY_PAUSE:
            return False
        self.unknown_at = now
        return True

    def _renew(self) -> None:
        self.asked_at = clock.now()
        try:
            answer = self.fetch()
        except (httpx.HTTPError, ValueError):
            return
        keys = {key["kid"]: key for key in answer.get("keys", []) if is_usable(key)}
        if keys:
            self.keys = {kid: jwt.PyJWK.from_dict(key) for kid, key in keys.items()}
            self.fetched_at = self.asked_at


@dataclass(frozen=True)
class Verifier:
    """Turns an access token into claims, or refuses it."""

    issuer: str
    keys: KeySet

    def claims_of(self, token: str) -> Claims:
        """Raises :class:`TokenRefused`; :class:`AuthUnavailable` when there are no keys to check with."""
        try:
            kid = str(jwt.get_unverified_header(token).get("kid", ""))
            found = jwt.decode(
                token,
                self.keys.find(kid),
                algorithms=ALGORITHMS,
                audience=AUDIENCE,
                issuer=self.issuer,
                # Times are compared with our own clock below.
                options={
                    "require": ["exp", "sub", "iss", "aud", "session_id"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            _check_times(found)
            return _claims(found)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            # Whatever is odd about a token makes it worthless, not us broken (R7: InvalidKeyError).
            raise TokenRefused from None


def _claims(found: dict[str, Any]) -> Claims:
    metadata = found.get("app_metadata")
    return Claims(
        user_id=UUID(found["sub"]),
        session_id=UUID(found["session_id"]),
        issuer=str(found["iss"]),
        aal="aal2" if found.get("aal") == "aal2" else "aal1",
        expires_at=datetime.fromtimestamp(int(found["exp"]), UTC),
        app_metadata=metadata if isinstance(metadata, dict) else {},
    )


def _check_times(found: dict[str, Any]) -> None:
    now = clock.now().timestamp()
    leeway = LEEWAY.total_seconds()
    if float(found["exp"]) + leeway <= now or float(found.get("nbf", 0)) - leeway > now:
        raise TokenRefused


def is_usable(key: Any) -> bool:
    """Say whether we believe what is signed with this key of the provider's."""
    if not isinstance(key, dict) or not key.get("kid"):
        return False
    return bool(key.get("kty") == "EC" and key.get("crv") == "P-256")
