"""Which invoices somebody asks for, read strictly from the address (INP-01)."""

from datetime import date
from typing import Any, cast

from flask import url_for

from portal.errors import Refused
from portal.mirror.invoice_list import Choice, Order, Standing
from portal.web.forms import query
from portal.web.paging import Cursor

FILTERS = ("q", "status", "year", "sort")
STANDINGS = {
    "all": "All",
    "open": "To pay",
    "overdue": "Overdue",
    "paid": "Paid",
    "void": "Void",
}
ORDERS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "due": "Due soonest",
    "amount": "Largest amount",
}
_YEARS = range(1970, 2200)


def chosen(today: date) -> Choice:
    """Return the choice of this request's address."""
    year = query("year", limit=4)
    if year and not (year.isascii() and year.isdigit() and int(year) in _YEARS):
        raise Refused("That is not a year. Start again from the list.")
    return Choice(
        today=today,
        standing=cast("Standing", _one_of(STANDINGS, query("status"), "all")),
        search=query("q", limit=100),
        year=int(year) if year else None,
        order=cast("Order", _one_of(ORDERS, query("sort"), "newest")),
    )


def address(given: dict[str, str], cursor: Cursor | None) -> str | None:
    """Return where the page at ``cursor`` of the same choice is."""
    if cursor is None:
        return None
    values: dict[str, Any] = {**given, "page": str(cursor)}
    return url_for("invoices.list_invoices", **values)


def _one_of(known: dict[str, str], given: str, default: str) -> str:
    if given and given not in known:
        raise Refused("That choice does not exist. Start again from the list.")
    return given or default
