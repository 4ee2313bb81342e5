"""What an answer of Zoho's means: its JSON, or one error of the family (facts.md 2.2, 2.3).

A read that is not understood failed; a write that is not understood may have taken effect. Only a clear
"no" (a 4xx, or JSON with a code) tells that a write did nothing.
"""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from portal import card_numbers, clock
from portal.zoho.errors import (
    CONCURRENCY_LIMIT,
    DAILY_LIMIT,
    INTERNAL_ERROR,
    THROTTLED,
    TOKEN_REFUSED,
    BadAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Timeout,
    Unauthorized,
    Unreachable,
    ZohoError,
    says_gone,
)
from portal.zoho.payloads import Raw
from portal.zoho.transport import Answer, Lost

BLOCKED_FOR = timedelta(seconds=60)
BLOCKED_FOR_THE_DAY = timedelta(minutes=15)
BLOCKED_BY_CONCURRENCY = timedelta(seconds=10)
LONGEST_BLOCK = timedelta(hours=1)


def read(answer: Answer, *, writes: bool) -> Raw:
    """Return the JSON object of a success, or raise what the answer means."""
    found = _object_in(answer)
    code = _code_of(found)
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in THROTTLED:
        raise RateLimited(retry_at=clock.now() + _pause(answer, code))
    if status == HTTPStatus.UNAUTHORIZED or code in TOKEN_REFUSED:
        raise Unauthorized(
            f"Zoho refuses the access token (code {code}, HTTP {status})",
            "check the connection's scopes and the permissions of the user who connected it",
            another_token_may_help=True,
        )
    if status == HTTPStatus.FORBIDDEN:
        raise Unauthorized(
            f"Zoho refuses this organisation or operation (code {code}, HTTP 403)",
            "check ZOHO_ORGANIZATION_ID and that the user who connected belongs to it",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == INTERNAL_ERROR:
        # "Internal error" is no refusal, whatever its status: who knows how far it got.
        raise _failed(f"Zoho answered {status}, code {code}", status, writes=writes)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST or status < HTTPStatus.OK:
        raise _not_understood(f"HTTP {status}, not followed", status, writes=writes)
    return _said(found, code, status, writes=writes)


def lost(problem: Lost, *, writes: bool) -> ZohoError:
    """Name what a missing answer means: for a write that was sent, nobody knows."""
    if writes and problem.sent:
        return OutcomeUnknown(problem.reason, status=problem.status)
    kind = Timeout if problem.slow else Unreachable
    return kind(problem.reason, status=problem.status, sent=problem.sent)


def _said(found: Raw | None, code: int | None, status: int, *, writes: bool) -> Raw:
    refused = status >= HTTPStatus.BAD_REQUEST
    if found is None or code is None:
        if refused and writes:
            raise Rejected(0, "", status)
        raise _not_understood("not Zoho's JSON", status, writes=writes)
    if code == 0 and not refused:
        return found
    message = found.get("message")
    kind = NotFound if says_gone(status, code) else Rejected
    raise kind(code, message if isinstance(message, str) else "", status)


def _object_in(answer: Answer) -> Raw | None:
    try:
        found = json.loads(answer.body, parse_float=Decimal, parse_constant=_refuse)
        if b"\\u" in answer.body:
            found = _storable(found)
        found = card_numbers.mask_within(found)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _storable(value: Any) -> Any:
    """Take out what JSON may escape and no database stores: NUL, and halves of a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(inner) for key, inner in value.items()}
    return [_storable(inner) for inner in value] if isinstance(value, list) else value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _code_of(found: Raw | None) -> int | None:
    code = found.get("code") if found else None
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _failed(reason: str, status: int, *, writes: bool) -> ZohoError:
    return OutcomeUnknown(reason, status=status) if writes else Unreachable(reason, status=status)


def _not_understood(reason: str, status: int, *, writes: bool) -> ZohoError:
    return OutcomeUnknown(reason, status=status) if writes else BadAnswer(reason, status=status)


def _pause(answer: Answer, code: int | None) -> timedelta:
    """How long to hold back: what Retry-After says, or what the kind of limit suggests."""
    told = _retry_after(answer.headers.get("Retry-After", ""))
    if told is not None:
        return min(max(told, timedelta(seconds=1)), LONGEST_BLOCK)
    if code == DAILY_LIMIT:
        return BLOCKED_FOR_THE_DAY
    return BLOCKED_BY_CONCURRENCY if code == CONCURRENCY_LIMIT else BLOCKED_FOR


def _retry_after(value: str) -> timedelta | None:
    value = value.strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value), int(LONGEST_BLOCK.total_seconds())))
    try:
        moment: datetime = parsedate_to_datetime(value)
        return moment - clock.now()
    except (ValueError, TypeError):
        return None
