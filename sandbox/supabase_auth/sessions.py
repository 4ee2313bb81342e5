"""Sessions, access tokens and refresh tokens.

Rules kept from Supabase: an access token lives an hour of real time; a refresh token works once,
with a ten second window for a client that asked twice; the parent of the active token gets the
active one again, because its holder evidently never received the answer; any other reuse means
theft and ends the whole session.
"""

import secrets
import time
from typing import Any
from uuid import uuid4

import jwt

from sandbox.supabase_auth import errors, keys, users
from sandbox.tx import Tx

SESSIONS, REFRESH = "auth_sessions", "auth_refresh_tokens"
LIFETIME = 3600
REUSE_WINDOW = 10
AUDIENCE = "authenticated"


def start(
    tx: Tx, user: dict[str, Any], method: str, issuer: str, *, lifetime: int = LIFETIME
) -> dict[str, Any]:
    """Signs the user in: a new session row and its first pair of tokens."""
    users.refuse_banned(user)
    now = users.timestamp()
    user = users.save(tx, {**user, "last_sign_in_at": now})
    session = {
        "id": str(uuid4()),
        "user_id": user["id"],
        "aal": "aal1",
        "amr": [{"method": method, "timestamp": int(time.time())}],
        "created_at": now,
        "refreshed_at": now,
    }
    save(tx, session)
    return pair(tx, user, session, issuer, lifetime=lifetime)


def save(tx: Tx, session: dict[str, Any]) -> None:
    tx.put(SESSIONS, session["id"], session, user_id=session["user_id"])


def pair(
    tx: Tx,
    user: dict[str, Any],
    session: dict[str, Any],
    issuer: str,
    *,
    parent: str = "",
    lifetime: int = LIFETIME,
) -> dict[str, Any]:
    token = _new_refresh_token(tx, session, parent)
    return answer(tx, user, session, token["token"], issuer, lifetime=lifetime)


def answer(
    tx: Tx,
    user: dict[str, Any],
    session: dict[str, Any],
    refresh_token: str,
    issuer: str,
    *,
    lifetime: int = LIFETIME,
) -> dict[str, Any]:
    expires_at = int(time.time()) + lifetime
    return {
        "access_token": access_token(tx, user, session, issuer, expires_at),
        "token_type": "bearer",
        "expires_in": lifetime,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": users.rendered(tx, user),
    }


def access_token(tx: Tx, user: dict[str, Any], session: dict[str, Any], issuer: str, expires_at: int) -> str:
    claims = {
        "iss": issuer,
        "sub": user["id"],
        "aud": AUDIENCE,
        "exp": expires_at,
        "iat": int(time.time()),
        "email": user["email"],
        "phone": user["phone"],
        "app_metadata": user["app_metadata"],
        "user_metadata": user["user_metadata"],
        "role": user["role"],
        "aal": session["aal"],
        "amr": list(reversed(session["amr"])),
        "session_id": session["id"],
        "is_anonymous": False,
    }
    key = keys.current(tx)
    return jwt.encode(claims, keys.private_key(key["pem"]), algorithm="ES256", headers={"kid": key["kid"]})


def identify(tx: Tx, token: str, issuer: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The user and session behind an access token, or GoTrue's refusal."""
    claims = _claims(tx, token, issuer)
    session = tx.get(SESSIONS, claims["session_id"])
    if session is None:
        raise errors.AuthFailure(
            403, "session_not_found", "Session from session_id claim in JWT does not exist"
        )
    user = tx.get(users.KIND, claims["sub"])
    if user is None:
        raise errors.AuthFailure(403, "user_not_found", "User from sub claim in JWT does not exist")
    return user, session


def refresh(tx: Tx, given: str, issuer: str, *, lifetime: int = LIFETIME) -> dict[str, Any]:
    token = tx.get(REFRESH, given)
    session = tx.get(SESSIONS, token["session_id"]) if token else None
    if token is None or session is None:
        raise errors.AuthFailure(
            400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"
        )
    user = users.by_id(tx, token["user_id"])
    users.refuse_banned(user)
    session = {**session, "refreshed_at": users.timestamp()}
    if token["revoked"]:
        active = _active_token(tx, session["id"])
        if active and active["parent"] == token["token"]:
            return answer(tx, user, session, active["token"], issuer, lifetime=lifetime)
        if time.time() > float(token["revoked_at"]) + REUSE_WINDOW:
            raise ReuseDetected(session["id"])
    else:
        _revoke(tx, token)
    save(tx, session)
    return pair(tx, user, session, issuer, parent=token["token"], lifetime=lifetime)


class ReuseDetected(errors.AuthFailure):
    """A spent refresh token came back: its session has to end although the request fails."""

    def __init__(self, session_id: str) -> None:
        super().__init__(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        self.session_id = session_id


def spend_active_token(tx: Tx, session_id: str) -> str:
    """Revokes the session's refresh token and names it, so that a new pair can follow it."""
    active = _active_token(tx, session_id)
    if active is None:
        return ""
    _revoke(tx, active)
    return str(active["token"])


def end(tx: Tx, session_id: str) -> None:
    for token in tx.find(REFRESH, where={"session_id": session_id}):
        tx.delete(REFRESH, token["token"])
    tx.delete(SESSIONS, session_id)


def end_all(tx: Tx, user_id: str, *, keep: str = "") -> None:
    for session in of_user(tx, user_id):
        if session["id"] != keep:
            end(tx, session["id"])


def of_user(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    return tx.find(SESSIONS, where={"user_id": user_id})


def _claims(tx: Tx, token: str, issuer: str) -> dict[str, Any]:
    try:
        key = _signing_key(tx, token)
        claims: dict[str, Any] = jwt.decode(
            token,
            keys.private_key(key["pem"]).public_key(),
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=issuer,
            options={"require": ["exp", "iat", "sub", "session_id"]},
        )
    except jwt.InvalidTokenError as refusal:
        raise errors.AuthFailure(
            403, "bad_jwt", f"invalid JWT: unable to parse or verify signature, {refusal}"
        ) from refusal
    return claims


def _signing_key(tx: Tx, token: str) -> dict[str, Any]:
    key = keys.by_kid(tx, jwt.get_unverified_header(token).get("kid", ""))
    if key is None:
        raise jwt.InvalidTokenError("signing key is unknown or revoked")
    return key


def _new_refresh_token(tx: Tx, session: dict[str, Any], parent: str) -> dict[str, Any]:
    token = {
        "token": secrets.token_urlsafe(16),
        "session_id": session["id"],
        "user_id": session["user_id"],
        "parent": parent,
        "revoked": False,
        "created_at": repr(time.time()),
    }
    tx.put(REFRESH, token["token"], token, session_id=session["id"])
    return token


def _revoke(tx: Tx, token: dict[str, Any]) -> None:
    spent = {**token, "revoked": True, "revoked_at": repr(time.time())}
    tx.put(REFRESH, token["token"], spent, session_id=token["session_id"])


def _active_token(tx: Tx, session_id: str) -> dict[str, Any] | None:
    tokens = tx.find(REFRESH, where={"session_id": session_id})
    live = [token for token in tokens if not token["revoked"]]
    return max(live, key=lambda token: float(token["created_at"]), default=None)
