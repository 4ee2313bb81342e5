"""Several result sets in one round trip: a statement answers with JSON texts, read here into typed rows.

Amounts have decimals in the schema, so a number with a point becomes a Decimal and one without an int.
Dates and times are told by the name of their column, as everywhere in the schema: `..._on` and
`..._date` are dates, `..._at` are aware times.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.mirror.rows import Row

_DATES = ("_on", "_date")


def parse(text: str | None) -> list[Row]:
    """Return the rows of a `json_agg(...)::text`; NULL is no row."""
    if text is None:
        return []
    found: list[Row] = json.loads(text, parse_float=Decimal, object_hook=_typed)
    return found


def parse_one(text: str | None) -> Row | None:
    """Return the row of a `to_json(...)::text`."""
    if text is None:
        return None
    found: Row = json.loads(text, parse_float=Decimal, object_hook=_typed)
    return found


def _typed(row: dict[str, Any]) -> Row:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name.endswith(_DATES) else value
