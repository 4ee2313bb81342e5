"""Users: one document each, looked up by id or by lower-cased e-mail address.

`rendered` is the shape clients see; nothing secret (password, codes) is in it.
"""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sandbox.supabase_auth import errors, passwords
from sandbox.tx import Tx

KIND = "auth_users"
FACTORS = "auth_factors"
SHOWN = (
    "id", "aud", "role", "email", "phone", "email_confirmed_at", "confirmed_at", "invited_at",
    "confirmation_sent_at", "recovery_sent_at", "email_change_sent_at", "last_sign_in_at",
    "app_metadata", "user_metadata", "created_at", "updated_at", "banned_until", "deleted_at",
)  # fmt: skip


def timestamp(ahead_s: float = 0) -> str:
    """Real time, because tokens are judged by clients that do not live in the sandbox's clock."""
    moment = datetime.fromtimestamp(time.time() + ahead_s, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def normalised(email: object) -> str:
    """Auth compares addresses in lower case; anything that is no address is refused."""
    text = str(email or "").strip().lower()
    local, at, domain = text.partition("@")
    if not (local and at and domain) or any(sign.isspace() for sign in text):
        raise errors.AuthFailure(400, "validation_failed", "Unable to validate email address: invalid format")
    return text


def build(email: str, secret: str = "", **given: Any) -> dict[str, Any]:
    now = timestamp()
    user = {
        "id": str(uuid4()),
        "aud": "authenticated",
        "role": "authenticated",
        "email": normalised(email),
        "phone": "",
        "password": passwords.hashed(secret) if secret else "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
        "identity_id": str(uuid4()),
        "created_at": now,
        "updated_at": now,
    }
    return {**user, **given}


def save(tx: Tx, user: dict[str, Any]) -> dict[str, Any]:
    kept = {**user, "updated_at": timestamp()}
    tx.put(KIND, kept["id"], kept, email=kept["email"])
    return kept


def by_email(tx: Tx, email: str) -> dict[str, Any] | None:
    found = tx.find(KIND, where={"email": email.strip().lower()}, limit=1)
    return found[0] if found else None


def by_id(tx: Tx, user_id: str) -> dict[str, Any]:
    user = tx.get(KIND, user_id)
    if user is None:
        raise errors.user_not_found()
    return user


def everyone(tx: Tx, *, limit: int, offset: int) -> list[dict[str, Any]]:
    return tx.find(KIND, limit=limit, offset=offset)


def confirm(user: dict[str, Any]) -> dict[str, Any]:
    """The address is proven; the first proof is the one that counts."""
    at = user.get("email_confirmed_at") or timestamp()
    return {**user, "email_confirmed_at": at, "confirmed_at": at}


def refuse_banned(user: dict[str, Any]) -> None:
    until = user.get("banned_until")
    if until and until > timestamp():
        raise errors.AuthFailure(400, "user_banned", "User is banned")


def factors(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    return tx.find(FACTORS, where={"user_id": user_id})


def verified_factors(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    return [factor for factor in factors(tx, user_id) if factor["status"] == "verified"]


def rendered(tx: Tx, user: dict[str, Any]) -> dict[str, Any]:
    shown = {name: user[name] for name in SHOWN if user.get(name) is not None}
    if user.get("email_change"):
        shown["new_email"] = user["email_change"]
    held = [_factor(factor) for factor in factors(tx, user["id"])]
    if held:
        shown["factors"] = held
    return {**shown, "identities": [identity(user)], "is_anonymous": False}


def identity(user: dict[str, Any]) -> dict[str, Any]:
    verified = bool(user.get("email_confirmed_at"))
    return {
        "identity_id": user["identity_id"],
        "id": user["id"],
        "user_id": user["id"],
        "identity_data": {
            **user["user_metadata"],
            "email": user["email"],
            "email_verified": verified,
            "phone_verified": False,
            "sub": user["id"],
        },
        "provider": "email",
        "email": user["email"],
        "last_sign_in_at": user.get("last_sign_in_at") or user["created_at"],
        "created_at": user["created_at"],
        "updated_at": user["updated_at"],
    }


def _factor(factor: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "friendly_name", "factor_type", "status", "created_at", "updated_at")
    return {name: factor[name] for name in names}
