"""Webhook acknowledgements, beside a bare verify-and-insert on the same server under the same clients:
once as a naked WSGI function, once as a Flask view (bench/bare.py).

Three rounds of each in turn, so that whatever else the machine does meets both alike; once without a worker,
once while one works off what has come in (it takes the same two cores from both). Then the portal: fifty
deliveries a second, and a burst of five hundred (WH-06). Everything that is counted was answered 200.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg

from bench.timing import percentile
from tests.harness.processes import Process, Stack, free_port

SECRET = "SandboxWebhookSecret01"  # noqa: S105 - published in the README
CLIENTS = 4
ROUNDS = 3
PACE, BURST = 50, 500
WAITING = "select count(*) from billing.inbox where state in ('pending', 'applying')"
Figures = dict[str, float]
NUMBERS: count[int] = count(1)


def measure(stack: Stack, folder: Path, seconds: float) -> Figures:
    """Measure with the worker away, then at work."""
    own_port = int(stack.portal_url.rpartition(":")[2])
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        conn.execute("create table if not exists public.bare (key text primary key, body bytea not null)")
    bare, in_flask = _bare(stack, folder, "app"), _bare(stack, folder, "in_flask")
    try:
        stack.worker.stop()
        quiet = _side_by_side(own_port, bare.port, in_flask.port, seconds)
        stack.worker.start()
        busy = _side_by_side(own_port, bare.port, in_flask.port, seconds)
    finally:
        bare.process.stop()
        in_flask.process.stop()
    waiting = _count(stack, WAITING)
    paced = _paced(own_port, seconds)
    burst = _burst(own_port)
    return {
        "webhook_acks_per_s": quiet.rate,
        "webhook_acks_bare_per_s": quiet.bare_rate,
        "webhook_acks_share_of_bare": round(quiet.rate / quiet.bare_rate, 3),
        "webhook_acks_bare_flask_per_s": quiet.flask_rate,
        "webhook_acks_share_of_bare_flask": round(quiet.rate / quiet.flask_rate, 3),
        "webhook_ack_p50_ms": percentile(quiet.times, 0.5),
        "webhook_ack_p99_ms": percentile(quiet.times, 0.99),
        "webhook_acks_with_worker_per_s": busy.rate,
        "webhook_acks_bare_with_worker_per_s": busy.bare_rate,
        "webhook_acks_with_worker_share_of_bare": round(busy.rate / busy.bare_rate, 3),
        "webhook_acks_with_worker_share_of_bare_flask": round(busy.rate / busy.flask_rate, 3),
        "webhook_waiting_after_rows": waiting,  # the worker had work to the end
        "webhook_at_50_per_s_p50_ms": percentile(paced, 0.5),
        "webhook_at_50_per_s_p99_ms": percentile(paced, 0.99),
        "webhook_burst_of_500_p50_ms": percentile(burst, 0.5),
        "webhook_burst_of_500_p99_ms": percentile(burst, 0.99),
    }


class Compared:
    """What three receivers did in the same minutes."""

    def __init__(
        self, seconds: float, times: list[float], bare_times: list[float], flask_times: list[float]
    ) -> None:
        self.times = sorted(times)
        self.rate, self.bare_rate, self.flask_rate = (
            round(len(each) / seconds, 1) for each in (times, bare_times, flask_times)
        )


class Bare:
    """A receiver to compare with, on the same server with the same options (Procfile)."""

    def __init__(self, process: Process, port: int) -> None:
        self.process, self.port = process, port


def _bare(stack: Stack, folder: Path, name: str) -> Bare:
    port = free_port()
    granian = str(Path(sys.executable).with_name("granian"))
    options = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "8", "--backpressure", "128"]
    env = {**stack.env, "GRANIAN_PORT": str(port)}
    process = Process(name, [granian, *options, f"bench.bare:{name}"], env, folder / f"bare-{name}.log")
    process.start()
    process.wait_for(f"http://127.0.0.1:{port}/")
    return Bare(process, port)


def _side_by_side(port: int, bare_port: int, flask_port: int, seconds: float) -> Compared:
    ports = (port, bare_port, flask_port)
    for each in ports:
        _storm(each, 0.5)
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(ROUNDS):
        for place, each in enumerate(ports):
            times[place].extend(_storm(each, seconds / ROUNDS))
    return Compared(seconds, *times)


def _storm(port: int, seconds: float) -> list[float]:
    """Post as fast as the answers come, from a few clients."""
    end = time.monotonic() + seconds
    return _at_once(CLIENTS, lambda: _client(port, lambda: time.monotonic() < end))


def _paced(port: int, seconds: float) -> list[float]:
    """Post fifty a second, each at its moment."""
    each: list[list[float]] = [[] for _ in range(CLIENTS)]
    start = time.monotonic()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for place in range(number, int(PACE * seconds), CLIENTS):
            time.sleep(max(0.0, start + place / PACE - time.monotonic()))
            each[number].append(_post(connection))

    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(client, range(CLIENTS)))
    return sorted(one for found in each for one in found)


def _burst(port: int) -> list[float]:
    """Post five hundred at one moment, each over a connection of its own."""
    together = threading.Barrier(BURST)

    def client() -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        together.wait()
        return [_post(connection)]

    return sorted(_at_once(BURST, client))


def _at_once(clients: int, client: Callable[[], list[float]]) -> list[float]:
    with ThreadPoolExecutor(clients) as threads:
        return [one for done in [threads.submit(client) for _ in range(clients)] for one in done.result()]


def _client(port: int, goes_on: Callable[[], bool]) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    times = []
    while goes_on():
        times.append(_post(connection))
    connection.close()
    return times


def _post(connection: http.client.HTTPConnection) -> float:
    """Send one signed event and return how many milliseconds its answer took."""
    number = next(NUMBERS)
    body = _event(f"46000000{number:09}", f"46000001{number % 1000:09}")
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Zoho-Webhook-Signature": signature}
    begun = time.perf_counter()
    connection.request("POST", "/webhooks/zoho", body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (time.perf_counter() - begun) * 1000


def _event(event_id: str, subscription_id: str) -> bytes:
    envelope = {
        "event_id": event_id,
        "event_type": "subscription_renewed",
        "created_time": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()),
        "data": {
            "subscription": {"subscription_id": subscription_id, "customer_id": "7001", "note": "x" * 1500}
        },
    }
    return json.dumps(envelope).encode()


def _count(stack: Stack, statement: str) -> int:
    with psycopg.connect(stack.database_url) as conn:
        row = conn.execute(statement).fetchone()
    return int(row[0]) if row else 0
