"""What a webhook is about: a hint of which objects to read again, never a state (facts.md 7.3 to 7.5).

Both families are read: event webhooks (an envelope with `event_id`, `event_type`, `data`) and workflow
webhooks (a module's record at the top, or a form). Nothing is required and nothing raises: an unknown
event type, a missing key or a surprise leaves a hint with less in it, and the delivery is kept. Ids come
from outside, so only what looks like one of Zoho's ids is taken.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from portal.zoho.payloads.base import Raw, moment_from, object_from, rows_from, text_from
from portal.zoho.payloads.event import payload_from
from portal.zoho.signature import is_json

# Every event type of facts.md 7.4, in its order. Another one is stored and counted as unknown (WH-10).
EVENT_TYPES = frozenset(
    (
        *("subscription_created", "subscription_activation", "trial_expiring", "subscription_ahead"),
        *("subscription_renewed", "billing_date_changed", "subscription_upgraded"),
        *("subscription_downgraded", "subscription_unpaid", "subscription_cancellation_scheduled"),
        *("subscription_scheduled_cancellation_removed", "subscription_cancelling"),
        *("subscription_cancelled", "subscription_reactivated", "subscription_reactivation_scheduled"),
        *("subscription_move_to_free_scheduled", "subscription_paused", "subscription_resumed"),
        *("subscription_expiring", "subscription_expired", "subscription_deleted"),
        *("invoice_notification", "invoice_created", "invoice_updated", "invoice_voided"),
        *("payment_thankyou", "payment_declined", "payment_refunded", "payment_voided"),
        *("creditnote_added", "creditnote_refunded", "creditnote_deleted"),
        *("card_expiring", "card_expired", "card_deleted"),
        *("payment_method_added", "payment_method_updated", "payment_method_deleted"),
        *("unbilled_charges_added", "unbilled_charges_updated"),
        *("unbilled_charges_invoiced", "unbilled_charges_deleted"),
    )
)

_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")
_CODE = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EventHint:
    """``objects`` are (kind, zoho_id) in the mirror's kinds, the one that it is about first."""

    event_id: str = ""
    event_type: str = ""
    event_time: datetime | None = None
    objects: tuple[Subject, ...] = ()
    customer_ids: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Tell whether the event type is one that Zoho is known to send."""
        return self.event_type in EVENT_TYPES


def parse(body: bytes | Raw) -> EventHint:
    """Read a webhook's body (JSON, or a form with JSON or bare ids in it) or an object. Never raises."""
    if isinstance(body, dict):
        return _hint_from(body)
    text = body.decode("utf-8", "replace")
    return _hint_from(object_from(_json_in(text) if is_json(body) else _form_in(text)))


def _hint_from(envelope: Raw) -> EventHint:
    inner = payload_from(envelope.get("payload"))
    data = payload_from(envelope.get("data")) or payload_from(inner.get("data"))
    objects: dict[Subject, None] = {}
    customers: dict[str, None] = {}
    for place in (data, envelope, inner):
        for kind, zoho_id in _subjects_in(place):
            if kind == "customer":
                customers.setdefault(zoho_id)
            else:
                objects.setdefault((kind, zoho_id))
    return EventHint(
        event_id=_first_id(envelope.get("event_id"), inner.get("event_id")),
        event_type=_first_id(envelope.get("event_type"), inner.get("event_type")),
        event_time=_time_of(envelope) or _time_of(inner),
        # A customer is the subject only of what names nothing else: most events name theirs.
        objects=tuple(objects) or tuple(("customer", found) for found in customers),
        customer_ids=tuple(customers),
    )


def _subjects_in(place: Raw) -> Iterator[Subject]:
    for key, read in _READERS.items():
        if key not in place:
            continue
        value = place[key]
        for row in [value] if isinstance(value, dict) else rows_from(value):
            yield from read(row)
    yield from _ids(place, **_BARE_IDS)


def _subscription(row: Raw) -> Iterator[Subject]:
    yield from _ids(row, subscription="subscription_id", invoice="child_invoice_id", customer="customer_id")
    yield from _ids(object_from(row.get("customer")), customer="customer_id")


def _invoice(row: Raw) -> Iterator[Subject]:
    yield from _ids(row, invoice="invoice_id", customer="customer_id", subscription="subscription_id")
    for part in rows_from(row.get("subscriptions")):
        yield from _ids(part, subscription="subscription_id")
    for part in rows_from(row.get("payments")):
        yield from _ids(part, payment="payment_id")
    for part in rows_from(row.get("credits")):
        yield from _ids(part, credit_note="creditnote_id")


def _payment(row: Raw) -> Iterator[Subject]:
    yield from _ids(row, payment="payment_id", customer="customer_id", subscription="subscription_id")
    for part in rows_from(row.get("invoices")):
        yield from _ids(part, invoice="invoice_id")
        several = part.get("subscription_ids")
        for one in several if isinstance(several, list) else []:
            yield from _ids({"one": one}, subscription="one")


def _credit_note(row: Raw) -> Iterator[Subject]:
    yield from _ids(row, credit_note="creditnote_id", customer="customer_id", invoice="invoice_id")
    for part in rows_from(row.get("invoices")):
        yield from _ids(part, invoice="invoice_id")


def _refund(row: Raw) -> Iterator[Subject]:
    # A refund is seen on what it belongs to: there is no list of refunds.
    yield from _ids(row, payment="payment_id", credit_note="creditnote_id", customer="customer_id")
    for key in ("creditnote", "credit_note"):
        yield from _credit_note(object_from(row.get(key)))
    yield from _payment(object_from(row.get("payment")))


def _method(row: Raw) -> Iterator[Subject]:
    # Cards and bank accounts are read as the collection of their customer.
    yield from _ids(
        row, payment_methods="customer_id", customer="customer_id", subscription="subscription_id"
    )


def _unbilled(row: Raw) -> Iterator[Subject]:
    yield from _ids(row, subscription="subscription_id", invoice="invoice_id", customer="customer_id")
    several = row.get("customer_id")
    for one in several if isinstance(several, list) else []:
        yield from _ids({"one": one}, customer="one")


def _customer(row: Raw) -> Iterator[Subject]:
    yield from _ids(row, customer="customer_id")
    yield from _ids(row, customer="contact_id")


def _sold(kind: str) -> Callable[[Raw], Iterator[Subject]]:
    def read(row: Raw) -> Iterator[Subject]:
        code = text_from(row.get(f"{kind}_code")) or text_from(row.get(f"{kind}_id"))
        if _CODE.fullmatch(code):
            yield kind, code

    return read


# Under which key which object lies; the first of them that is there is what the event is about.
_READERS: dict[str, Callable[[Raw], Iterator[Subject]]] = {
    "subscription": _subscription,
    "subscriptions": _subscription,
    "invoice": _invoice,
    "invoices": _invoice,
    "payment": _payment,
    "payments": _payment,
    "customerpayment": _payment,
    "creditnote": _credit_note,
    "credit_note": _credit_note,
    "refund": _refund,
    "card": _method,
    "cards": _method,
    "payment_method": _method,
    "bank_account": _method,
    "bankaccount": _method,
    "unbilled_charge": _unbilled,
    "unbilled_charges": _unbilled,
    "customer": _customer,
    "contact": _customer,
    "plan": _sold("plan"),
    "addon": _sold("addon"),
    "coupon": _sold("coupon"),
    "product": _sold("product"),
}
_BARE_IDS = {
    "subscription": "subscription_id",
    "invoice": "invoice_id",
    "payment": "payment_id",
    "credit_note": "creditnote_id",
    "customer": "customer_id",
}


def _ids(row: Raw, **kinds: str) -> Iterator[Subject]:
    """Yield (kind, id) for each kind whose key of ``row`` holds an id."""
    for kind, key in kinds.items():
        found = _first_id(row[key]) if key in row else ""
        if found:
            yield kind, found


def _first_id(*values: object) -> str:
    for value in values:
        text = text_from(value)
        if _ID.fullmatch(text):
            return text
    return ""


def _time_of(envelope: Raw) -> datetime | None:
    """`created_time` is always a moment; `event_time` may be a date only."""
    return moment_from(envelope.get("created_time")) or moment_from(envelope.get("event_time"))


def _json_in(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}


def _form_in(text: str) -> Raw:
    """Read a form; a field may hold an object as JSON (`JSONString`, `payload`, a module's name)."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return {}
    found: Raw = {}
    for key, value in pairs:
        inner = _json_in(value) if value.lstrip().startswith("{") else None
        if isinstance(inner, dict) and key not in _READERS and key not in ("data", "payload"):
            found = {**inner, **found}
        else:
            found[key] = inner if isinstance(inner, dict) else value
    return found
