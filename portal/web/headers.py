"""What every response carries: security headers (CSP-01 to CSP-05), caching (FIL-02), request id.

A fresh nonce is made per request (`g.nonce`); it is also the stamp that lets an element of the page
send htmx requests (HX-03), and is told to the page's script for fragments by `X-Stamp`.
"""

import re
import secrets
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request

from portal.config import Settings
from portal.web import compression

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Where the browser tells what the policy stopped (portal/web/csp_reports.py); relative to the page.
    "Reporting-Endpoints": 'csp="/csp-reports"',
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "autoplay",
            "camera",
            "display-capture",
            "encrypted-media",
            "fullscreen",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "picture-in-picture",
            "publickey-credentials-get",
            "screen-wake-lock",
            "usb",
            "xr-spatial-tracking",
        )
    ),
}
# What a machine is answered before the framework (portal/webhooks/shortcut.py): text that nobody shows.
FOR_MACHINES = {
    **_ALWAYS,
    "Content-Security-Policy": "; ".join(
        f"{name} 'none'" for name in ("default-src", "base-uri", "form-action", "frame-ancestors")
    ),
    "Cache-Control": "no-store",
}
# Where a response may send the browser: all of them are checked, htmx checks HX-Redirect itself not at all.
_SENDING = ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url", "Refresh")


def register(app: Flask) -> None:
    """Give every request its id and nonce, and every response its headers."""
    settings: Settings = app.extensions["services"].settings
    hosted = " ".join(["'self'", *settings.zoho_hosted_origins])
    origins = {_origin(settings.base_url), *map(_origin, settings.zoho_hosted_origins)}

    @app.before_request
    def name_request() -> None:
        g.request_id = request_id(request.headers.get("X-Request-Id", ""))
        g.nonce = secrets.token_urlsafe(18)
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    compression.register(app)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", _policy(hosted))
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if "HX-Request" in request.headers and response.mimetype == "text/html":
            response.headers["X-Stamp"] = g.nonce
        return response

    @app.after_request
    def keep_from_strangers(response: Response) -> Response:
        strangers = [name for name in _SENDING if leaves(name, response.headers.get(name), origins)]
        if not strangers:
            return response
        log.error("redirect refused", header=strangers, endpoint=request.endpoint)
        return Response(
            "This address is not one we send people to.\n", 500, content_type="text/plain; charset=utf-8"
        )

    @app.teardown_request
    def forget_request(_: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id")


def request_id(given: str) -> str:
    """Return the name that a proxy gave the request, or a new one."""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _policy(hosted: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{g.nonce}' 'strict-dynamic'; style-src 'self'; "
        f"img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action {hosted}; "
        "base-uri 'none'; object-src 'none'; frame-ancestors 'none'; report-to csp"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def leaves(name: str, value: str | None, origins: set[str]) -> bool:
    """Say whether a header sends the browser to a host that is neither ours nor Zoho's (RED-02)."""
    if not value:
        return False
    address = value.partition("url=")[2] if name == "Refresh" else value
    if address.startswith(("//", "/\\", "\\", "{")):
        return True
    has_scheme = bool(urlsplit(address).scheme)
    return has_scheme and _origin(address) not in origins
