"""One HTTP exchange with Zoho, and what may go wrong on the wire (RED-06).

Only the hosts of the settings are spoken to, TLS is verified, proxies and .netrc of the machine are not
looked at, no redirect is followed (a 302 to a metadata address is an answer like any other), no cookie
is kept, an answer is cut off at 10 MB, and the whole exchange ends at a deadline.

What matters to the caller is whether Zoho may have seen the request: :class:`Lost` says so in `sent`.
A write goes over a connection of its own, because on a kept one that Zoho has just closed nobody can
tell whether the request was read.
"""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from portal.errors import Misconfigured

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
LARGEST_ANSWER = 10 * 1024 * 1024
_CHUNK = 64 * 1024
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: never more than ``LARGEST_ANSWER`` bytes of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(Exception):
    """No whole answer came back."""

    def __init__(self, reason: str, *, sent: bool, slow: bool = False, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.slow = slow
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one exchange may take: to connect, between two packets, and in all."""

    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS
    whole: float = READ_SECONDS + CONNECT_SECONDS

    def within(self, seconds: float) -> "Limits":
        """Return these limits, none of them longer than ``seconds``."""
        return Limits(min(self.connect, seconds), min(self.read, seconds), min(self.whole, seconds))


@dataclass(frozen=True, slots=True)
class Sending:
    """A request as it goes out; ``body`` is JSON already written."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Transport:
    """Exchanges with the allowed hosts; safe to share between threads."""

    def __init__(self, allowed: list[str], told_time: Callable[[str], None] | None = None) -> None:
        """``told_time`` is called with the Date header of every answer."""
        self._origins = frozenset(_origin(url) for url in allowed if url)
        self._told_time = told_time
        self._session = hardened(requests.Session())

    def exchange(self, sending: Sending, limits: Limits | None = None) -> Answer:
        """Send and return the whole answer, whatever its status. Raises :class:`Lost`."""
        limits = limits or Limits()
        deadline = time.monotonic() + limits.whole
        with self._open(sending, limits) as response:
            answer = Answer(response.status_code, response.headers, _body(response, deadline))
        if self._told_time is not None and "Date" in answer.headers:
            self._told_time(answer.headers["Date"])
        return answer

    @contextmanager
    def stream(self, sending: Sending, limits: Limits | None = None) -> Iterator["Stream"]:
        """Send and hand out the answer piece by piece. Raises :class:`Lost`, also while reading."""
        limits = limits or Limits()
        deadline = time.monotonic() + limits.whole
        with self._open(sending, limits) as response:
            yield Stream(response.status_code, response.headers, _pieces(response, deadline))

    @contextmanager
    def _open(self, sending: Sending, limits: Limits) -> Iterator[requests.Response]:
        self._refuse_foreign(sending.url)
        if sending.method in _READS:
            with _sent(self._session, sending, limits) as response:
                yield response
            return
        with hardened(requests.Session()) as own, _sent(own, sending, limits) as response:
            yield response

    def _refuse_foreign(self, url: str) -> None:
        if _origin(url) not in self._origins:
            raise Misconfigured(f"{_origin(url)} is not one of the configured Zoho addresses")


@dataclass(frozen=True, slots=True)
class Stream:
    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


def hardened(session: requests.Session, adapter: HTTPAdapter | None = None) -> requests.Session:
    """Take from a session what could send a request, or a secret, elsewhere or twice."""
    session.trust_env = False
    # requests prepares (and for that reads) a redirect even where it is told not to follow it.
    session.get_redirect_target = _nowhere  # type: ignore[assignment, method-assign]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = adapter or HTTPAdapter(max_retries=0, pool_maxsize=8)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _nowhere(_response: requests.Response) -> None:
    """Answer requests' question where a redirect leads."""


class BoundedAdapter(HTTPAdapter):
    """For a library that reads its answers itself: it gets them whole, bounded in size and time."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(max_retries=0)
        self._limits = limits

    def send(self, request: requests.PreparedRequest, *_args: object, **_kwargs: object) -> requests.Response:
        deadline = time.monotonic() + self._limits.whole
        timeout = (self._limits.connect, self._limits.read)
        response = super().send(request, stream=True, timeout=timeout, verify=True)
        body = _body(response, deadline)
        response.close()
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(body), status=response.status_code, preload_content=False
        )
        return response


@contextmanager
def _sent(session: requests.Session, sending: Sending, limits: Limits) -> Iterator[requests.Response]:
    response = _send(session, sending, limits)
    try:
        yield response
    finally:
        response.close()


def _send(session: requests.Session, sending: Sending, limits: Limits) -> requests.Response:
    try:
        return session.request(
            sending.method,
            sending.url,
            headers=dict(sending.headers),
            params=dict(sending.query),
            data=sending.body,
            timeout=(limits.connect, limits.read),
            allow_redirects=False,
            stream=True,
        )
    except requests.RequestException as problem:
        raise lost_by(problem) from None


def lost_by(problem: requests.RequestException) -> Lost:
    """Say what became of a request that requests gave up on."""
    if isinstance(problem, requests.ConnectTimeout):
        return Lost("no connection in time", sent=False, slow=True)
    if isinstance(problem, requests.Timeout):
        return Lost("no answer in time", sent=True, slow=True)
    if isinstance(problem, requests.ConnectionError):
        return Lost(_name_of(problem), sent=not _never_connected(problem))
    return Lost(_name_of(problem), sent=True)


def _body(response: requests.Response, deadline: float) -> bytes:
    return b"".join(_pieces(response, deadline))


def _pieces(response: requests.Response, deadline: float) -> Iterator[bytes]:
    """Read as the bytes come in (read1), so that a trickle cannot outlast the deadline."""
    status, size = response.status_code, 0
    while True:
        if time.monotonic() > deadline:
            raise Lost("the answer came too slowly", sent=True, slow=True, status=status)
        try:
            piece = response.raw.read1(_CHUNK, decode_content=True)
        except urllib3.exceptions.TimeoutError:
            raise Lost("the answer stopped halfway", sent=True, slow=True, status=status) from None
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise Lost(f"the answer broke off ({_name_of(problem)})", sent=True, status=status) from None
        if not piece:
            return
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise Lost("the answer is too large", sent=True, status=status)
        yield piece


def _never_connected(problem: requests.ConnectionError) -> bool:
    """Tell a connection that never came about from one that broke after the request went out."""
    cause = problem.args[0] if problem.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError) or (
        isinstance(problem, requests.exceptions.SSLError) and "CERTIFICATE" in str(reason)
    )


def _name_of(problem: BaseException) -> str:
    """Name an error by its kind: its text may hold an address with a token in it."""
    return type(problem).__name__


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
