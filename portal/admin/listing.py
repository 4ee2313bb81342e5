"""A page of a list, newest first: where it begins by its address, and the ways to the pages beside it."""

from typing import Any

from flask import url_for

from portal.sync.staff_lists import Place, Row
from portal.web import paging
from portal.web.forms import query

PAGE_SIZE = 25


class Listing:
    """The page of a list that this request asks for."""

    def __init__(self) -> None:
        self._cursor = paging.parse(query("page"), paging.a_moment)

    def place(self, most: int = PAGE_SIZE + 1) -> Place:
        """Return what to ask the database for: one row more than is shown tells whether there are more."""
        if self._cursor is None:
            return Place(most)
        backwards = self._cursor.direction == "before"
        return Place(most, self._cursor.value, self._cursor.id, backwards)

    def shown(
        self, found: list[Row], endpoint: str, size: int = PAGE_SIZE, **given: str
    ) -> tuple[list[Row], dict[str, Any]]:
        """Return the rows of the page, and the addresses of the pages beside it as a template takes them."""
        cut = paging.cut(found, size, self._cursor, lambda row: row["listed_at"])
        kept: dict[str, Any] = {name: value for name, value in given.items() if value}
        ways = {"earlier": cut.previous, "later": cut.next}
        return cut.rows, {
            name: url_for(endpoint, page=str(cursor), **kept) if cursor else None
            for name, cursor in ways.items()
        }
