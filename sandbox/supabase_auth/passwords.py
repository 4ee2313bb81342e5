"""Passwords: scrypt from the standard library, compared in constant time.

An unknown e-mail address costs the same work as a wrong password, so that the time of the answer
does not tell which addresses have a user.
"""

import base64
import hashlib
import hmac
import secrets

from sandbox.supabase_auth.errors import AuthFailure

SHORTEST = 6
COST, BLOCK, LANES = 2**14, 8, 1


def hashed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${_text(salt)}${_text(_derive(password, salt))}"


def matches(password: str, stored: str) -> bool:
    if not stored:
        _derive(password, b"no such user here")
        return False
    _, salt, digest = stored.split("$")
    return hmac.compare_digest(_derive(password, _raw(salt)), _raw(digest))


def require_strong(password: str) -> None:
    if len(password) >= SHORTEST:
        return
    raise AuthFailure(
        422,
        "weak_password",
        f"Password should be at least {SHORTEST} characters.",
        weak_password={"reasons": ["length"]},
    )


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=LANES, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text)
