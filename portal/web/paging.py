"""Keyset paging: a page is "the rows after this one", so page 1,000 costs what page 1 costs.

The cursor in the address is a direction and the sort value and id of the row at the edge. It is neither
secret nor trusted: it is read strictly, and which rows are seen at all is decided elsewhere.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from portal.errors import Refused

_LONGEST = 300
_MOST_DIGITS = 30  # more than any sum of money has
_DIRECTIONS: dict[str, Literal["after", "before"]] = {"a": "after", "b": "before"}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after or before the row with this sort value and id."""

    direction: Literal["after", "before"]
    value: str
    id: UUID

    def __str__(self) -> str:
        text = json.dumps([self.direction[0], self.value, self.id.hex], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of rows, with the cursors of the pages beside it."""

    rows: list[Any]
    previous: Cursor | None
    next: Cursor | None


def a_day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def a_moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return str(moment.astimezone(UTC))


def an_amount(text: str) -> str:
    found = Decimal(text)
    if not found.is_finite() or abs(found.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return f"{found:f}"


def parse(text: str, reads: Callable[[str], str]) -> Cursor | None:
    """Read a cursor from an address; an empty one is the first page, a broken one is refused.

    ``reads`` (:func:`a_day`, :func:`a_moment`, :func:`an_amount`) says what the list is sorted by, and
    writes it as the database reads it.
    """
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text[:_LONGEST] + "=" * (-len(text) % 4))
        direction, value, row_id = json.loads(raw)
        return Cursor(_DIRECTIONS[direction], reads(str(value)), UUID(hex=row_id))
    except (binascii.Error, ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as problem:
        raise Refused("This address of a page is not complete. Start again from the list.") from problem


def cut(found: list[Any], size: int, cursor: Cursor | None, value_of: Callable[[Any], Any]) -> Slice:
    """Make a page of at most ``size`` from rows asked for with one more than that.

    Rows before a cursor come nearest first from the database, and are turned round here.
    """
    backwards = cursor is not None and cursor.direction == "before"
    more, rows = len(found) > size, found[:size]
    if backwards:
        rows.reverse()
    has_previous = more if backwards else cursor is not None
    has_next = backwards or more
    if not rows:
        return Slice([], None, None)

    def edge(row: Any, direction: Literal["after", "before"]) -> Cursor:
        return Cursor(direction, str(value_of(row)), row["id"])

    return Slice(
        rows,
        edge(rows[0], "before") if has_previous else None,
        edge(rows[-1], "after") if has_next else None,
    )
