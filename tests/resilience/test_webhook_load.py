"""How fast a real web process acknowledges: alone, in a burst, among forgers (WH-06, WH-12, WH-13)."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from tests.web.test_webhooks import HEADER, PATH, event, signed

if TYPE_CHECKING:
    from tests.harness.processes import Stack

pytestmark = pytest.mark.slow

FORGERIES = 10_000
local = threading.local()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


def post(url: str, body: bytes, signature: str) -> tuple[int, float]:
    """Deliver over a kept connection; return status and seconds."""
    if not hasattr(local, "session"):
        local.session = requests.Session()
    headers = {HEADER: signature, "Content-Type": "application/json"}
    start = time.monotonic()
    answer = local.session.post(url, data=body, headers=headers, timeout=20)
    return answer.status_code, time.monotonic() - start


def fire(
    stack: Stack, numbers: Iterator[int], amount: int, *, rate: float = 0.0, forged: bool = False
) -> list[float]:
    """Send ``amount`` deliveries, ``rate`` a second (0: all at once); return how long each took, sorted."""
    url, began = f"{stack.portal_url}{PATH}", time.monotonic()

    def send(index: int) -> float:
        if rate:
            time.sleep(max(0.0, began + index / rate - time.monotonic()))
        body = event(str(next(numbers)))
        status, seconds = post(url, body, "f" * 64 if forged else signed(body))
        assert status == (401 if forged else 200)
        return seconds

    with ThreadPoolExecutor(16) as threads:
        return sorted(threads.map(send, range(amount)))


def p99(taken: list[float]) -> float:
    return taken[int(len(taken) * 0.99)]


def rows(stack: Stack, statement: str) -> Any:
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        return conn.execute(statement.encode()).fetchone()[0]  # type: ignore[index]


def test_wh_06_fifty_a_second_and_a_burst_of_five_hundred(stack: Stack, numbers: Iterator[int]) -> None:
    fire(stack, numbers, 20)
    steady = fire(stack, numbers, 500, rate=50)
    assert statistics.median(steady) <= 0.030, steady[::50]
    assert p99(steady) <= 0.300, steady[-10:]
    burst = fire(stack, numbers, 500)
    assert p99(burst) <= 1.0, burst[-10:]
    assert burst[-1] <= 5.0


def test_wh_12_a_hundred_thousand_waiting_rows_slow_nobody_down(stack: Stack, numbers: Iterator[int]) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        conn.execute(
            "insert into billing.inbox (dedupe_key, kind, event_type, object_kind, object_zoho_id, state,"
            " received_at, next_attempt_at) select 'waiting-' || n, 'webhook', 'test', 'subscription',"
            " 'w' || n, 'pending', now(), now() + interval '1 day' from generate_series(1, 100000) n"
        )
    try:
        assert p99(fire(stack, numbers, 500, rate=50)) <= 0.300
    finally:
        with psycopg.connect(stack.database_url, autocommit=True) as conn:
            conn.execute("delete from billing.inbox where dedupe_key like 'waiting-%'")


def test_wh_13_ten_thousand_forgeries_leave_nothing_and_hold_up_nobody(
    stack: Stack, numbers: Iterator[int]
) -> None:
    before = rows(stack, "select count(*) from billing.inbox")
    asked = rows(stack, "select count(*) from billing.zoho_calls")
    lines = stack.web.log.read_text(errors="replace").count("webhook signature refused")
    done = threading.Event()
    genuine: list[float] = []

    def deliver() -> None:
        while not done.is_set():
            genuine.extend(fire(stack, numbers, 5, rate=5))

    honest = threading.Thread(target=deliver)
    honest.start()
    try:
        began = time.monotonic()
        fire(stack, numbers, FORGERIES, rate=200, forged=True)
        minutes = (time.monotonic() - began) / 60
    finally:
        done.set()
        honest.join()
    genuine.sort()
    assert p99(genuine) <= 1.0
    assert rows(stack, "select count(*) from billing.inbox") == before + len(genuine)
    said = stack.web.log.read_text(errors="replace").count("webhook signature refused") - lines
    assert said <= minutes + 2
    # The genuine ones are all of one object, so they cost a read now and then; forgeries cost none.
    assert rows(stack, "select count(*) from billing.zoho_calls") - asked <= 10 * len(genuine)


def test_wh_03_slow_bodies_stop_no_page(stack: Stack) -> None:
    """Twenty connections announce a body and send one byte of it."""
    address = urlsplit(stack.portal_url)
    head = f"POST {PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 100\r\n\r\n{{"
    with ExitStack() as held:
        for _ in range(20):
            line = socket.create_connection((address.hostname, address.port), timeout=20)
            held.callback(line.close)
            line.sendall(head.encode())
        for _ in range(5):
            assert requests.get(f"{stack.portal_url}/sign-in", timeout=5).status_code == 200
