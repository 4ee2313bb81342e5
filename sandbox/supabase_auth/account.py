"""The signed-in person's own record: GET and PUT /user, and /reauthenticate."""

import hmac
from typing import Any

from flask import Response, jsonify

from sandbox.supabase_auth import errors, gate, mails, one_time, passwords, sessions, users
from sandbox.supabase_auth.one_time import Challenge
from sandbox.supabase_auth.people import body, change_mails, mapping, redirect_to
from sandbox.tx import Tx
from sandbox.world import current

Row = dict[str, Any]
NONCES = "auth_nonces"


def get() -> Response:
    with current().store.read() as tx:
        user, _ = sessions.identify(tx, gate.bearer(), gate.issuer())
        return jsonify(users.rendered(tx, user))


def put() -> Response:
    given = body()
    with current().store.transaction() as tx:
        user, session = sessions.identify(tx, gate.bearer(), gate.issuer())
        if given.get("password") or given.get("email"):
            require_second_factor(tx, user, session)
        if given.get("password"):
            user = _new_password(tx, user, session, given)
        if given.get("data") is not None:
            user = {**user, "user_metadata": {**user["user_metadata"], **mapping(given, "data")}}
        if given.get("email"):
            user = _ask_for_change(tx, user, given)
        return jsonify(users.rendered(tx, users.save(tx, user)))


def require_second_factor(tx: Tx, user: Row, session: Row) -> None:
    if session["aal"] != "aal2" and users.verified_factors(tx, user["id"]):
        raise errors.AuthFailure(
            401,
            "insufficient_aal",
            "AAL2 session is required to update email or password when MFA is enabled.",
        )


def _new_password(tx: Tx, user: Row, session: Row, given: Row) -> Row:
    """A new password ends every other session, as at Supabase."""
    password, present = str(given["password"]), str(given.get("current_password") or "")
    passwords.require_strong(password)
    if present and not passwords.matches(present, user["password"]):
        raise errors.AuthFailure(400, "current_password_mismatch", "Current password does not match")
    if user["password"] and passwords.matches(password, user["password"]):
        raise errors.AuthFailure(
            422, "same_password", "New password should be different from the old password."
        )
    if given.get("nonce"):
        _spend_nonce(tx, user, str(given["nonce"]))
    sessions.end_all(tx, user["id"], keep=session["id"])
    return {**user, "password": passwords.hashed(password)}


def _ask_for_change(tx: Tx, user: Row, given: Row) -> Row:
    new = users.normalised(given["email"])
    if new == user["email"]:
        return user
    if users.by_email(tx, new):
        raise errors.AuthFailure(
            422, "email_exists", "A user with this email address has already been registered"
        )
    mails.pause_between(user, "email_change_sent_at")
    asked = {**user, "email_change": new, "email_change_sent_at": users.timestamp(),
             "email_change_agreed": []}  # fmt: skip
    change_mails(tx, asked, redirect_to(given), Challenge.of(given))
    return asked


def reauthenticate() -> Response:
    with current().store.transaction() as tx:
        user, _ = sessions.identify(tx, gate.bearer(), gate.issuer())
        issued = one_time.issue(tx, user["id"], "reauthentication", user["email"])
        tx.put(NONCES, user["id"], {"hash": issued.token_hash, "email": user["email"]})
        mails.send(tx, user["email"], "reauthentication", issued, "")
    return jsonify({})


def _spend_nonce(tx: Tx, user: Row, nonce: str) -> None:
    kept = tx.get(NONCES, user["id"]) or {"hash": ""}
    if not hmac.compare_digest(str(kept["hash"]), one_time.digest(user["email"], nonce.strip())):
        raise errors.AuthFailure(422, "reauthentication_not_valid", "Nonce has expired or is invalid")
    tx.delete(NONCES, user["id"])
