"""How the stand-in says no: GoTrue's two error shapes, chosen by the caller's API version.

Clients that send `X-Supabase-Api-Version: 2024-01-01` read `{"code": "<name>", "message"}`; older
ones read `{"code": <status>, "error_code": "<name>", "msg"}`. The `supabase` package sends the
header, plain curl does not, so both are answered.
"""

from typing import Any

from flask import Response, jsonify, request

VERSION_HEADER = "X-Supabase-Api-Version"
DATED_VERSION = "2024-01-01"


class AuthFailure(Exception):
    """A refusal with GoTrue's status, error name and sentence."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


def respond(failure: AuthFailure) -> Response:
    dated = request.headers.get(VERSION_HEADER, "") >= DATED_VERSION
    response = jsonify(dated_body(failure) if dated else legacy_body(failure))
    response.status_code = failure.status
    response.headers["X-Sb-Error-Code"] = failure.code
    if dated:
        response.headers[VERSION_HEADER] = DATED_VERSION
    return response


def dated_body(failure: AuthFailure) -> dict[str, Any]:
    return {"code": failure.code, "message": failure.message, **failure.extra}


def legacy_body(failure: AuthFailure) -> dict[str, Any]:
    return {
        "code": failure.status,
        "error_code": failure.code,
        "msg": failure.message,
        **failure.extra,
    }


def invalid_credentials() -> AuthFailure:
    return AuthFailure(400, "invalid_credentials", "Invalid login credentials")


def link_expired() -> AuthFailure:
    return AuthFailure(403, "otp_expired", "Email link is invalid or has expired")


def otp_expired() -> AuthFailure:
    return AuthFailure(403, "otp_expired", "Token has expired or is invalid")


def validation_failed(message: str) -> AuthFailure:
    return AuthFailure(400, "validation_failed", message)


def user_not_found() -> AuthFailure:
    return AuthFailure(404, "user_not_found", "User not found")
