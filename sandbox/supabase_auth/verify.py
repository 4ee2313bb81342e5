"""Spending a one-time token: by link (GET, answers with a redirect) or by code or hash (POST).

A change of address needs the link in both mailboxes; the first one only says so. Opening a link
twice fails the second time, in words that the site can show.
"""

from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, redirect, request
from werkzeug.wrappers import Response as Redirect

from sandbox.supabase_auth import errors, gate, mails, one_time, sessions, users
from sandbox.supabase_auth.people import body, lifetime
from sandbox.tx import Tx
from sandbox.world import current

Row = dict[str, Any]
HALF_WAY = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
METHODS = {"signup": "email/signup", "recovery": "recovery", "magiclink": "magiclink",
           "invite": "invite", "email_change": "email_change"}  # fmt: skip


def post() -> Response:
    given = body()
    kind = str(given.get("type") or "")
    if kind not in one_time.SLOTS:
        raise errors.validation_failed("Verify requires a verification type")
    with current().store.transaction() as tx:
        token = _given_token(tx, kind, given)
        user = _accept(tx, token)
        if user is None:
            return jsonify({"code": "200", "msg": HALF_WAY})
        return jsonify(sessions.start(tx, user, "otp", gate.issuer(), lifetime=lifetime()))


def _given_token(tx: Tx, kind: str, given: Row) -> Row:
    if given.get("token_hash"):
        return one_time.find(tx, kind, str(given["token_hash"]))
    if not (given.get("email") and given.get("token")):
        raise errors.validation_failed("Only an email address and token, or a token hash, verify")
    email = users.normalised(given["email"])
    return one_time.find_code(tx, kind, email, str(given["token"]).strip())


def get() -> Redirect:
    target = mails.redirect_target(request.args.get("redirect_to"))
    kind, token_hash = request.args.get("type", ""), request.args.get("token", "")
    try:
        with current().store.transaction() as tx:
            token = one_time.find(tx, kind, token_hash)
            return redirect(_onward(tx, token, kind, target), 303)
    except errors.AuthFailure as refusal:
        return redirect(_refused(refusal, target, pkce=token_hash.startswith("pkce_")), 303)


def _onward(tx: Tx, token: Row, kind: str, target: str) -> str:
    """The site's address with what it needs: a code (PKCE), tokens (implicit), or a message."""
    user = _accept(tx, token)
    if token["challenge"]:
        if user is None:
            return _with_query(target, {"message": HALF_WAY}) + "#" + urlencode({"message": HALF_WAY})
        code = one_time.open_flow(tx, token, METHODS.get(kind, "otp"))
        return _with_query(target, {"code": code})
    if user is None:
        return f"{target}#{urlencode({'message': HALF_WAY})}"
    answer = sessions.start(tx, user, "otp", gate.issuer(), lifetime=lifetime())
    names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return f"{target}#{urlencode({**{n: answer[n] for n in names}, 'type': kind})}"


def _refused(refusal: errors.AuthFailure, target: str, *, pkce: bool) -> str:
    words = {
        "error": "access_denied",
        "error_code": refusal.code,
        "error_description": refusal.message,
    }
    place = _with_query(target, words) if pkce else target
    return f"{place}#{urlencode(words)}"


def _with_query(target: str, pairs: dict[str, str]) -> str:
    return f"{target}{'&' if '?' in target else '?'}{urlencode(pairs)}"


def _accept(tx: Tx, token: Row) -> Row | None:
    """The user as the token leaves them; None while the other address still has to agree."""
    one_time.spend(tx, token)
    user = users.by_id(tx, token["user_id"])
    users.refuse_banned(user)
    if token["slot"] not in (one_time.CHANGE_CURRENT, one_time.CHANGE_NEW):
        return users.save(tx, users.confirm(user))
    agreed = {*user.get("email_change_agreed", []), token["slot"]}
    if len(agreed) == 1 and _other_token_open(tx, user, token):
        users.save(tx, {**user, "email_change_agreed": sorted(agreed)})
        return None
    return _change_address(tx, user)


def _other_token_open(tx: Tx, user: Row, token: Row) -> bool:
    slots = {row["slot"] for row in tx.find(one_time.TOKENS, where={"user_id": user["id"]})}
    return bool(slots & {one_time.CHANGE_CURRENT, one_time.CHANGE_NEW} - {token["slot"]})


def _change_address(tx: Tx, user: Row) -> Row:
    new = str(user["email_change"])
    taken = users.by_email(tx, new)
    if taken and taken["id"] != user["id"]:
        raise errors.AuthFailure(
            422, "email_exists", "A user with this email address has already been registered"
        )
    kept = {k: v for k, v in user.items() if not k.startswith("email_change")}
    return users.save(tx, users.confirm({**kept, "email": new}))
