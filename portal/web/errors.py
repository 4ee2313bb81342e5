"""Every refusal and failure as a page: what happened, what to do next, that nothing is lost.

The portal's own errors (portal/errors.py) carry a sentence that may reach a person; anything else gets
one of the sentences here, and its details go to the log under the request id only (LOG-01). A broken
page falls back to one that needs neither person nor database.
"""

from dataclasses import dataclass

import psycopg
import structlog
from flask import Flask, Response, g, make_response, render_template, request
from psycopg_pool import PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError

from portal.errors import Conflict, NotFound, PortalError, Refused, Unavailable
from portal.zoho.errors import ZohoError

log = structlog.get_logger()

_RETRY_SECONDS = "60"


@dataclass(frozen=True, slots=True)
class Words:
    """What an error page says."""

    title: str
    text: str
    next_step: str = ""
    act: str = ""
    href: str = ""


WORDS = {
    400: Words(
        "We could not read that request",
        "The form may have been open in another tab or window, or the address is incomplete.",
        "Nothing was changed. Go back, reload the page and try again.",
    ),
    401: Words(
        "Please sign in",
        "You are not signed in, or your session has ended.",
        "Nothing was changed.",
        "Sign in",
        "/sign-in",
    ),
    403: Words(
        "Your role does not allow this",
        "An owner of the account can do this, or give you the role that can.",
        "Nothing was changed.",
    ),
    404: Words(
        "Page not found",
        "There is nothing at this address, or it belongs to an account you are not a member of.",
        "If you typed the address, check it for mistakes.",
    ),
    405: Words(
        "This page does not work that way",
        "The address exists, but takes another kind of request.",
        "Nothing was changed. Start again from the overview.",
    ),
    409: Words(
        "This changed while the page was open",
        "Somebody else, or you in another tab, was faster.",
        "Nothing was changed. Go back, look at the new details and confirm again.",
    ),
    413: Words(
        "That is too large",
        "What was sent is larger than any of our forms needs.",
        "Nothing was changed.",
    ),
    422: Words(
        "That is not possible right now",
        "The details given cannot be used as they are.",
        "Nothing was changed.",
    ),
    429: Words(
        "Too many requests",
        "You, or somebody on your network, asked for a lot in a short time.",
        "Nothing was changed. Wait a minute, then try again.",
    ),
    500: Words(
        "Something went wrong on our side",
        "It has been recorded, and nothing you entered has moved any money.",
        "Try again in a few minutes. If you were paying, look at your invoices before paying again.",
    ),
    503: Words(
        "The billing system is not answering right now",
        "Your subscriptions go on as they are, and nothing was changed.",
        "Try again in a few minutes.",
    ),
}
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (Refused, 422),
    (Conflict, 409),
    (Unavailable, 503),
    (ZohoError, 503),
    (PoolTimeout, 503),
    (psycopg.OperationalError, 503),
    (psycopg.errors.ReadOnlySqlTransaction, 503),
)
_SERVER_SIDE = 500
_CONFLICT = 409
# A conflict without a form: the address leads to an act that is not open, and nothing had been shown yet.
_NOT_NOW = Words(
    "That is not possible right now",
    "Something else has to happen first.",
    "Nothing was changed. The overview says what there is and what you can do.",
)


def register(app: Flask) -> None:
    """Answer every error with its page."""
    app.register_error_handler(HTTPException, _refusal)
    app.register_error_handler(Exception, _failure)


def _refusal(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    # Our own refusals (portal/web/guard.py, csrf.py, limits.py) are written for the reader.
    text = str(error.description) if getattr(error, "is_for_people", False) else ""
    response = error_page(error.code or _SERVER_SIDE, text)
    for name, value in error.get_headers(request.environ):
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            response.headers[name] = value
    return response


def _failure(error: Exception) -> Response:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), _SERVER_SIDE)
    if status >= _SERVER_SIDE:
        log.error("request failed", endpoint=request.endpoint, status=status, exc_info=error)
    text = error.message if isinstance(error, PortalError) and status < _SERVER_SIDE else ""
    return error_page(status, text if not isinstance(error, NotFound) else "")


def error_page(status: int, text: str = "") -> Response:
    """Return the page for ``status``; ``text`` replaces its sentence."""
    words = _NOT_NOW if status == _CONFLICT and request.method == "GET" else None
    words = words or WORDS.get(status) or WORDS[_SERVER_SIDE if status >= _SERVER_SIDE else 400]
    context = {
        "title": words.title,
        "text": text or words.text,
        "next_step": words.next_step,
        "act": words.act,
        "href": words.href,
    }
    # Under a name that is not ours no address can be built, and who scans the internet must not fill the log.
    has_no_address = isinstance(request.routing_exception, SecurityError)
    response = make_response(_render(context, is_bare=has_no_address or status >= _SERVER_SIDE), status)
    if status in (429, 503):
        response.headers["Retry-After"] = _RETRY_SECONDS
    return response


def _render(context: dict[str, str], *, is_bare: bool) -> str:
    g.setdefault("nonce", "")
    if is_bare:
        return render_template("errors/bare.html", **context)
    try:
        return render_template("errors/error.html", **context)
    except Exception:
        log.exception("error page failed")
        return render_template("errors/bare.html", **context)
