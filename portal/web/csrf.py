"""Cross-site request forgery (CSRF-01 to CSRF-05): a token bound to the browser's cookie, and two more looks.

The token is an HMAC of the opaque cookie, so it needs no storage and no time limit: a form that was open
for three hours still works. It is masked afresh for each page, or compression would leak it byte
by byte (BREACH). Every unsafe method needs it, sign-in and reset forms too. On top, a request that the
browser itself calls cross-site, or that names a foreign origin, is refused whatever it carries.

A second HMAC remembers the account in sight: a form opened for one account must not act on another to which
the person switched meanwhile in another tab (docs/decisions/0125). Whose browser it is does not depend on
it, so a form that outlived its session still leads to sign-in.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from flask import Flask, current_app, g, request
from werkzeug.exceptions import BadRequest, Forbidden

from portal.errors import Conflict
from portal.web.current import (
    SAFE_METHODS,
    current_account,
    current_services,
    visitor_cookie,
)

log = structlog.get_logger()

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
# Machines that have no cookie to be abused: Zoho, which signs, and the browser's own CSP reports.
EXEMPT = frozenset({"webhooks.receive", "csp_reports"})
_BYTES = 32


class CsrfFailed(BadRequest):
    """The form's token is missing or belongs to another browser: nothing was changed."""

    is_for_people = True
    description = (
        "This form was opened before you signed in or out, or in another browser. "
        "Nothing was changed. Go back, reload the page and send it again."
    )


class OfAnotherAccount(Conflict):
    """You have switched to another account since this form was opened. Nothing was changed: open it again."""


class FromElsewhere(Forbidden):
    """Another site made the browser send this."""

    is_for_people = True
    description = "This request came from another site. Nothing was changed."


def register(app: Flask) -> None:
    """Let templates write ``{{ csrf_token() }}``."""
    app.jinja_env.globals["csrf_token"] = token


def token() -> str:
    """Return the token for the forms of this page, masked anew for each page.

    One for all of them: what compression could tell is the difference between answers, and a page of fifty
    forms would otherwise carry fifty tokens that nothing can compress.
    """
    made: str | None = g.get("csrf_token")
    if made is None:
        mask = secrets.token_bytes(_BYTES)
        parts = (_of_browser(_keys()[0]), _of_account(_keys()[0]))
        masked = mask + b"".join(_xor(mask, part) for part in parts)
        made = g.csrf_token = base64.urlsafe_b64encode(masked).decode()
    return made


def check(*, for_account: bool = False) -> None:
    """Refuse an unsafe request that did not come from a form of ours in this browser.

    ``for_account`` says that it acts on the account in sight, so the form must be that account's.
    """
    if request.method in SAFE_METHODS or request.endpoint in EXEMPT:
        return
    if _is_foreign():
        log.warning("cross-site request refused", endpoint=request.endpoint)
        raise FromElsewhere
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    of_browser, of_account = _unmasked(given)
    if not is_valid(of_browser, _of_browser):
        log.warning("csrf token refused", endpoint=request.endpoint)
        raise CsrfFailed
    if for_account and current_account() is not None and not is_valid(of_account, _of_account):
        raise OfAnotherAccount


def is_valid(given: bytes, proof: Callable[[str], bytes]) -> bool:
    """Say whether ``given`` is the proof under any key in use (CRY-03)."""
    # All are tried, without an early exit.
    matches = [hmac.compare_digest(given, proof(key)) for key in _keys()]
    return any(matches)


def _unmasked(given: str) -> tuple[bytes, bytes]:
    """Return the two proofs of a token, of its browser and of its account; empty ones of no token."""
    try:
        raw = base64.urlsafe_b64decode(given)
    except (binascii.Error, ValueError):
        return b"", b""
    if len(raw) != 3 * _BYTES:
        return b"", b""
    mask = raw[:_BYTES]
    return _xor(mask, raw[_BYTES : 2 * _BYTES]), _xor(mask, raw[2 * _BYTES :])


def _is_foreign() -> bool:
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    ours = {request.host, urlsplit(current_services().settings.base_url).netloc}
    return urlsplit(origin).netloc not in ours


def _keys() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config.get("SECRET_KEY_FALLBACKS", [])]


def _of_browser(key: str) -> bytes:
    return _digest(key, visitor_cookie())


def _of_account(key: str) -> bytes:
    account = current_account()
    return _digest(key, f"{visitor_cookie()}:{account.id if account else ''}")


def _digest(key: str, bound_to: str) -> bytes:
    return hmac.new(key.encode(), f"csrf:{bound_to}".encode(), hashlib.sha256).digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
