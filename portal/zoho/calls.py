"""One call to Zoho's API from permission to result: budget, token, exchange, meaning, log.

Decides what is tried again. A token that Zoho refuses is renewed once and the call made once more, reads
and writes alike, because a refused call did nothing. Beyond that only reads are repeated: up to 3 times
after about 0.5, 1 and 2 seconds with full jitter, and for a waiting person within 3 seconds in all
(API-06). A write is sent once; when its answer is missing, the caller gets OutcomeUnknown.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, Self
from urllib.parse import quote

import psycopg
import psycopg_pool
import stamina
import structlog

from portal.zoho import answers
from portal.zoho.budget import Budget, Made, Permit
from portal.zoho.errors import (
    BadAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Timeout,
    Unauthorized,
    Unreachable,
)
from portal.zoho.lanes import INTERACTIVE, LANES, RECONCILE, WEBHOOK
from portal.zoho.payloads import Raw, dump
from portal.zoho.tokens import Access
from portal.zoho.transport import Answer, Limits, Lost, Sending, Stream, Transport

ORGANIZATION_HEADER = "X-com-zoho-subscriptions-organizationid"


INTERACTIVE_SECONDS = 3.0
# How long a lane waits for its turn in the budget before it gives up.
PATIENCE = {INTERACTIVE: 2.0, WEBHOOK: 20.0, RECONCILE: 60.0}
_RETRY_WAITS = (0.5, 1.0, 2.0)
_PDF_MARK = b"%PDF-"
_PDF_SECONDS = 60.0
_PDF_LEASE = timedelta(seconds=_PDF_SECONDS + 15)
_OUTCOMES: dict[type[BaseException], str] = {
    NotFound: "not_found",
    Rejected: "rejected",
    RateLimited: "throttled",
    Unauthorized: "unauthorized",
    Timeout: "timeout",
    Unreachable: "unreachable",
    OutcomeUnknown: "unknown",
    BadAnswer: "bad_answer",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked: ``path`` is a template, so that the log holds no ids and no names."""

    method: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    organization: bool = True

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def address(self) -> str:
        """The path with the ids in it. Codes may hold spaces and slashes (facts.md 10, gotcha 7)."""
        return self.path.format_map({name: quote(value, safe="") for name, value in self.ids.items()})


class TokenSource(Protocol):
    """Where a caller gets its token: the shared one, or one that staff have just been given."""

    def access(self, wait_seconds: float = ..., *, early: bool = ...) -> Access: ...

    def renewed(self, refused: Access, wait_seconds: float = ...) -> Access: ...


class Caller:
    """Makes calls in one lane; made once per process and shared between threads."""

    def __init__(
        self, root: str, transport: Transport, tokens: TokenSource, budget: Budget, lane: str = INTERACTIVE
    ) -> None:
        self._root = root
        self._transport = transport
        self._tokens = tokens
        self._budget = budget
        self.lane = lane

    def in_lane(self, lane: str) -> Self:
        if lane not in LANES:
            raise ValueError(f"no such lane: {lane}")
        return type(self)(self._root, self._transport, self._tokens, self._budget, lane)

    def ask(self, call: Call) -> Raw:
        """Make the call and return Zoho's JSON. Raises a :class:`ZohoError`."""
        if call.writes:
            return self._with_token(call, None)
        return self._read(call)

    def stream_pdf(self, call: Call) -> "PdfStream":
        """Return a PDF that has proved to be one by its first bytes; the rest is read as it is sent on."""
        access = self._tokens.access()
        try:
            return self._pdf(call, access)
        except Unauthorized as refused:
            if not refused.another_token_may_help:
                raise
            return self._pdf(call, self._tokens.renewed(access))

    def _read(self, call: Call) -> Raw:
        seconds = INTERACTIVE_SECONDS if self.lane == INTERACTIVE else None
        deadline = time.monotonic() + seconds if seconds else None
        backoff = Backoff()
        attempts = stamina.retry_context(on=backoff, attempts=len(_RETRY_WAITS) + 1, timeout=seconds)
        for attempt in attempts:
            with attempt:
                return self._with_token(call, deadline)
        raise AssertionError("stamina returns or raises")

    def _with_token(self, call: Call, deadline: float | None) -> Raw:
        access = self._tokens.access(_left(deadline), early=self.lane != INTERACTIVE)
        try:
            return self._once(call, access, deadline)
        except Unauthorized as refused:
            if not refused.another_token_may_help:
                raise
            # Expired, revoked and under-scoped look alike (facts.md 1.6): one other token tells.
            return self._once(call, self._tokens.renewed(access, _left(deadline)), deadline)

    def _once(self, call: Call, access: Access, deadline: float | None) -> Raw:
        permit = self._budget.enter(self.lane, writes=call.writes, patience=self._patience(deadline))
        with _Watch(self._budget, permit, call) as watch:
            limits = Limits() if deadline is None else Limits().within(max(_left(deadline), 0.2))
            answer = self._exchange(call, access, limits)
            watch.status = answer.status
            return answers.read(answer, writes=call.writes)

    def _exchange(self, call: Call, access: Access, limits: Limits) -> Answer:
        try:
            return self._transport.exchange(self._sending(call, access), limits)
        except Lost as problem:
            raise answers.lost(problem, writes=call.writes) from None

    def _patience(self, deadline: float | None) -> float:
        patience = PATIENCE[self.lane]
        return patience if deadline is None else min(patience, _left(deadline))

    def _sending(self, call: Call, access: Access) -> Sending:
        headers = {"Authorization": f"Zoho-oauthtoken {access.token}", "Accept": "*/*"}
        if call.organization and access.organization_id:
            headers[ORGANIZATION_HEADER] = access.organization_id
        body = None
        if call.body is not None:
            headers["Content-Type"] = "application/json;charset=UTF-8"
            body = dump(call.body).encode()
        return Sending(call.method, self._root + call.address, headers, call.query, body)

    def _pdf(self, call: Call, access: Access) -> "PdfStream":
        patience = PATIENCE[self.lane]
        permit = self._budget.enter(self.lane, writes=False, patience=patience, lasts=_PDF_LEASE)
        with ExitStack() as stack:
            watch = stack.enter_context(_Watch(self._budget, permit, call))
            try:
                stream = stack.enter_context(
                    self._transport.stream(self._sending(call, access), Limits(whole=_PDF_SECONDS))
                )
                watch.status = stream.status
                return PdfStream(_proved(stream), stream.pieces, stack.pop_all())
            except Lost as problem:
                raise answers.lost(problem, writes=False) from None


class PdfStream:
    """The pieces of a PDF; close it, or read it to its end, to free the connection."""

    def __init__(self, start: bytes, rest: Iterator[bytes], opened: ExitStack) -> None:
        self._start = start
        self._rest = rest
        self._opened = opened

    def __iter__(self) -> Iterator[bytes]:
        with self._opened:
            yield self._start
            try:
                yield from self._rest
            except Lost as problem:
                raise answers.lost(problem, writes=False) from None

    def close(self) -> None:
        self._opened.close()


class Backoff:
    """Stamina's question "again?": a wait for what may pass by itself, no for everything else."""

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._failures = 0

    def __call__(self, problem: Exception) -> bool | float:
        if not isinstance(problem, Unreachable | BadAnswer) or self._failures >= len(_RETRY_WAITS):
            return False
        self._failures += 1
        # Full jitter; a float of 0 would mean "stamina's own wait".
        return max(self._draw(0, _RETRY_WAITS[self._failures - 1]), 0.001)


class _Watch:
    """Times a call and tells the budget how it ended, whatever happens in between."""

    def __init__(self, budget: Budget, permit: Permit, call: Call) -> None:
        self._budget = budget
        self._permit = permit
        self._call = call
        self._started = time.monotonic()
        self.status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        made = Made(
            method=self._call.method,
            endpoint=self._call.path,
            ms=round((time.monotonic() - self._started) * 1000),
            outcome=_OUTCOMES.get(type(problem), "crashed") if problem else "ok",
            status=self.status or getattr(problem, "status", None),
            zoho_code=getattr(problem, "code", 0 if problem is None else None),
            request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
            retry_at=getattr(problem, "retry_at", None),
        )
        try:
            self._budget.leave(self._permit, made)
        except (psycopg.Error, psycopg_pool.PoolTimeout) as trouble:
            # The call has happened: its result must not be lost over its log line. The lease expires.
            log.warning("zoho_call_not_logged", endpoint=made.endpoint, problem=type(trouble).__name__)


def _proved(stream: Stream) -> bytes:
    """Return the first bytes of a PDF, or raise what was sent instead."""
    start = b""
    for piece in stream.pieces:
        start += piece
        if len(start) >= len(_PDF_MARK):
            break
    if start.startswith(_PDF_MARK) and stream.status == 200:  # noqa: PLR2004 - HTTP's own number
        return start
    whole = start + b"".join(stream.pieces)
    answers.read(Answer(stream.status, stream.headers, whole), writes=False)
    raise BadAnswer("a PDF was asked for and something else came", status=stream.status)


def _left(deadline: float | None) -> float:
    return max(deadline - time.monotonic(), 0.0) if deadline is not None else 14.0
