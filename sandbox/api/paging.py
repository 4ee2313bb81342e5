"""Lists: pages of at most 200, filters by name, sorting by known columns, and the `page_context` beside
them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import request

from sandbox.errors import bad
from sandbox.tx import Doc, Tx

LARGEST_PAGE = 200
LAST_PAGE = 10**7


@dataclass(frozen=True)
class Page:
    """Which page is wanted, and how many rows it holds."""

    number: int
    size: int

    @classmethod
    def asked(cls) -> Page:
        """The page that the request wants."""
        size = min(LARGEST_PAGE, _whole("per_page", LARGEST_PAGE, LAST_PAGE))
        return cls(_whole("page", 1, LAST_PAGE), size)

    @property
    def offset(self) -> int:
        """Where it begins; weather may have moved the rows since the page before."""
        shift: int = request.environ.get("sandbox.shift", 0)
        return max(0, (self.number - 1) * self.size + shift)

    def context(self, *, has_more: bool) -> Doc:
        """What every `page_context` begins with."""
        return {"page": self.number, "per_page": self.size, "has_more_page": has_more}


@dataclass(frozen=True)
class Listing:
    """What one list can be filtered and sorted by."""

    kind: str
    prefix: str = ""
    filters: dict[str, dict[str, Any]] = field(default_factory=dict)
    sorts: dict[str, str] = field(default_factory=dict)
    default_sort: str = "created_time"
    default_order: str = "A"
    report: str = ""

    def page(self, tx: Tx, where: dict[str, Any] | None = None) -> tuple[list[Doc], Doc]:
        """The documents of the asked page, and its context."""
        page = Page.asked()
        asked = request.args.get("filter_by", "")
        wanted = self._filter(asked) | (where or {})
        sort = request.args.get("sort_column", "")
        sort = sort if sort in self.sorts else self.default_sort
        order = request.args.get("sort_order", self.default_order).upper()[:1]
        found = tx.find(
            self.kind,
            where=wanted,
            order=self.sorts.get(sort, "seq"),
            desc=order == "D",
            limit=page.size + 1,
            offset=page.offset,
        )
        context = page.context(has_more=len(found) > page.size) | {
            "applied_filter": asked or (f"{self.prefix}.All" if self.prefix else ""),
            "sort_column": sort,
            "sort_order": "D" if order == "D" else "A",
        }
        return found[: page.size], context | ({"report_name": self.report} if self.report else {})

    def _filter(self, asked: str) -> dict[str, Any]:
        if not asked or not self.filters:
            return {}
        prefix, _, name = asked.rpartition(".")
        key = asked if asked in self.filters else (name if prefix in ("", self.prefix) else "")
        chosen = next((where for known, where in self.filters.items() if known.lower() == key.lower()), None)
        if chosen is None:
            raise bad("filter_by")
        return chosen


def _whole(name: str, default: int, most: int) -> int:
    given = request.args.get(name, "")
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or not 1 <= len(given) <= len(str(most)) or int(given) < 1:
        raise bad(name)
    return int(given)
