"""Between the client and the sandbox: logs every call, applies limits, and makes the weather.

A fault strikes before the effect (the sandbox never sees the call), after it (the
effect stands, the answer is lost) or bends how the answer is read. It is a WSGI
layer, so that it also stands in front of the guard and of errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from random import Random
from re import compile as pattern
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.calls import CallLog
from sandbox.faults import answers, weather
from sandbox.faults.lag import Lag
from sandbox.faults.limits import Limits
from sandbox.faults.sky import Sky
from sandbox.oauth import tokens
from sandbox.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

API = "/billing/v1"
OLDER_ROOTS = ("/subscriptions/v1", "/api/v1")
TOKEN = "/oauth/v2/token"
CODE = pattern(rb'"code":\s*(\d+)')
PAGE = pattern(r"(?:^|&)page=(\d{1,9})")
READING = {"stale", "stale_list", "shift", "truncated_pdf"}
STALE = {"stale", "stale_list"}


@dataclass
class Passage:
    """One call on its way through."""

    environ: WSGIEnvironment
    lane: str
    method: str
    path: str
    query: str
    fault: str = ""
    dice: Random = Random(0)  # noqa: RUF009 - replaced before it is drawn from


class Layer:
    """The outermost WSGI application of the sandbox."""

    def __init__(self, inner: WSGIApplication, world: World, log: CallLog) -> None:
        self._inner = inner
        self._world = world
        self._log = log
        self._sky = Sky(world.store)
        self._limits = Limits(world)
        self._lag = Lag(world.store)
        self._shifts: dict[str, int] = {}
        self.sleep: Callable[[float], None] = time.sleep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _enter_data_center(environ)
        _enter_by_an_older_root(environ)
        path = environ.get("PATH_INFO", "")
        lane = "api" if path.startswith(API + "/") else "oauth" if path == TOKEN else ""
        if not lane:
            return self._inner(environ, start_response)
        query = environ.get("QUERY_STRING", "")
        passage = Passage(environ, lane, environ["REQUEST_METHOD"], path, query)
        started = time.perf_counter()
        answer = self._limited(passage) if lane == "api" else self._weathered(passage)
        self._record(passage, answer, time.perf_counter() - started)
        return answer(environ, start_response)

    def _limited(self, passage: Passage) -> Response:
        refusal = self._limits.enter(self._world.clock.epoch())
        if refusal is not None:
            return refusal
        try:
            return self._weathered(passage)
        finally:
            self._limits.leave()

    def _weathered(self, passage: Passage) -> Response:
        applicable = _applicable(passage)
        below = passage.path.removeprefix(API)
        passage.fault, passage.dice = self._sky.fault(passage.lane, passage.method, below, applicable)
        self._hold_snapshots(passage)
        if not passage.fault:
            return self._real(passage)
        sky = self._sky.look()
        retry_after = int(weather.between(passage.dice, weather.magnitude(sky, "api", "retry_after_s")))
        instead = answers.instead(passage.lane, passage.fault, retry_after)
        if instead is not None:
            self._revoke(passage)
            return instead
        return self._struck(passage)

    def _struck(self, passage: Passage) -> Response:
        """A fault that delays, loses or bends the real answer."""
        fault = passage.fault
        if fault == "slow":
            self.sleep(weather.between(passage.dice, self._magnitude(passage, "slow_s")))
        elif fault == "timeout":
            return self._lost(passage)
        elif fault == "timeout_after_effect":
            self._real(passage)
            return self._lost(passage)
        elif fault == "reset":
            return _broken_off()
        elif fault == "token_expired":
            self._expire_token(passage)
        elif fault in READING:
            return self._bent(passage)
        return self._real(passage)

    def _lost(self, passage: Passage) -> Response:
        self.sleep(weather.between(passage.dice, self._magnitude(passage, "hold_s")))
        return answers.timed_out(passage.fault)

    def _bent(self, passage: Passage) -> Response:
        if passage.fault in STALE:
            passage.environ["sandbox.past"] = self._lag.past()
        if passage.fault == "shift":
            listing = passage.path + _without_page(passage.query)
            step = self._shifts.get(listing, 0) + passage.dice.choice((-1, 1))
            passage.environ["sandbox.shift"] = self._shifts[listing] = step
        answer = self._real(passage)
        if passage.fault == "truncated_pdf" and answer.mimetype == "application/pdf":
            answer.set_data(answer.get_data()[: len(answer.get_data()) // 2])
        return answer

    def _real(self, passage: Passage) -> Response:
        listing = passage.path + _without_page(passage.query)
        if _page(passage.query) == 1:
            self._shifts.pop(listing, None)
        elif listing in self._shifts:
            passage.environ.setdefault("sandbox.shift", self._shifts[listing])
        return Response.from_app(self._inner, passage.environ, buffered=True)

    def _hold_snapshots(self, passage: Passage) -> None:
        sky = self._sky.look()
        if STALE & set(sky.get("api", {})):
            now = self._world.clock.now().timestamp()
            stale_s = weather.between(passage.dice, weather.magnitude(sky, "api", "stale_s"))
            self._lag.keep(now, stale_s)
        else:
            self._lag.stop()

    def _expire_token(self, passage: Passage) -> None:
        token = passage.environ.get("HTTP_AUTHORIZATION", "").rpartition(" ")[2]
        with self._world.store.transaction() as tx:
            tx.delete(tokens.ACCESS, token)

    def _revoke(self, passage: Passage) -> None:
        if (passage.lane, passage.fault) != ("oauth", "revoked"):
            return
        body = passage.environ["wsgi.input"].read(int(passage.environ.get("CONTENT_LENGTH") or 0))
        passage.environ["wsgi.input"] = BytesIO(body)
        token = Request(passage.environ).values.get("refresh_token", "")
        with self._world.store.transaction() as tx:
            tokens.drop_refresh_token(tx, token)

    def _magnitude(self, passage: Passage, name: str) -> Any:
        return weather.magnitude(self._sky.look(), passage.lane, name)

    def _record(self, passage: Passage, answer: Response, seconds: float) -> None:
        code = None if answer.is_streamed else CODE.search(answer.get_data()[:64])
        self._log.add(
            at=self._world.clock.epoch(),
            lane=passage.lane,
            method=passage.method,
            path=passage.path,
            query=passage.query if passage.lane == "api" else "",
            status=answer.status_code,
            code=int(code[1]) if code else None,
            ms=round(seconds * 1000, 1),
            fault=passage.fault,
            client=passage.environ.get("HTTP_USER_AGENT", "")[:80],
        )


def _applicable(passage: Passage) -> set[str]:
    """The faults that make sense for this call."""
    names = set(weather.FAULTS[passage.lane])
    if passage.lane == "oauth":
        return names
    if passage.method != "GET":
        names -= READING
    if passage.path.removeprefix(API).strip("/").count("/"):
        names -= {"stale_list", "shift"}
    if _page(passage.query) == 1:
        names.discard("shift")
    if "pdf" not in passage.query + passage.path + passage.environ.get("HTTP_ACCEPT", ""):
        names.discard("truncated_pdf")
    return names


def _enter_data_center(environ: WSGIEnvironment) -> None:
    """`/dc/eu/oauth/v2/token` is the accounts host of Europe."""
    path = environ.get("PATH_INFO", "")
    if path.startswith("/dc/"):
        _, _, location, rest = path.split("/", 3) if path.count("/") > 2 else ("", "", "", "")  # noqa: PLR2004 - /dc/eu/...
        environ["sandbox.location"] = location
        environ["PATH_INFO"] = "/" + rest


def _enter_by_an_older_root(environ: WSGIEnvironment) -> None:
    """Zoho Subscriptions, as it was called, had other roots, which clients still use (facts 0)."""
    path = environ.get("PATH_INFO", "")
    for root in OLDER_ROOTS:
        if path.startswith(root + "/"):
            environ["PATH_INFO"] = API + path.removeprefix(root)


def _broken_off() -> Response:
    """Headers, half a body, and a connection that ends there."""

    def half() -> Iterable[bytes]:
        yield b'{"code":'
        raise ConnectionResetError("the weather broke the connection off")

    answer = Response(half(), 200, content_type="application/json;charset=UTF-8")
    answer.headers["Content-Length"] = "4096"
    return answer


def _page(query: str) -> int:
    found = PAGE.search(query)
    return int(found[1]) if found else 1


def _without_page(query: str) -> str:
    return "&".join(sorted(part for part in query.split("&") if not part.startswith("page=")))
