"""Bodies are read before anything else, each at its turn, so that slow ones hold few threads (WH-03).

The server hands a request over when its headers are there, and reading a body blocks a thread until its last
byte has come. A process has eight threads: without this, eight connections that announce a body and never
send it stop the whole portal for as long as they please (docs/decisions/0126).
"""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Condition
from typing import TYPE_CHECKING

import prometheus_client
import structlog
from flask import Flask

from portal.web import headers
from portal.web.current import household
from portal.web.hushed import Hushed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

# More than any address of ours takes; what is larger is refused there, unread (INP-06).
LARGEST = 256 * 1024
PLACES, PLACES_OF_A_SOURCE = 5, 2
# A body comes with its headers or in the same flight: whoever is before us has read theirs by then.
WAIT_SECONDS = 0.25
REFUSED = prometheus_client.Counter(
    "portal_slow_bodies_total", "Requests refused because slow ones had every place"
)
hushed = Hushed()


def register(app: Flask) -> None:
    """Read every body in front of the framework, behind the proxies that are believed (guard.py)."""
    app.wsgi_app = Bodies(app.wsgi_app)  # type: ignore[method-assign]


class Bodies:
    """WSGI: hands a request on with its whole body, or refuses it while others take too long."""

    def __init__(self, following: "WSGIApplication") -> None:
        self._next = following
        self._reading: Counter[str] = Counter()
        self._turn = Condition()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        length = _length(environ)
        if 0 < length <= LARGEST:
            source = household(environ.get("REMOTE_ADDR", ""))
            with self._place(source) as is_free:
                if not is_free:
                    return _refuse(environ, start_response, source)
                environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        elif not length:
            # Without a length there is no body, or its end would be the sender's to choose.
            environ["wsgi.input"] = io.BytesIO()
        return self._next(environ, start_response)

    @contextmanager
    def _place(self, source: str) -> Iterator[bool]:
        with self._turn:
            is_free = self._turn.wait_for(lambda: self._has_place(source), WAIT_SECONDS)
            self._reading[source] += is_free
        try:
            yield is_free
        finally:
            with self._turn:
                self._reading[source] -= is_free
                self._reading += Counter()  # forgets whoever reads no more
                self._turn.notify_all()

    def _has_place(self, source: str) -> bool:
        return self._reading[source] < PLACES_OF_A_SOURCE and self._reading.total() < PLACES


def _length(environ: "WSGIEnvironment") -> int:
    given = environ.get("CONTENT_LENGTH") or "0"
    return int(given) if given.isascii() and given.isdecimal() else 0


def _refuse(environ: "WSGIEnvironment", start_response: "StartResponse", source: str) -> Iterable[bytes]:
    REFUSED.inc()
    silent = hushed.silent_since(source)
    if silent is not None:
        log.warning("slow bodies have every place", source=source, silent_since=silent)
    text = b"Others are still sending. Nothing was changed; try again in a minute.\n"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    told = {
        **headers.FOR_MACHINES,
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(text)),
        "Retry-After": "60",
        "X-Request-Id": headers.request_id(environ.get("HTTP_X_REQUEST_ID", "")),
    }
    start_response(f"{status.value} {status.phrase}", list(told.items()))
    return [text]
