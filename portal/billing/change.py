"""What happened to a mirrored object, told from the row before and the row after.

Zoho's events are hints that may be lost, doubled or late; the difference between two reads is what can
be relied on. Whatever brought the news, the same difference gives the same changes: they are written to
the audit trail, and mails follow from them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]

# Zoho's two words, and none: a payment that staff recorded may have no status (facts.md 5.2).
_PAYMENT = {"failure": "declined", "success": "received", "": "received"}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened: ``subscription:cancelled``, with what it was before and after."""

    what: str
    row: Row
    detail: dict[str, Any] = field(default_factory=dict)


def between(kind: str, before: Row | None, after: Row | None) -> list[Change]:
    """Name what changed; empty when nothing did that anybody would want to know."""
    if after is None:
        return []
    if after.get("gone_at") is not None:
        return [Change(f"{kind}:gone", after)] if before and before.get("gone_at") is None else []
    if before is None or before.get("gone_at") is not None:
        return [Change(f"{kind}:{_first(kind, after)}", after)]
    describe = _DESCRIBE.get(kind)
    return describe(kind, before, after) if describe else []


def _first(kind: str, after: Row) -> str:
    if kind == "payment":
        return _payment_word(after)
    return "added" if kind == "payment_method" else "created"


def _payment_word(after: Row) -> str:
    """Say what became of a payment; a status that we do not know is neither paid nor failed."""
    status = str(after["status"])
    return _PAYMENT.get(status, status)


def _subscription(kind: str, before: Row, after: Row) -> list[Change]:
    changes = []
    if before["status"] != after["status"]:
        changes.append(Change(f"{kind}:{after['status']}", after, _pair(before, after, "status")))
    if (before["plan_code"], before["quantity"]) != (after["plan_code"], after["quantity"]):
        changes.append(Change(f"{kind}:plan", after, _pair(before, after, "plan_code", "quantity", "amount")))
    if before["current_term_ends_on"] != after["current_term_ends_on"] and after["status"] == "live":
        changes.append(Change(f"{kind}:term", after, _pair(before, after, "current_term_ends_on")))
    if before["has_scheduled_change"] != after["has_scheduled_change"]:
        changes.append(Change(f"{kind}:schedule", after, _pair(before, after, "has_scheduled_change")))
    if before["payment_method_zoho_id"] != after["payment_method_zoho_id"]:
        changes.append(Change(f"{kind}:payment_method", after, _pair(before, after, "auto_collect")))
    return changes


def _invoice(kind: str, before: Row, after: Row) -> list[Change]:
    changes = []
    if before["balance"] > 0 and after["balance"] == 0 and after["status"] != "void":
        changes.append(Change(f"{kind}:settled", after, _pair(before, after, "status", "balance")))
    elif before["status"] != after["status"]:
        changes.append(Change(f"{kind}:{after['status']}", after, _pair(before, after, "status", "balance")))
    elif before["balance"] != after["balance"]:
        changes.append(Change(f"{kind}:balance", after, _pair(before, after, "balance")))
    return changes


def _payment(kind: str, before: Row, after: Row) -> list[Change]:
    changes = []
    if before["status"] != after["status"]:
        changes.append(Change(f"{kind}:{_payment_word(after)}", after, _pair(before, after, "status")))
    if before["amount_refunded"] != after["amount_refunded"]:
        changes.append(Change(f"{kind}:refunded", after, _pair(before, after, "amount_refunded")))
    return changes


def _credit_note(kind: str, before: Row, after: Row) -> list[Change]:
    if (before["status"], before["balance"]) == (after["status"], after["balance"]):
        return []
    return [Change(f"{kind}:changed", after, _pair(before, after, "status", "balance"))]


def _payment_method(kind: str, before: Row, after: Row) -> list[Change]:
    seen = ("last_four", "expiry_month", "expiry_year", "status")
    if all(before[name] == after[name] for name in seen):
        return []
    return [Change(f"{kind}:updated", after, _pair(before, after, *seen))]


def _customer(kind: str, before: Row, after: Row) -> list[Change]:
    seen = ("display_name", "email", "billing_address", "tax_id", "status")
    moved = [name for name in seen if before[name] != after[name]]
    return [Change(f"{kind}:changed", after, {"fields": moved})] if moved else []


_DESCRIBE: dict[str, Callable[[str, Row, Row], list[Change]]] = {
    "subscription": _subscription,
    "invoice": _invoice,
    "payment": _payment,
    "credit_note": _credit_note,
    "payment_method": _payment_method,
    "customer": _customer,
}


def _pair(before: Row, after: Row, *names: str) -> dict[str, Any]:
    return {
        "before": {name: _plain(before[name]) for name in names},
        "after": {name: _plain(after[name]) for name in names},
    }


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it; amounts as decimal text, never as floats."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if value is None or isinstance(value, str | int | bool) else str(value)
