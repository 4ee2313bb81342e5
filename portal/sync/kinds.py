"""How each kind of object is fetched from Zoho and stored in the mirror: one line a kind.

``fetch`` runs without a transaction and raises :class:`portal.zoho.errors.NotFound` when Zoho does not
know the id; ``store`` gets None then. The catalogue is not here: it is small and read as whole lists
(catalogue.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portal.db.transaction import Conn, Pool
from portal.mirror import credit_notes, customers, invoices, payments, rows, subscriptions
from portal.mirror.rows import Stamp, Written
from portal.sync import columns, methods
from portal.zoho import errors, payloads

if TYPE_CHECKING:
    from portal.zoho.client import ZohoClient


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` is its word in the audit trail, ``table`` where its rows are."""

    name: str
    table: str
    fetch: Callable[["ZohoClient", Pool, str], Any]
    store: Callable[[Conn, str, Any, Stamp], list[Written]]


@dataclass(frozen=True, slots=True)
class SubscriptionRead:
    """A subscription together with what is scheduled for the end of its term."""

    subscription: payloads.Subscription
    scheduled: payloads.ScheduledChange | None


def _fetch_subscription(zoho: "ZohoClient", _pool: Pool, zoho_id: str) -> SubscriptionRead:
    found = zoho.fetch_subscription(zoho_id)
    scheduled = None
    if found.has_scheduled_change:
        try:
            scheduled = zoho.fetch_scheduled_change(zoho_id)
        except errors.Rejected:
            scheduled = None  # dropped between the two calls, or told as an error (facts.md 3.6)
    return SubscriptionRead(found, scheduled)


def _store_subscription(
    conn: Conn, zoho_id: str, model: SubscriptionRead | None, stamp: Stamp
) -> list[Written]:
    if model is None:
        return [subscriptions.mark_gone(conn, zoho_id, stamp)]
    found = model.subscription
    row = columns.subscription(found, model.scheduled)
    return [subscriptions.upsert(conn, row, columns.subscription_addons(found), _at(stamp, found))]


def _store_invoice(conn: Conn, zoho_id: str, model: payloads.Invoice | None, stamp: Stamp) -> list[Written]:
    if model is None:
        return [invoices.mark_gone(conn, zoho_id, stamp)]
    return [invoices.upsert(conn, columns.invoice(model), columns.invoice_lines(model), _at(stamp, model))]


def _store_customer(conn: Conn, zoho_id: str, model: payloads.Customer | None, stamp: Stamp) -> list[Written]:
    if model is None:
        return [customers.mark_gone(conn, zoho_id, stamp)]
    return [customers.upsert(conn, columns.customer(model), _at(stamp, model))]


def _store_payment(conn: Conn, zoho_id: str, model: payloads.Payment | None, stamp: Stamp) -> list[Written]:
    if model is None:
        return [payments.mark_gone(conn, zoho_id, stamp)]
    return [payments.upsert(conn, columns.payment(model), _at(stamp, model))]


def _store_credit_note(
    conn: Conn, zoho_id: str, model: payloads.CreditNote | None, stamp: Stamp
) -> list[Written]:
    if model is None:
        return [credit_notes.mark_gone(conn, zoho_id, stamp)]
    return [credit_notes.upsert(conn, columns.credit_note(model), _at(stamp, model))]


def _at(stamp: Stamp, model: Any) -> Stamp:
    return Stamp(stamp.source, stamp.read_started_at, model.updated_at)


def find_row(conn: Conn, kind: str, zoho_id: str) -> rows.Row | None:
    """Return the mirrored row of an object that has one row of its own."""
    return rows.find_by_zoho_id(conn, KINDS[kind].table, zoho_id)


KINDS: dict[str, Kind] = {
    "customer": Kind("customer", "customers", lambda zoho, _, key: zoho.fetch_customer(key), _store_customer),
    "subscription": Kind("subscription", "subscriptions", _fetch_subscription, _store_subscription),
    "invoice": Kind("invoice", "invoices", lambda zoho, _, key: zoho.fetch_invoice(key), _store_invoice),
    "payment": Kind("payment", "payments", lambda zoho, _, key: zoho.fetch_payment(key), _store_payment),
    "credit_note": Kind(
        "credit_note", "credit_notes", lambda zoho, _, key: zoho.fetch_credit_note(key), _store_credit_note
    ),
    # Keyed by the customer: its cards and bank accounts are read as one collection.
    "payment_methods": Kind("payment_method", "payment_methods", methods.fetch, methods.store),
}
