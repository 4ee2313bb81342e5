"""Where events go: the webhooks of the organisation and their settings (facts 7.1).

An endpoint speaks generation A (the event envelope) or B (a workflow action: the
record alone). B may use another method and payload type; A is always POST, JSON.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

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
SHAPE_NAMES = {str: "text", list: "a list", dict: "an object", bool: "true or false"}
EVENT_ONLY = {"method": "POST", "payload_type": "default"}
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
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


SETTABLE = {*DEFAULTS, "url"} - {"failures"}
# what a caller may send: what can be set, what `GET` shows beside it, and the control call's own word
KNOWN = {*SETTABLE, "failures", "webhook_id", "created_time", "add"}
EVERYTHING = ("*", "all", ["*"], ["all"])  # as good as an empty list
# Zoho's names (facts 7.4); one that is none of them would never be heard of
EVENT_TYPES = frozenset(
    {
        "subscription_created", "subscription_activation", "trial_expiring", "subscription_ahead",
        "subscription_renewed", "billing_date_changed", "subscription_upgraded", "subscription_downgraded",
        "subscription_unpaid", "subscription_cancellation_scheduled",
        "subscription_scheduled_cancellation_removed", "subscription_cancelling", "subscription_cancelled",
        "subscription_reactivated", "subscription_reactivation_scheduled",
        "subscription_move_to_free_scheduled", "subscription_paused", "subscription_resumed",
        "subscription_expiring", "subscription_expired", "subscription_deleted", "invoice_notification",
        "invoice_created", "invoice_updated", "invoice_voided", "payment_thankyou", "payment_declined",
        "payment_refunded", "payment_voided", "creditnote_added", "creditnote_refunded",
        "creditnote_deleted", "card_expiring", "card_expired", "card_deleted", "payment_method_added",
        "payment_method_updated", "payment_method_deleted", "unbilled_charges_added",
        "unbilled_charges_updated", "unbilled_charges_invoiced", "unbilled_charges_deleted",
    }
)  # fmt: skip


class Invalid(ValueError):
    """An endpoint that Zoho's form would not save; the text says which field."""


def seed_demo(world: World, tx: Tx) -> None:
    """Point the demo company's events at the portal."""
    url = world.settings.portal_url.rstrip("/") + DEMO_PATH
    save(world, tx, {"url": url, "secret": DEMO_SECRET, "name": "Billing portal"})


def save(world: World, tx: Tx, wanted: Doc) -> Doc:
    """Create the endpoint, or change the one with the same id or address."""
    if strange := sorted(set(wanted) - KNOWN):
        raise Invalid(f"{', '.join(strange)}: no such field; there are {', '.join(sorted(KNOWN))}")
    wanted = {key: value for key, value in wanted.items() if value is not None}
    known = _known(tx, wanted)
    asked = {key: wanted[key] for key in wanted if key in SETTABLE}
    if asked.get("events") in EVERYTHING:
        asked["events"] = []
    if asked.get("payload") == "event":  # what a workflow webhook was set to does not hold for it
        asked = EVENT_ONLY | asked
    doc = DEFAULTS | (known or {}) | asked
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
    """Refuse what Zoho's form would not save, and what could never be sent."""
    if not _is_address(doc.get("url")):
        raise Invalid("url: an http or https address is needed")
    for field, choices in CHOICES.items():
        if doc[field] not in choices:
            raise Invalid(f"{field}: one of {', '.join(choices)}")
    for field, shape in SHAPES.items():
        if not isinstance(doc[field], shape):
            raise Invalid(f"{field}: {SHAPE_NAMES[shape]} is needed")
    if doc["secret"] and not is_acceptable(doc["secret"]):
        raise Invalid("secret: 12 to 50 letters and digits")
    if doc["payload"] == "event" and (doc["method"], doc["payload_type"]) != ("POST", "default"):
        raise Invalid("payload: event webhooks are always POST with the default JSON")
    _check_contents(doc)


def _check_contents(doc: Doc) -> None:
    if strange := [name for name in map(str, doc["events"]) if name not in EVENT_TYPES]:
        known = ", ".join(sorted(EVENT_TYPES))
        raise Invalid(f"events: {', '.join(strange)}: no such event; there are {known}")
    for name, value in doc["headers"].items():
        if not (isinstance(value, str) and HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value)):
            raise Invalid("headers: names and values that HTTP can carry are needed")


def _is_address(url: object) -> bool:
    """Whether a request can be sent there: a scheme, a host, perhaps a port, and no blank."""
    if not isinstance(url, str) or re.search(r"[\x00-\x20\x7f]", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a broken IPv6 address, a port beyond all ports
        return False


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
