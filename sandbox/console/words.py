"""How the console writes values: money, moments, states and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
WHOLE = {"JPY"}
GOOD = {"live", "paid", "success", "active", "settled"}
BAD = {"failed", "dunning", "unpaid", "overdue", "failure", "cancelled_from_dunning", "creation_failed"}
WARN = {"trial", "non_renewing", "scheduled", "sent", "pending", "paused", "partially_paid", "future"}


def money(value: Any, currency: str = "USD") -> str:
    """`1234.5` of USD as $1,234.50; what is no number is shown as it is."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    digits = 0 if currency in WHOLE else 2
    sign = "−" if amount < 0 else ""
    unit = SYMBOLS.get(currency, currency + "\u00a0")
    return f"{sign}{unit}{abs(amount):,.{digits}f}"


def moment(value: Any) -> str:
    """A timestamp as Zoho writes it, for people: 4 Mar 2027, 06:00."""
    try:
        when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{when.day} {when:%b %Y, %H:%M:%S}".removesuffix(":00")


def squeeze(value: Any) -> str:
    """A docstring in one line."""
    return " ".join(str(value or "").split())


def about(event: Any) -> str:
    """What an event is about: its first object's number, or its last digits, and whose it is."""
    record: dict[str, Any] = next(iter(event.get("data", {}).values()), {})
    names = ("subscription_number", "invoice_number", "creditnote_number", "number")
    number = next((str(record[name]) for name in names if record.get(name)), "")
    if record.get("payment_number"):  # a bare 13 says nothing
        number = f"payment {record['payment_number']}"
    digits = record.get("last_four_digits")
    whose = record.get("customer_name") or record.get("customer", {}).get("display_name", "")
    what = number or (f"ending {digits:0>4}" if digits is not None else "")
    return ", ".join(each for each in (what, whose) if each)


def day(value: Any) -> str:
    """A date: 4 Mar 2027."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "–")
    return f"{when.day} {when:%b %Y}"


def real_time(epoch: float) -> str:
    """The time of day of a call, in UTC: programs live in real time."""
    return f"{datetime.fromtimestamp(epoch, UTC):%H:%M:%S}"


def status_kind(status: Any) -> str:
    """The colour role of a state; the word itself always stands beside it."""
    if status in GOOD:
        return "good"
    if status in BAD:
        return "bad"
    return "warn" if status in WARN else "plain"


def plainly(status: Any) -> str:
    return str(status).replace("_", " ").capitalize()


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
