"""Deliveries waiting to be sent: written with their event, kept after it was sent.

The weather decides here, once, whether a delivery is dropped, doubled, delayed or
corrupted; the row remembers it, so a restart changes nothing. Due times are
virtual: moving the clock brings delayed and retried deliveries forward.
"""

from __future__ import annotations

from datetime import datetime

from sandbox.faults import storms
from sandbox.store import Doc, Tx
from sandbox.webhooks import endpoints
from sandbox.world import World

KIND = "deliveries"


def for_event(world: World, tx: Tx, event: Doc, now: datetime) -> None:
    """Schedule the event for every endpoint that listens, and say so in `webhooks[]` of the event."""
    for endpoint in endpoints.listening(tx, event["event_type"]):
        fates = storms.webhook_fates(tx)
        for copy, fate in enumerate(fates):
            brought = _old_event(tx, event, fate.age) if fate.kind == "replay" else event
            add(tx, brought, endpoint, now.timestamp() + fate.delay_s, fate=fate.kind, copy=copy)
        told(world, event, endpoint, "scheduled" if fates else "failure")


def _old_event(tx: Tx, newest: Doc, age: float) -> Doc:
    offset = int(age * tx.count("events"))
    found = tx.find("events", limit=1, offset=offset)
    return found[0] if found else newest


def add(tx: Tx, event: Doc, endpoint: Doc, due: float, *, fate: str = "", copy: int = 0) -> Doc:
    doc = {
        "delivery_id": tx.next_id(),
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        "webhook_id": endpoint["webhook_id"],
        "url": endpoint["url"],
        "status": "scheduled",
        "due": due,
        "fate": fate,
        "copy": copy,
        "attempts": [],
    }
    put(tx, doc)
    return doc


def has_any(tx: Tx, kind: str = KIND) -> bool:
    """Whether a kind was ever written: only then it has the columns that one asks for."""
    return bool(tx.ids(kind, limit=1))


def put(tx: Tx, doc: Doc) -> None:
    """Write the row; `waits_for` finds what an endpoint still has to get."""
    waiting = doc["webhook_id"] if doc["status"] == "scheduled" else None
    columns = {"event_id": doc["event_id"], "status": doc["status"], "due": doc["due"]}
    tx.put(KIND, doc["delivery_id"], doc, waits_for=waiting, **columns)


def show_status(world: World, tx: Tx, event: Doc, endpoint: Doc, status: str) -> None:
    """Note in the stored event how an endpoint was told."""
    told(world, event, endpoint, status)
    tx.put("events", event["event_id"], event)


def told(world: World, event: Doc, endpoint: Doc, status: str) -> None:
    """Keep `webhooks[]` of the event: one row an endpoint, as Zoho shows it."""
    row = {
        "webhook_id": endpoint["webhook_id"],
        "url": endpoint["url"],
        "status": status,
        "last_updated_time": world.clock.stamp(),
    }
    others = [old for old in event["webhooks"] if old["webhook_id"] != row["webhook_id"]]
    event["webhooks"] = [*others, row]
