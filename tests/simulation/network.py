"""The network inside the process: requests travel to WSGI applications, and what passes is written down.

It takes the place of the one method by which `requests` reaches the outside, so everything above it
(sessions, adapters, time-outs, redirects, both programs' own transport code) is what runs in production.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import responses
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from werkzeug.test import run_wsgi_app

from tests.simulation.virtual import VirtualTime, swapped

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FAULT_HEADER = "X-Sandbox-Fault"


@dataclass(frozen=True, slots=True)
class Passed:
    """One exchange as an outsider saw it."""

    at: datetime
    method: str
    path: str
    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Network:
    """Origins and the applications that answer there; `passed` is the history of all exchanges."""

    virtual: VirtualTime
    latency: Callable[[], float]
    places: dict[str, WSGIApplication] = field(default_factory=dict)
    passed: list[Passed] = field(default_factory=list)

    def send(
        self, adapter: HTTPAdapter, request: requests.PreparedRequest, *, timeout: Any = None
    ) -> requests.Response:
        """Carry the request over, as `HTTPAdapter.send` would."""
        parts = urlsplit(request.url or "")
        place = self.places.get(f"{parts.scheme}://{parts.netloc}")
        if place is None:
            raise _refused(request)
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        began, patience = self.virtual.moment, _patience(timeout)
        self.virtual.sleep(self.latency())
        status, headers, content, is_broken = self._ask(place, request, body)
        self.passed.append(Passed(began, str(request.method), parts.path, status, body, request.headers))
        took = (self.virtual.moment - began).total_seconds()
        if headers.get(FAULT_HEADER, "").startswith("timeout") or took > patience:
            raise requests.ReadTimeout("no answer in time", request=request)
        raw = urllib3.HTTPResponse(
            _Breaking(content) if is_broken else BytesIO(content),
            headers=headers,
            status=status,
            reason=responses.get(status, ""),
            preload_content=False,
        )
        return adapter.build_response(request, raw)

    def _ask(
        self, place: WSGIApplication, request: requests.PreparedRequest, body: bytes
    ) -> tuple[int, dict[str, str], bytes, bool]:
        environ = _environ(request, body)
        pieces, status, headers = run_wsgi_app(place, environ)
        content, is_broken = b"", False
        try:
            for piece in pieces:
                content += piece
        except ConnectionResetError:
            is_broken = True
        return int(status.split()[0]), dict(headers), content, is_broken


def _refused(request: requests.PreparedRequest) -> requests.ConnectionError:
    """Nobody listens there; the portal reads from it that nothing was sent."""
    nobody: Any = None
    refused = urllib3.exceptions.NewConnectionError(nobody, "connection refused")
    given_up = urllib3.exceptions.MaxRetryError(nobody, request.url or "", refused)
    return requests.ConnectionError(given_up, request=request)


def _environ(request: requests.PreparedRequest, body: bytes) -> dict[str, Any]:
    """What a WSGI server makes of the request (a thousand times a seed, so by hand)."""
    parts = urlsplit(request.url or "")
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return headers | {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path, "latin-1"),
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or {"http": 80, "https": 443}[parts.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


class _Breaking(BytesIO):
    """A body whose connection breaks where the content ends."""

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if not piece:
            raise ConnectionResetError("the connection broke off")
        return piece

    read1 = read


@contextmanager
def connecting(network: Network) -> Iterator[None]:
    """Let every request of this process travel over `network`."""

    def send(
        adapter: HTTPAdapter, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any
    ) -> requests.Response:
        return network.send(adapter, request, timeout=timeout)

    with swapped(HTTPAdapter, "send", send):
        yield


def _patience(timeout: Any) -> float:
    """How long the caller waits between two packets."""
    read = timeout[-1] if isinstance(timeout, tuple) else timeout
    return float("inf") if read is None else float(read)
