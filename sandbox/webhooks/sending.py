"""One delivery: build the message, send it, and write down what came of it (facts 7.2).

What counts as success, the time-out, the retries and the switching-off are not
documented by Zoho: switches of U1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import requests

from sandbox.faults import storms, weather
from sandbox.store import Doc, Tx
from sandbox.webhooks import endpoints, payloads, schedule
from sandbox.webhooks.payloads import Message
from sandbox.world import World

GAPS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
EXCERPT = 300
Post = Callable[[Message, float], tuple[int, str]]
OK_FROM, OK_BELOW = 200, 300


def send(world: World, row: Doc, post: Post) -> int:
    """Send one scheduled row; 1 when something was attempted."""
    with world.store.read() as tx:
        event = tx.get("events", row["event_id"])
        endpoint = tx.get(endpoints.KIND, row["webhook_id"])
        sky = weather.read(tx)
    if event is None or endpoint is None:
        _forget(world, row)
        return 0
    if row["fate"] == "drop":
        pretended = weather.magnitude(sky, "webhooks", "drop_as") == "success"
        attempt: Doc = {"status": 200 if pretended else 0, "note": "lost on the way", "ms": 0}
    else:
        message = spoiled(payloads.message(world, endpoint, event), row["fate"])
        attempt = _timed(message, post, world.settings.u1_webhook_timeout_s)
    attempt["at"] = world.clock.stamp()
    with world.store.transaction() as tx:
        _settle(world, tx, row, attempt)
    return 1


def over_http(message: Message, timeout_s: float) -> tuple[int, str]:
    """Send it for real: the status (0 when there was no answer) and the answer's first words."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.request(
                message.method,
                message.url,
                data=message.body,
                headers=message.headers | {"User-Agent": "ZohoBilling"},
                timeout=timeout_s,
                allow_redirects=False,
            )
        except requests.Timeout:
            return 0, "no answer in time"
        except (requests.RequestException, ValueError) as trouble:  # ValueError: a name no resolver takes
            return 0, type(trouble).__name__
        return answer.status_code, answer.text[:EXCERPT]


def spoiled(message: Message, fate: str) -> Message:
    """What the way makes of a message after it was signed."""
    if fate == "corrupt":
        middle = len(message.body) // 2
        flipped = bytes([message.body[middle] ^ 0x20]) if message.body else b"?"
        return replace(message, body=message.body[:middle] + flipped + message.body[middle + 1 :])
    if fate == "truncate":
        return replace(message, body=message.body[: len(message.body) // 2])
    if fate == "forge":
        forged = {name: "0" * 64 for name in message.headers if name.startswith("X-Zoho-Webhook")}
        return replace(message, headers=message.headers | forged)
    return message


def _timed(message: Message, post: Post, timeout_s: float) -> Doc:
    started = perf_counter()
    status, note = post(message, timeout_s)
    return {"status": status, "note": note, "ms": round((perf_counter() - started) * 1000)}


def _settle(world: World, tx: Tx, row: Doc, attempt: Doc) -> None:
    fresh = tx.get(schedule.KIND, row["delivery_id"])
    event = tx.get("events", row["event_id"])
    endpoint = tx.get(endpoints.KIND, row["webhook_id"])
    if fresh is None or event is None or endpoint is None:
        return
    fresh["attempts"].append(attempt)
    good = succeeded(world, attempt["status"])
    gap = None if good else _gap(world, fresh)
    # What spoiled the first try does not spoil the repeat.
    fresh["fate"] = "" if fresh["fate"] in storms.SPOILERS else fresh["fate"]
    if gap is None:
        fresh["status"] = "success" if good else "failure"
    else:
        fresh["due"] = world.clock.now().timestamp() + gap
    schedule.put(tx, fresh)
    schedule.show_status(world, tx, event, endpoint, fresh["status"])
    _judge_endpoint(world, tx, endpoint, good=good)


def succeeded(world: World, status: int) -> bool:
    if world.settings.u1_webhook_success == "200":
        return status == OK_FROM
    return OK_FROM <= status < OK_BELOW


def _gap(world: World, row: Doc) -> int | None:
    """Seconds until the next try, or None when this was the last."""
    tries = len(row["attempts"])
    final = row["fate"] in ("drop", "forge") or world.settings.u1_webhook_retries == "none"
    return None if final or tries > len(GAPS_S) else GAPS_S[tries - 1]


def _judge_endpoint(world: World, tx: Tx, endpoint: Doc, *, good: bool) -> None:
    failures = 0 if good else endpoint["failures"] + 1
    limit = world.settings.u1_webhook_disable_after
    active = endpoint["active"] and not 0 < limit <= failures
    if (failures, active) != (endpoint["failures"], endpoint["active"]):
        doc = endpoint | {"failures": failures, "active": active}
        tx.put(endpoints.KIND, doc["webhook_id"], doc)


def _forget(world: World, row: Doc) -> None:
    """The event or the endpoint is gone: nobody is left to send to."""
    with world.store.transaction() as tx:
        fresh = tx.get(schedule.KIND, row["delivery_id"])
        if fresh is not None:
            schedule.put(tx, fresh | {"status": "failure"})
