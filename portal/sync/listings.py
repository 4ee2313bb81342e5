"""Zoho's lists as the full reconciliation reads them, and when a list row says that ours is old.

A list row carries a part of the object (facts.md 3.3, 6.1), so only the columns named here are compared,
and of these only those that the row really had. Whether the object needs to be read again is all that is
decided; what then differs is found by reading it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from portal.db.transaction import Conn
from portal.mirror import rows
from portal.mirror.rows import Row
from portal.sync import columns

if TYPE_CHECKING:
    from portal.zoho.client import ZohoClient
    from portal.zoho.reader import Page

# Oldest first: what is added while we read comes at the end and shifts nothing (facts.md 2.4).
_BY_CREATION = {"sort_column": "created_time", "sort_order": "A"}

# Not all columns: two hundred raw answers of Zoho would be read and parsed to compare a dozen words of each.
_OURS = sql.SQL("""
select zoho_id, read_started_at, gone_at, zoho_updated_at, {telling}
from billing.{table} where zoho_id = any(%(ids)s)
""")

# Fields of a model that come under another name than the column's.
_FIELD_OF = {"plan_code": "plan", "plan_name": "plan"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One of Zoho's lists: how to read a page, its columns, and which of them tell."""

    kind: str
    table: str
    fetch: Callable[["ZohoClient", int], "Page[Any]"]
    columns: Callable[[Any], Row]
    telling: tuple[str, ...]

    def differs(self, model: Any, ours: Row | None, asked_at: datetime) -> bool:
        """Tell whether to read the object again; what we read after ``asked_at`` is newer than the list."""
        if ours is None:
            return True
        if ours["read_started_at"] > asked_at:
            return False
        if ours["gone_at"] is not None or _has_moved(model.updated_at, ours, asked_at):
            return True
        told = self.columns(model)
        given = model.model_fields_set
        shown = {name: told[name] for name in self.telling if _FIELD_OF.get(name, name) in given}
        return bool(rows.differing(ours, shown))


def list_ours(conn: Conn, listing: Listing, zoho_ids: list[str]) -> dict[str, Row]:
    """Return what is compared of our rows of these ids, by id."""
    telling = sql.SQL(", ").join(map(sql.Identifier, listing.telling))
    statement = _OURS.format(table=sql.Identifier(listing.table), telling=telling)
    found = conn.execute(statement, {"ids": zoho_ids}).fetchall()
    return {row["zoho_id"]: row for row in found}


def _has_moved(told: datetime | None, ours: Row, asked_at: datetime) -> bool:
    """Tell whether the time in the list is another than ours; an older one may be a list that lags behind."""
    known: datetime | None = ours["zoho_updated_at"]
    if told is None or told == known:
        return False
    return known is None or told > known or asked_at - ours["read_started_at"] > rows.LONGEST_LAG


LISTINGS: tuple[Listing, ...] = (
    Listing(
        "customer",
        "customers",
        lambda zoho, page: zoho.list_customers(page, **_BY_CREATION),
        columns.customer,
        ("display_name", "company_name", "email", "status", "currency_code", "outstanding", "unused_credits"),
    ),
    Listing(
        "subscription",
        "subscriptions",
        lambda zoho, page: zoho.list_subscriptions(page, **_BY_CREATION),
        columns.subscription,
        (
            *("customer_zoho_id", "number", "status", "plan_code", "plan_name", "amount", "sub_total"),
            *("currency_code", "interval", "interval_unit", "auto_collect", "reference_id", "activated_on"),
            *("current_term_starts_on", "current_term_ends_on", "next_billing_on", "last_billing_on"),
            *("expires_on", "trial_ends_on", "scheduled_cancellation_on"),
        ),
    ),
    Listing(
        "invoice",
        "invoices",
        lambda zoho, page: zoho.list_invoices(page, **_BY_CREATION),
        columns.invoice,
        (
            *("customer_zoho_id", "number", "status", "transaction_type", "invoice_date", "due_date"),
            *("total", "balance", "currency_code", "ach_payment_initiated"),
        ),
    ),
    Listing(
        "payment",
        "payments",
        lambda zoho, page: zoho.list_payments(page),
        columns.payment,
        ("customer_zoho_id", "number", "status", "amount", "amount_refunded", "mode", "paid_on"),
    ),
    Listing(
        "credit_note",
        "credit_notes",
        lambda zoho, page: zoho.list_credit_notes(page),
        columns.credit_note,
        ("customer_zoho_id", "number", "status", "total", "balance", "issued_on"),
    ),
)
