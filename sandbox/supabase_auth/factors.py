"""Second factors: TOTP enrolled, challenged, verified and removed; `aal2` is earned here."""

import time
from typing import Any
from uuid import uuid4

from flask import Response, jsonify

from sandbox.supabase_auth import errors, gate, sessions, totp, users
from sandbox.supabase_auth.people import body, lifetime
from sandbox.tx import Tx
from sandbox.world import current

Row = dict[str, Any]
CHALLENGES = "auth_challenges"
CHALLENGE_LIFETIME = 300
MOST = 10
ISSUER = "Northwind Cloud"


def enroll() -> Response:
    given = body()
    if given.get("factor_type") != "totp":
        raise errors.validation_failed("factor_type needs to be totp")
    with current().store.transaction() as tx:
        user, session = sessions.identify(tx, gate.bearer(), gate.issuer())
        _refuse_enrolment(tx, user, session, str(given.get("friendly_name") or ""))
        factor = build(user["id"], totp.new_secret(), str(given.get("friendly_name") or ""))
        save(tx, factor)
    uri = totp.uri(factor["secret"], str(given.get("issuer") or ISSUER), user["email"])
    return jsonify({
        "id": factor["id"], "type": "totp", "friendly_name": factor["friendly_name"],
        "totp": {"qr_code": totp.qr_svg(uri), "secret": factor["secret"], "uri": uri},
    })  # fmt: skip


def build(user_id: str, secret: str, name: str, status: str = "unverified") -> Row:
    now = users.timestamp()
    return {
        "id": str(uuid4()), "user_id": user_id, "friendly_name": name, "factor_type": "totp",
        "status": status, "secret": secret, "created_at": now, "updated_at": now,
    }  # fmt: skip


def save(tx: Tx, factor: Row) -> None:
    kept = {**factor, "updated_at": users.timestamp()}
    tx.put(users.FACTORS, factor["id"], kept, user_id=factor["user_id"])


def challenge(factor_id: str) -> Response:
    with current().store.transaction() as tx:
        user, _ = sessions.identify(tx, gate.bearer(), gate.issuer())
        _own(tx, user, factor_id)
        opened: Row = {
            "id": str(uuid4()),
            "factor_id": factor_id,
            "expires_at": int(time.time()) + CHALLENGE_LIFETIME,
        }
        tx.put(CHALLENGES, opened["id"], opened)
    return jsonify({"id": opened["id"], "type": "totp", "expires_at": opened["expires_at"]})


def verify(factor_id: str) -> Response:
    given = body()
    with current().store.transaction() as tx:
        user, session = sessions.identify(tx, gate.bearer(), gate.issuer())
        factor = _own(tx, user, factor_id)
        _require_open(tx, factor_id, str(given.get("challenge_id") or ""))
        if not totp.accepts(factor["secret"], str(given.get("code") or "")):
            raise errors.AuthFailure(422, "mfa_verification_failed", "Invalid TOTP code entered")
        tx.delete(CHALLENGES, str(given["challenge_id"]))
        save(tx, {**factor, "status": "verified"})
        _forget_unverified(tx, user["id"])
        return jsonify(_raised(tx, user, session))


def unenroll(factor_id: str) -> Response:
    with current().store.transaction() as tx:
        user, session = sessions.identify(tx, gate.bearer(), gate.issuer())
        factor = _own(tx, user, factor_id)
        if factor["status"] == "verified" and session["aal"] != "aal2":
            raise errors.AuthFailure(422, "insufficient_aal", "AAL2 required to unenroll verified factor")
        tx.delete(users.FACTORS, factor_id)
        if factor["status"] == "verified":
            _lower_sessions(tx, user["id"])
    return jsonify({"id": factor_id})


def _refuse_enrolment(tx: Tx, user: Row, session: Row, name: str) -> None:
    held = users.factors(tx, user["id"])
    verified = [factor for factor in held if factor["status"] == "verified"]
    if verified and session["aal"] != "aal2":
        raise errors.AuthFailure(403, "insufficient_aal", "AAL2 required to enroll a new factor")
    if len(verified) >= MOST:
        raise errors.AuthFailure(
            422,
            "too_many_enrolled_mfa_factors",
            "Maximum number of verified factors reached, unenroll to continue",
        )
    if name and any(factor["friendly_name"] == name for factor in held):
        raise errors.AuthFailure(
            422,
            "mfa_factor_name_conflict",
            f'A factor with the friendly name "{name}" for this user already exists',
        )


def _own(tx: Tx, user: Row, factor_id: str) -> Row:
    factor = tx.get(users.FACTORS, factor_id)
    if factor is None or factor["user_id"] != user["id"]:
        raise errors.AuthFailure(404, "mfa_factor_not_found", "Factor not found")
    return factor


def _require_open(tx: Tx, factor_id: str, challenge_id: str) -> None:
    opened = tx.get(CHALLENGES, challenge_id)
    if opened is None or opened["factor_id"] != factor_id:
        raise errors.AuthFailure(
            404, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found"
        )
    if opened["expires_at"] < time.time():
        raise errors.AuthFailure(
            422,
            "mfa_challenge_expired",
            f"MFA challenge {challenge_id} has expired, verify against another challenge or create"
            " a new challenge.",
        )


def _raised(tx: Tx, user: Row, session: Row) -> Row:
    """The same session at aal2 with a new pair of tokens; weaker sessions end."""
    earned = {"method": "totp", "timestamp": int(time.time())}
    amr = [entry for entry in session["amr"] if entry["method"] != "totp"]
    stronger = {**session, "aal": "aal2", "amr": [*amr, earned]}
    sessions.save(tx, stronger)
    for other in sessions.of_user(tx, user["id"]):
        if other["aal"] == "aal1":
            sessions.end(tx, other["id"])
    parent = sessions.spend_active_token(tx, session["id"])
    return sessions.pair(tx, user, stronger, gate.issuer(), parent=parent, lifetime=lifetime())


def _forget_unverified(tx: Tx, user_id: str) -> None:
    for factor in users.factors(tx, user_id):
        if factor["status"] != "verified":
            tx.delete(users.FACTORS, factor["id"])


def _lower_sessions(tx: Tx, user_id: str) -> None:
    for session in sessions.of_user(tx, user_id):
        amr = [entry for entry in session["amr"] if entry["method"] != "totp"]
        sessions.save(tx, {**session, "aal": "aal1", "amr": amr})
