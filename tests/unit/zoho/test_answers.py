"""What an answer of Zoho's means, for a read and for a write (facts 2.2, 2.3; CONV-04)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from portal import clock
from portal.zoho import answers
from portal.zoho.errors import (
    BadAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Timeout,
    Unauthorized,
    Unreachable,
    ZohoError,
)
from portal.zoho.transport import Answer, Lost

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HTML = b"<html><body>502 Bad Gateway</body></html>"


def answer(status: int, body: object, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def meaning(given: Answer, *, writes: bool = False) -> type[BaseException] | None:
    try:
        answers.read(given, writes=writes)
    except ZohoError as problem:
        return type(problem)
    return None


@pytest.mark.parametrize(
    ("status", "body", "read", "write"),
    [
        (200, {"code": 0}, None, None),
        (201, {"code": 0}, None, None),
        (200, {"code": "0"}, None, None),
        (404, {"code": 1002}, NotFound, NotFound),
        (404, {"code": 1234}, NotFound, NotFound),
        (400, {"code": 3004}, NotFound, NotFound),
        (400, {"code": 2006}, NotFound, NotFound),
        (400, {"code": 101002}, NotFound, NotFound),
        (400, {"code": 102001}, NotFound, NotFound),
        (404, {"code": 5}, Rejected, Rejected),
        (404, HTML, BadAnswer, Rejected),
        (400, {"code": 100502, "message": "exists"}, Rejected, Rejected),
        (200, {"code": 100502}, Rejected, Rejected),
        (401, {"code": 57}, Unauthorized, Unauthorized),
        (401, HTML, Unauthorized, Unauthorized),
        (400, {"code": 14}, Unauthorized, Unauthorized),
        (403, {"code": 6041}, Unauthorized, Unauthorized),
        (429, {"code": 44}, RateLimited, RateLimited),
        (429, HTML, RateLimited, RateLimited),
        (400, {"code": 1070}, RateLimited, RateLimited),
        (500, {"code": 1000}, Unreachable, OutcomeUnknown),
        (200, {"code": 1000}, Unreachable, OutcomeUnknown),
        (502, HTML, Unreachable, OutcomeUnknown),
        (200, b"", BadAnswer, OutcomeUnknown),
        (200, HTML, BadAnswer, OutcomeUnknown),
        (200, b'{"code":0,"subscription":{"id"', BadAnswer, OutcomeUnknown),
        (200, b'{"code":0,"amount":NaN}', BadAnswer, OutcomeUnknown),
        (200, {"message": "no code"}, BadAnswer, OutcomeUnknown),
        (200, {"code": True}, BadAnswer, OutcomeUnknown),
        (200, [1], BadAnswer, OutcomeUnknown),
        (302, b"", BadAnswer, OutcomeUnknown),
    ],
)
def test_each_answer_has_one_meaning(
    status: int, body: object, read: type[ZohoError] | None, write: type[ZohoError] | None
) -> None:
    assert meaning(answer(status, body)) is read
    assert meaning(answer(status, body), writes=True) is write


def test_only_a_refused_token_makes_another_token_worth_trying() -> None:
    for status, code, helps in ((401, 57, True), (400, 14, True), (403, 6041, False)):
        with pytest.raises(Unauthorized) as refusal:
            answers.read(answer(status, {"code": code}), writes=False)
        assert refusal.value.another_token_may_help is helps
        assert refusal.value.what_to_do


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"code": 44}, {"Retry_After": "17"}, 17),
        ({"code": 44}, {"Retry_After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
        ({"code": 44}, {"Retry_After": "soon"}, 60),
        ({"code": 44}, {}, 60),
        ({"code": 45}, {}, 900),
        ({"code": 1070}, {}, 10),
        ({"code": 44}, {"Retry_After": "99999999999999999999"}, 3600),
    ],
)
def test_a_429_tells_how_long_to_wait_api_04(body: object, headers: dict[str, str], seconds: int) -> None:
    with clock.replaced_by(lambda: NOW), pytest.raises(RateLimited) as refusal:
        answers.read(answer(429, body, **headers), writes=False)
    assert refusal.value.retry_at == NOW + timedelta(seconds=seconds)


def test_a_lost_answer_is_unknown_only_for_a_write_that_went_out() -> None:
    sent, unsent = Lost("no answer", sent=True, slow=True), Lost("no connection", sent=False)
    assert type(answers.lost(sent, writes=True)) is OutcomeUnknown
    assert type(answers.lost(sent, writes=False)) is Timeout
    assert type(answers.lost(unsent, writes=True)) is Unreachable
    assert type(answers.lost(unsent, writes=False)) is Unreachable


def test_amounts_are_read_without_a_float_in_between() -> None:
    found = answers.read(answer(200, b'{"code":0,"amount":0.1}'), writes=False)
    assert str(found["amount"]) == "0.1"


def test_text_that_no_database_stores_is_taken_out() -> None:
    body = (
        rb'{"code":0,"name":"A\u0000d\ud800a","list":[{"\u0000k":"back\\u0000slash"}],"smile":"\ud83d\ude00"}'
    )
    found = answers.read(answer(200, body), writes=False)
    assert found["name"] == "Ad?a"
    assert found["list"] == [{"k": "back\\u0000slash"}]
    assert found["smile"] == "\U0001f600"
