"""A delivery as Zoho sends it is answered before the framework (docs/decisions/0092).

Only the plain case is taken: POST to the one address, no query string, a length within the limit, one of our
hosts. Everything else goes on to the view, which refuses it. What Zoho sends has no session, no form and no
page, so the hooks of the application have nothing to decide about it; the headers are set here (CSP-04).
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Flask
from werkzeug.sansio.utils import host_is_trusted

from portal.services import Services
from portal.web import headers
from portal.web.current import household
from portal.webhooks.acknowledging import Answer, acknowledge

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger()

PATH = "/webhooks/zoho"
LARGEST = 256 * 1024
_SIGNATURE = "HTTP_X_ZOHO_WEBHOOK_SIGNATURE"
_LONGEST_LENGTH = len(str(LARGEST))


def register(app: Flask) -> None:
    """Put the shortcut in front of the framework, behind the proxies that are believed (guard.py)."""
    app.wsgi_app = Shortcut(app)  # type: ignore[method-assign]


class Shortcut:
    """WSGI: answers plain deliveries, hands everything else on."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._next = app.wsgi_app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] != PATH or not self._is_plain(environ):
            return self._next(environ, start_response)
        request_id = headers.request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            answer = self._answer(environ)
        text = f"{answer.text}\n".encode()
        told = {
            **headers.FOR_MACHINES,
            **answer.headers,
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(text)),
            "X-Request-Id": request_id,
        }
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(told.items()))
        return [text]

    def _is_plain(self, environ: "WSGIEnvironment") -> bool:
        length = environ.get("CONTENT_LENGTH", "")
        return (
            environ["REQUEST_METHOD"] == "POST"
            and not environ.get("QUERY_STRING")
            and "HTTP_TRANSFER_ENCODING" not in environ
            and length.isdecimal()
            and len(length) <= _LONGEST_LENGTH
            and int(length) <= LARGEST
            and host_is_trusted(environ.get("HTTP_HOST"), self._app.config["TRUSTED_HOSTS"])
        )

    def _answer(self, environ: "WSGIEnvironment") -> Answer:
        services: Services = self._app.extensions["services"]
        length = int(environ["CONTENT_LENGTH"])
        raw = environ["wsgi.input"].read(length)
        if len(raw) != length:
            return Answer(400, "shorter than it said")
        try:
            return acknowledge(services, raw, environ.get(_SIGNATURE), household(environ["REMOTE_ADDR"]))
        except Exception:
            log.exception("request failed", endpoint="webhooks.receive", status=500)
            return Answer(500, "something went wrong on our side")
