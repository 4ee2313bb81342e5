"""Where events go: the webhooks of the organisation and their settings (facts 7.1).

An endpoint speaks generation A (the event envelope) or B (a workflow action: the
record alone). B may use another method and payload type; A is always POST, JSON.
"""

from __future__ import annotations

from typing import Any

from sandbox.store import Doc, Tx
from sandbox.webhooks.signing import is_acceptable
from sandbox.world import World

KIND = "webhooks"
DEMO_SECRET = "SandboxWebhookSecret01"
DEMO_PATH = "/webhooks/zoho"
CHOICES = {
    "payload": ("event", "workflow"),
    "payload_type": ("default", "raw", "form"),
    "method": ("POST", "PUT", "DELETE"),
}
DEFAULTS: Doc = {
    "name": "",
    "secret": "",
    "payload": "event",
    "payload_type": "default",
    "method": "POST",
    "events": [],
    "headers": {},
    "query": {},
    "form": {},
    "raw": "",
    "active": True,
    "failures": 0,
}
SHAPES: dict[str, type] = {
    "name": str,
    "secret": str,
    "events": list,
    "headers": dict,
    "query": dict,
    "form": dict,
    "raw": str,
    "active": bool,
}


class Invalid(ValueError):
    """An endpoint that Zoho's form would not save; the text says which field."""


def seed_demo(world: World, tx: Tx) -> None:
    """Point the demo company's events at the portal."""
    url = world.settings.portal_url.rstrip("/") + DEMO_PATH
    save(world, tx, {"url": url, "secret": DEMO_SECRET, "name": "Billing portal"})


def save(world: World, tx: Tx, wanted: Doc) -> Doc:
    """Create the endpoint, or change the one with the same id or address."""
    known = _known(tx, wanted)
    doc = DEFAULTS | (known or {}) | {key: wanted[key] for key in wanted if key in {*DEFAULTS, "url"}}
    check(doc)
    doc["webhook_id"] = known["webhook_id"] if known else tx.next_id()
    doc["name"] = doc["name"] or "Webhook " + doc["webhook_id"][-4:]
    doc["created_time"] = known["created_time"] if known else world.clock.stamp()
    tx.put(KIND, doc["webhook_id"], doc, url=doc["url"])
    tx.cache.pop(KIND, None)
    return doc


def replace_all(world: World, tx: Tx, wanted: list[Doc]) -> list[Doc]:
    """Send events to exactly these endpoints."""
    kept = [save(world, tx, endpoint) for endpoint in wanted]
    ids = {doc["webhook_id"] for doc in kept}
    for doc in tx.find(KIND):
        if doc["webhook_id"] not in ids:
            tx.delete(KIND, doc["webhook_id"])
    return kept


def check(doc: Doc) -> None:
    url = doc.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Invalid("url: an http or https address is needed")
    for field, choices in CHOICES.items():
        if doc[field] not in choices:
            raise Invalid(f"{field}: one of {', '.join(choices)}")
    for field, shape in SHAPES.items():
        if not isinstance(doc[field], shape):
            raise Invalid(f"{field}: a {shape.__name__} is needed")
    if doc["secret"] and not is_acceptable(doc["secret"]):
        raise Invalid("secret: 12 to 50 letters and digits")
    if doc["payload"] == "event" and (doc["method"], doc["payload_type"]) != ("POST", "default"):
        raise Invalid("payload: event webhooks are always POST with the default JSON")


def listening(tx: Tx, event_type: str) -> list[Doc]:
    """The active endpoints that want this event; an empty choice means all."""
    return [
        doc for doc in tx.find(KIND) if doc["active"] and (not doc["events"] or event_type in doc["events"])
    ]


def shown(doc: Doc) -> dict[str, Any]:
    """An endpoint as GET /webhooks lists it; the secret stays in the sandbox."""
    row = {key: doc[key] for key in ("webhook_id", "name", "url", "method", "events")}
    row["status"] = "active" if doc["active"] else "inactive"
    return row | {"created_time": doc["created_time"], "is_secured": bool(doc["secret"])}


def _known(tx: Tx, wanted: Doc) -> Doc | None:
    if "webhook_id" in wanted:
        known = tx.get(KIND, str(wanted["webhook_id"]))
        if known is None:
            raise Invalid("webhook_id: no such webhook")
        return known
    same = [doc for doc in tx.find(KIND) if doc["url"] == wanted.get("url")]
    return same[0] if same else None
