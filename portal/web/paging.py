"""Keyset paging: a page is "the rows after this one", so page 1,000 costs what page 1 costs.

The cursor in the address is a direction and the sort value and id of the row at the edge. It is neither
secret nor trusted: it is read strictly, and which rows are seen at all is decided elsewhere.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from portal.errors import Refused

_LONGEST = 300
_DIRECTIONS: dict[str, Literal["after", "before"]] = {"a": "after", "b": "before"}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after or before the row with this sort value and id."""

    direction: Literal["after", "before"]
    value: str | None
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


def parse(text: str) -> Cursor | None:
    """Read a cursor from an address; an empty one is the first page, a broken one is refused."""
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text[:_LONGEST] + "=" * (-len(text) % 4))
        direction, value, row_id = json.loads(raw)
        text_or_none = None if value is None else str(value)
        return Cursor(_DIRECTIONS[direction], text_or_none, UUID(hex=row_id))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as problem:
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
        value = value_of(row)
        return Cursor(direction, None if value is None else str(value), row["id"])

    return Slice(
        rows,
        edge(rows[0], "before") if has_previous else None,
        edge(rows[-1], "after") if has_next else None,
    )
