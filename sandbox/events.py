"""The event log: what happened, kept for 180 days, and how `/events` shows it (facts 7.3, 7.7).

An event is written in the transaction of its fact, with the webhook deliveries it
causes. It is stored once and rendered by switches (U11), so that every
delivery and every later read of one event agree.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sandbox.store import Doc, Tx
from sandbox.webhooks import schedule
from sandbox.world import World

KIND = "events"
NOW_AND_THEN = 97  # prime, so that ids drawn by twos or fours hit it all the same


def record(world: World, tx: Tx, event_type: str, data: Doc, source: str) -> Doc:
    """Write the event and schedule its deliveries."""
    now = world.clock.now()
    doc = {
        "event_id": tx.next_id(),
        "event_type": event_type,
        "created_time": world.clock.stamp(now),
        "event_source": source,
        "data": data,
        "webhooks": [],
    }
    schedule.for_event(world, tx, doc, now)
    store(tx, doc, now)
    _forget_old(world, tx, doc, now)
    return doc


def store(tx: Tx, doc: Doc, moment: datetime) -> None:
    """Write an event with the columns that its list is filtered by."""
    columns = {
        "event_type": doc["event_type"],
        "created": int(moment.timestamp()),
        "day": doc["created_time"][:10],
    }
    tx.put(KIND, doc["event_id"], doc, **columns)


def envelope(world: World, doc: Doc) -> Doc:
    """The body of a generation A webhook, and `payload` of GET /events/{id}."""
    return {
        "created_time": doc["created_time"],
        "event_id": doc["event_id"],
        "event_type": doc["event_type"],
        **times(world, doc),
        "event_source": doc["event_source"],
        "data": doc["data"],
    }


def times(world: World, doc: Doc) -> Doc:
    """`event_time` as a date (recorded) or a timestamp (specified), with its words."""
    day = datetime.fromisoformat(doc["created_time"])
    stamped = world.settings.u11_event_time == "timestamp"
    return {
        "event_time": doc["created_time"] if stamped else doc["created_time"][:10],
        "event_time_formatted": day.strftime("%d %b %Y"),
    }


def row(world: World, doc: Doc) -> Doc:
    """An event in the list: no payload there."""
    kept = {key: doc[key] for key in ("event_id", "event_type")}
    return kept | times(world, doc) | {"event_source": doc["event_source"]}


def detail(world: World, doc: Doc) -> Doc:
    payload: Any = envelope(world, doc)
    if world.settings.u11_event_payload == "string":
        payload = json.dumps(payload, ensure_ascii=False)
    return row(world, doc) | {"payload": payload, "webhooks": doc["webhooks"]}


def oldest_kept(world: World, now: datetime) -> int:
    """The moment before which the log has forgotten, in seconds since 1970."""
    return int((now - timedelta(days=world.settings.u11_event_days)).timestamp())


def _forget_old(world: World, tx: Tx, newest: Doc, now: datetime) -> None:
    """Drop what is out of the log, a little with about every hundredth event."""
    if int(newest["event_id"]) % NOW_AND_THEN:
        return
    before = ("<", oldest_kept(world, now))
    for event_id in tx.ids(KIND, where={"created": before}, order="created", limit=1000):
        tx.delete(KIND, event_id)
        if schedule.has_any(tx):
            for delivery_id in tx.ids(schedule.KIND, where={"event_id": event_id}):
                tx.delete(schedule.KIND, delivery_id)
