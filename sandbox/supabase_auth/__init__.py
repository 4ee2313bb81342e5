"""A stand-in for Supabase Auth: the part of GoTrue's API that the `supabase` package calls.

Real ES256 tokens, a real JWKS, mails in the mailbox. Time here is real time, never the sandbox's
clock: tokens are judged by clients that live outside it.
"""

from flask import Blueprint, Flask, Response, jsonify, request

from sandbox.supabase_auth import (
    account,
    admin,
    errors,
    factors,
    gate,
    keys,
    people,
    verify,
)
from sandbox.supabase_auth.demo import demo_totp_code, seed
from sandbox.world import current

__all__ = ["demo_totp_code", "register", "seed"]

PREFIX = "/auth/v1"
blueprint = Blueprint("supabase_auth", __name__, url_prefix=PREFIX)


def register(app: Flask) -> None:
    app.extensions["sandbox_auth_limits"] = gate.Limits()
    app.register_blueprint(blueprint)
    app.add_url_rule("/_control/auth/keys", "auth_keys", rotate_keys, methods=["POST"])


def rotate_keys() -> Response:
    """A new signing key; with `revoke_previous` the older ones leave the JWKS and their tokens die."""
    given = request.get_json(force=True, silent=True)
    revoke = isinstance(given, dict) and bool(given.get("revoke_previous"))
    with current().store.transaction() as tx:
        keys.rotate(tx, revoke_previous=revoke)
        return jsonify(keys.jwks(tx))


@blueprint.before_request
def admit() -> Response | None:
    if current().settings.auth_outage != "none":
        return gate.out_of_order()
    try:
        path = request.path.removeprefix(PREFIX)
        gate.require_api_key(path)
        gate.require_within_limits(path)
        admin.guarded(path)
    except errors.AuthFailure as refusal:
        return errors.respond(refusal)
    return None


@blueprint.errorhandler(errors.AuthFailure)
def refused(refusal: errors.AuthFailure) -> Response:
    return errors.respond(refusal)


@blueprint.get("/.well-known/jwks.json")
def jwks() -> Response:
    with current().store.transaction() as tx:
        answer = jsonify(keys.jwks(tx))
    answer.headers["Cache-Control"] = "public, max-age=600"
    return answer


@blueprint.get("/settings")
def settings() -> Response:
    return jsonify({
        "external": {"email": True, "phone": False, "anonymous_users": False},
        "disable_signup": False,
        "mailer_autoconfirm": False,
        "phone_autoconfirm": False,
        "sms_provider": "",
        "saml_enabled": False,
        "mfa_enabled": True,
    })  # fmt: skip


@blueprint.get("/health")
def health() -> Response:
    return jsonify({"version": "sandbox", "name": "GoTrue", "description": "GoTrue stand-in"})


ROUTES = (
    ("POST", "/signup", people.sign_up),
    ("POST", "/token", people.token),
    ("POST", "/otp", people.otp),
    ("POST", "/magiclink", people.otp),
    ("POST", "/recover", people.recover),
    ("POST", "/resend", people.resend),
    ("POST", "/logout", people.log_out),
    ("POST", "/verify", verify.post),
    ("GET", "/verify", verify.get),
    ("GET", "/user", account.get),
    ("PUT", "/user", account.put),
    ("GET", "/reauthenticate", account.reauthenticate),
    ("POST", "/factors", factors.enroll),
    ("POST", "/factors/<factor_id>/challenge", factors.challenge),
    ("POST", "/factors/<factor_id>/verify", factors.verify),
    ("DELETE", "/factors/<factor_id>", factors.unenroll),
    ("POST", "/invite", admin.invite),
    ("GET", "/admin/users", admin.list_users),
    ("POST", "/admin/users", admin.create_user),
    ("GET", "/admin/users/<user_id>", admin.get_user),
    ("PUT", "/admin/users/<user_id>", admin.update_user),
    ("DELETE", "/admin/users/<user_id>", admin.delete_user),
    ("GET", "/admin/users/<user_id>/factors", admin.list_factors),
    ("DELETE", "/admin/users/<user_id>/factors/<factor_id>", admin.delete_factor),
    ("POST", "/admin/generate_link", admin.generate_link),
)
for method, path, view in ROUTES:
    blueprint.add_url_rule(path, f"{method.lower()} {path.replace('.', '_')}", view, methods=[method])
