"""Signing up, in and out, and the mails in between: /signup /token /otp /recover /resend /verify /logout."""

from typing import Any

from flask import Response, jsonify, request

from sandbox.fields import from_json
from sandbox.supabase_auth import errors, gate, mails, one_time, passwords, sessions, users
from sandbox.supabase_auth.one_time import Challenge
from sandbox.tx import Tx
from sandbox.world import current

Body = dict[str, Any]


def body() -> Body:
    """The request's JSON object; text that cannot be written as UTF-8 is refused with the rest."""
    try:
        given = from_json(request.get_data() or b"{}")
    except ValueError as wrong:
        raise errors.AuthFailure(400, "bad_json", "Could not parse request body as JSON") from wrong
    return given if isinstance(given, dict) else {}


def mapping(given: Body, name: str) -> Body:
    """An object within the body; anything else in its place is refused."""
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise errors.validation_failed(f"{name} must be an object")
    return value


def redirect_to(given: Body | None = None) -> str:
    asked = request.args.get("redirect_to") or (given or {}).get("redirect_to")
    return mails.redirect_target(asked or request.headers.get("redirect_to"))


def lifetime() -> int:
    return current().settings.auth_token_lifetime_s


def sign_up() -> Response:
    given = body()
    if not given.get("email"):
        raise errors.AuthFailure(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    email, password = users.normalised(given.get("email")), str(given.get("password") or "")
    if not password:
        raise errors.validation_failed("Signup requires a valid password")
    passwords.require_strong(password)
    challenge = Challenge.of(given)
    fresh = users.build(email, password, user_metadata=mapping(given, "data"))
    with current().store.transaction() as tx:
        known = users.by_email(tx, email)
        if known and known.get("email_confirmed_at"):
            return jsonify(_disguised(tx, fresh))
        kept = _confirmation(tx, known or fresh, redirect_to(given), challenge)
        return jsonify(users.rendered(tx, kept))


def _disguised(tx: Tx, fresh: Body) -> Body:
    """A taken address answers like a free one, with an invented user and no identity."""
    shown = users.rendered(tx, {**fresh, "confirmation_sent_at": users.timestamp()})
    return {**shown, "identities": []}


def _confirmation(tx: Tx, user: Body, target: str, challenge: Challenge) -> Body:
    mails.pause_between(user, "confirmation_sent_at")
    kept = users.save(tx, {**user, "confirmation_sent_at": users.timestamp()})
    issued = one_time.issue(tx, kept["id"], one_time.CONFIRMATION, kept["email"], challenge)
    mails.send(tx, kept["email"], "signup", issued, target)
    return kept


def token() -> Response:
    grants = {"password": _password, "refresh_token": _refresh, "pkce": _pkce}
    grant = grants.get(request.args.get("grant_type", ""))
    if grant is None:
        raise errors.AuthFailure(400, "invalid_credentials", "unsupported_grant_type")
    return jsonify(grant(body()))


def _password(given: Body) -> Body:
    email = str(given.get("email") or "").strip().lower()
    with current().store.read() as tx:
        user = users.by_email(tx, email)
    held = str(user["password"]) if user else ""
    right = passwords.matches(str(given.get("password") or ""), held)
    if user is None or not right:
        raise errors.invalid_credentials()
    if not user.get("email_confirmed_at"):
        raise errors.AuthFailure(400, "email_not_confirmed", "Email not confirmed")
    with current().store.transaction() as tx:
        return sessions.start(tx, users.by_id(tx, user["id"]), "password", gate.issuer(), lifetime=lifetime())


def _refresh(given: Body) -> Body:
    try:
        with current().store.transaction() as tx:
            return sessions.refresh(
                tx, str(given.get("refresh_token") or ""), gate.issuer(), lifetime=lifetime()
            )
    except sessions.ReuseDetected as theft:
        with current().store.transaction() as tx:
            sessions.end(tx, theft.session_id)
        raise


def _pkce(given: Body) -> Body:
    code, verifier = str(given.get("auth_code") or ""), str(given.get("code_verifier") or "")
    if not (code and verifier):
        raise errors.validation_failed(
            "invalid request: both auth code and code verifier should be non-empty"
        )
    with current().store.transaction() as tx:
        flow = one_time.close_flow(tx, code, verifier)
        user = users.by_id(tx, flow["user_id"])
        return sessions.start(tx, user, flow["method"], gate.issuer(), lifetime=lifetime())


def otp() -> Response:
    """A sign-in link for people who have an account, a confirmation for those who do not."""
    given = body()
    email, challenge = users.normalised(given.get("email")), Challenge.of(given)
    with current().store.transaction() as tx:
        user = users.by_email(tx, email)
        if user is None and not given.get("create_user", True):
            raise errors.AuthFailure(422, "otp_disabled", "Signups not allowed for otp")
        if user is None:
            user = users.build(email, user_metadata=mapping(given, "data"))
        if not user.get("email_confirmed_at"):
            _confirmation(tx, user, redirect_to(given), challenge)
        else:
            _recovery_mail(tx, user, "magiclink", redirect_to(given), challenge)
    return jsonify({})


def recover() -> Response:
    """Answers alike whether or not anybody has this address."""
    given = body()
    email, challenge = users.normalised(given.get("email")), Challenge.of(given)
    with current().store.transaction() as tx:
        user = users.by_email(tx, email)
        if user:
            _recovery_mail(tx, user, "recovery", redirect_to(given), challenge)
    return jsonify({})


def _recovery_mail(tx: Tx, user: Body, kind: str, target: str, challenge: Challenge) -> None:
    mails.pause_between(user, "recovery_sent_at")
    users.save(tx, {**user, "recovery_sent_at": users.timestamp()})
    issued = one_time.issue(tx, user["id"], one_time.RECOVERY, user["email"], challenge)
    mails.send(tx, user["email"], kind, issued, target)


def resend() -> Response:
    given = body()
    email, kind = users.normalised(given.get("email")), given.get("type")
    if kind not in ("signup", "email_change"):
        raise errors.validation_failed("Missing one of these types: signup, email_change, sms")
    with current().store.transaction() as tx:
        user = users.by_email(tx, email)
        if user and kind == "signup" and not user.get("email_confirmed_at"):
            _confirmation(tx, user, redirect_to(given), Challenge.of(given))
        if user and kind == "email_change" and user.get("email_change"):
            change_mails(tx, user, redirect_to(given), Challenge.of(given))
    return jsonify({})


def change_mails(tx: Tx, user: Body, target: str, challenge: Challenge) -> None:
    """One letter to each address; both have to agree."""
    for slot, to in (
        (one_time.CHANGE_CURRENT, user["email"]),
        (one_time.CHANGE_NEW, user["email_change"]),
    ):
        issued = one_time.issue(tx, user["id"], slot, to, challenge)
        mails.send(tx, to, "email_change", issued, target)


def log_out() -> Response:
    scope = request.args.get("scope", "global")
    if scope not in ("global", "local", "others"):
        raise errors.validation_failed(f'Unsupported logout scope "{scope}"')
    with current().store.transaction() as tx:
        user, session = sessions.identify(tx, gate.bearer(), gate.issuer())
        if scope == "local":
            sessions.end(tx, session["id"])
        else:
            sessions.end_all(tx, user["id"], keep=session["id"] if scope == "others" else "")
    return Response(status=204)
