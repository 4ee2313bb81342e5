"""Webhook acknowledgements a second, beside a bare verify-and-insert on the same kind of server."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import sys
import threading
import time
from itertools import count
from pathlib import Path

import psycopg

from bench.timing import percentile
from tests.harness.processes import Process, Stack, free_port

SECRET = "SandboxWebhookSecret01"  # noqa: S105 - published in the README
CLIENTS = 4


def measure(stack: Stack, folder: Path, seconds: float) -> dict[str, float]:
    """Post signed events from several clients at once; everything counted was answered 200."""
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        conn.execute("create table if not exists public.bare (key text primary key, body bytea not null)")
    port = free_port()
    env = {**stack.env, "GRANIAN_PORT": str(port)}
    granian = str(Path(sys.executable).with_name("granian"))
    options = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "8", "--backpressure", "128"]
    bare = Process("bare", [granian, *options, "bench.bare:app"], env, folder / "bare.log")
    bare.start()
    try:
        bare.wait_for(f"http://127.0.0.1:{port}/")
        own_port = int(stack.portal_url.rpartition(":")[2])
        portal_rate, portal_times = _storm(own_port, "portal", seconds)
        bare_rate, _ = _storm(port, "bare", seconds)
    finally:
        bare.stop()
    return {
        "webhook_acks_per_s": round(portal_rate, 1),
        "webhook_acks_bare_per_s": round(bare_rate, 1),
        "webhook_acks_share_of_bare": round(portal_rate / bare_rate, 3),
        "webhook_ack_p50_ms": percentile(portal_times, 0.5),
        "webhook_ack_p99_ms": percentile(portal_times, 0.99),
    }


def _storm(port: int, name: str, seconds: float) -> tuple[float, list[float]]:
    numbers: count[int] = count(1)
    times: list[float] = []
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_client, args=(port, name, numbers, times, end)) for _ in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / seconds, sorted(times)


def _client(port: int, name: str, numbers: count[int], times: list[float], end: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while time.monotonic() < end:
        number = next(numbers)
        body = _event(f"{name}-{number}", str(5000 + number % 1000))
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Zoho-Webhook-Signature": signature}
        begun = time.perf_counter()
        connection.request("POST", "/webhooks/zoho", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        times.append((time.perf_counter() - begun) * 1000)


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
