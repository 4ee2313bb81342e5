"""One-time tokens behind every mailed link and six digit code.

A code and its link are one secret: the link carries the hash of address and code. There is one
slot for each purpose, so asking again makes the older mail worthless. A link asked for with PKCE
starts with `pkce_` and ends in an authorisation code instead of tokens in the address.
"""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sandbox.supabase_auth import errors
from sandbox.tx import Tx

TOKENS, FLOWS = "auth_one_time_tokens", "auth_flow_states"
LIFETIME = 3600
FLOW_LIFETIME = 300
CONFIRMATION, RECOVERY = "confirmation", "recovery"
CHANGE_CURRENT, CHANGE_NEW = "email_change_current", "email_change_new"
SLOTS = {
    "signup": (CONFIRMATION,),
    "invite": (CONFIRMATION,),
    "recovery": (RECOVERY,),
    "magiclink": (RECOVERY,),
    "email": (CONFIRMATION, RECOVERY),
    "email_change": (CHANGE_CURRENT, CHANGE_NEW),
}


@dataclass(frozen=True)
class Challenge:
    """The PKCE half that the asking client sent; empty for the implicit flow."""

    value: str = ""
    method: str = ""

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Challenge":
        value = str(body.get("code_challenge") or "")
        method = str(body.get("code_challenge_method") or "").lower()
        if bool(value) != bool(method) or (method and method not in ("s256", "plain")):
            raise errors.validation_failed("PKCE flow requires code_challenge_method and code_challenge")
        return cls(value, method)


@dataclass(frozen=True)
class Issued:
    code: str
    token_hash: str


def issue(tx: Tx, user_id: str, slot: str, email: str, challenge: Challenge | None = None) -> Issued:
    for old in tx.find(TOKENS, where={"user_id": user_id}):
        if old["slot"] == slot:
            tx.delete(TOKENS, old["token_hash"])
    code = f"{secrets.randbelow(1_000_000):06d}"
    prefix = "pkce_" if challenge and challenge.value else ""
    token_hash = prefix + digest(email, code)
    token = {
        "token_hash": token_hash,
        "user_id": user_id,
        "slot": slot,
        "email": email,
        "created_at": repr(time.time()),
        "challenge": challenge.value if challenge else "",
        "challenge_method": challenge.method if challenge else "",
    }
    tx.put(TOKENS, token_hash, token, user_id=user_id)
    return Issued(code, token_hash)


def digest(email: str, code: str) -> str:
    return hashlib.sha224((email + code).encode()).hexdigest()


def find(tx: Tx, kind: str, token_hash: str) -> dict[str, Any]:
    """The live token with this hash, for this kind of verification."""
    token = tx.get(TOKENS, token_hash)
    if token is None or token["slot"] not in SLOTS.get(kind, ()):
        raise errors.link_expired()
    if time.time() > float(token["created_at"]) + LIFETIME:
        raise errors.link_expired()
    return token


def find_code(tx: Tx, kind: str, email: str, code: str) -> dict[str, Any]:
    hashed = digest(email, code)
    for candidate in (hashed, "pkce_" + hashed):
        try:
            return find(tx, kind, candidate)
        except errors.AuthFailure:
            continue
    raise errors.otp_expired()


def spend(tx: Tx, token: dict[str, Any]) -> None:
    tx.delete(TOKENS, token["token_hash"])


def open_flow(tx: Tx, token: dict[str, Any], method: str) -> str:
    """An authorisation code that only the holder of the PKCE verifier can exchange."""
    code = str(uuid4())
    flow = {
        "code": code,
        "user_id": token["user_id"],
        "method": method,
        "challenge": token["challenge"],
        "challenge_method": token["challenge_method"],
        "created_at": repr(time.time()),
    }
    tx.put(FLOWS, code, flow, user_id=token["user_id"])
    return code


def close_flow(tx: Tx, code: str, verifier: str) -> dict[str, Any]:
    flow = tx.get(FLOWS, code)
    if flow is None:
        raise errors.AuthFailure(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
    if time.time() > float(flow["created_at"]) + FLOW_LIFETIME:
        raise errors.AuthFailure(403, "flow_state_expired", "invalid flow state, flow state has expired")
    if not _proves(flow, verifier):
        raise errors.AuthFailure(
            400, "bad_code_verifier", "code challenge does not match previously saved code verifier"
        )
    tx.delete(FLOWS, code)
    return flow


def _proves(flow: dict[str, Any], verifier: str) -> bool:
    if flow["challenge_method"] == "plain":
        return secrets.compare_digest(verifier, str(flow["challenge"]))
    hashed = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return secrets.compare_digest(hashed, str(flow["challenge"]))
