"""Calendar arithmetic: terms counted from an anchor, so that the 31st survives a February."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

UNITS = ("days", "weeks", "months", "years")


def add(anchor: date, count: int, unit: str) -> date:
    """`count` units after `anchor`; a day that the month lacks becomes its last day."""
    if unit == "days":
        return anchor + timedelta(days=count)
    if unit == "weeks":
        return anchor + timedelta(weeks=count)
    months = anchor.month - 1 + count * (12 if unit == "years" else 1)
    year, month = anchor.year + months // 12, months % 12 + 1
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


def month_end(year: int, month: int) -> date:
    """The last day of a month; a card is good until then."""
    return date(year, month, calendar.monthrange(year, month)[1])


def parse(value: object) -> date:
    """A business date `YYYY-MM-DD`; anything else is a ValueError."""
    if not isinstance(value, str) or len(value) != len("2024-01-31"):
        raise ValueError(f"not a date: {value!r}")
    return date.fromisoformat(value)


def shown(value: date | None) -> str:
    """A date as Zoho writes it; no date is an empty string."""
    return value.isoformat() if value else ""
