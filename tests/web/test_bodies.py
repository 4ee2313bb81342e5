"""Whoever sends slowly keeps few threads, and none from others' pages (WH-03)."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from portal.web import bodies
from portal.web.bodies import PLACES, PLACES_OF_A_SOURCE, Bodies


class Trickle:
    """A body that comes when the test says so."""

    def __init__(self) -> None:
        self.come = threading.Event()
        self.begun = threading.Event()

    def read(self, length: int) -> bytes:
        self.begun.set()
        assert self.come.wait(20)
        return b"x" * length


def reached(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def too_soon(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("411 Length Required", [])
    return []


def ask(app: Bodies, body: Any, *, source: str = "203.0.113.1", **more: str) -> tuple[str, bytes]:
    status: list[str] = []
    environ = {"REMOTE_ADDR": source, "CONTENT_LENGTH": "3", "wsgi.input": body, **more}
    answer = b"".join(app(environ, lambda line, _headers: status.append(line)))
    return status[0], answer


@pytest.fixture
def slow() -> Iterator[Trickle]:
    trickle = Trickle()
    yield trickle
    trickle.come.set()


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "WAIT_SECONDS", 0.02)


def hold(app: Bodies, threads: ThreadPoolExecutor, source: str) -> tuple[Trickle, Any]:
    trickle = Trickle()
    answer = threads.submit(ask, app, trickle, source=source)
    assert trickle.begun.wait(20)
    return trickle, answer


def test_one_source_has_two_places_and_its_third_is_refused_others_are_not() -> None:
    app = Bodies(reached)
    with ThreadPoolExecutor(PLACES) as threads:
        held = [hold(app, threads, "203.0.113.1") for _ in range(PLACES_OF_A_SOURCE)]
        status, text = ask(app, io.BytesIO(b"abc"))
        assert status.startswith("503")
        assert b"Nothing was changed" in text
        assert ask(app, io.BytesIO(b"abc"), source="198.51.100.1") == ("200 OK", b"abc")
        for trickle, _ in held:
            trickle.come.set()
        assert [answer.result(20)[0] for _, answer in held] == ["200 OK"] * PLACES_OF_A_SOURCE
    assert ask(app, io.BytesIO(b"abc")) == ("200 OK", b"abc"), "the places are free again"


def test_many_sources_leave_threads_for_pages() -> None:
    app = Bodies(reached)
    with ThreadPoolExecutor(PLACES) as threads:
        held = [hold(app, threads, f"203.0.113.{number}") for number in range(PLACES)]
        assert ask(app, io.BytesIO(b"abc"), source="198.51.100.1")[0].startswith("503")
        assert ask(app, io.BytesIO(), source="198.51.100.1", CONTENT_LENGTH="")[0] == "200 OK"
        for trickle, _ in held:
            trickle.come.set()
    assert PLACES < 8, "the Procfile's threads"


def test_a_body_that_breaks_off_frees_its_place() -> None:
    class Broken:
        def read(self, _length: int) -> bytes:
            raise OSError("gone")

    app = Bodies(reached)
    for _ in range(PLACES_OF_A_SOURCE + 1):
        with pytest.raises(OSError, match="gone"):
            ask(app, Broken())
    assert ask(app, io.BytesIO(b"abc"))[0] == "200 OK"


def test_what_has_no_length_or_too_much_is_not_waited_for(slow: Trickle) -> None:
    app = Bodies(too_soon)
    assert ask(app, slow, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")[0].startswith("411")
    assert ask(app, slow, CONTENT_LENGTH=str(bodies.LARGEST + 1))[0].startswith("411")
    assert not slow.begun.is_set()
