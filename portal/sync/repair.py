"""Reading again what a member of staff points at: one object, or a customer with its belongings."""

from typing import TYPE_CHECKING

from portal.db import transaction
from portal.sync import drift, refresh
from portal.sync.kinds import KINDS
from portal.sync.subjects import Subject

if TYPE_CHECKING:
    from portal.services import Services

MOST = 40

_BELONGINGS = """
(select 'subscription' as kind, zoho_id from billing.subscriptions
 where customer_zoho_id = %(zoho_id)s and gone_at is null limit %(most)s)
union all
(select 'invoice', zoho_id from billing.invoices
 where customer_zoho_id = %(zoho_id)s and gone_at is null and balance > 0 limit %(most)s)
"""


def with_belongings(services: "Services", subject: Subject) -> list[Subject]:
    """Return the object; of a customer also its payment methods, subscriptions and open invoices."""
    if subject.kind != "customer":
        return [subject]
    with transaction.as_worker(services.pool) as conn:
        rows = conn.execute(_BELONGINGS, {"zoho_id": subject.zoho_id, "most": MOST}).fetchall()
    found = [Subject(row["kind"], row["zoho_id"]) for row in rows]
    return [subject, Subject("payment_methods", subject.zoho_id), *found]


def one(services: "Services", subject: Subject) -> bool:
    """Read it again, and close its open drift; return whether anything changed."""
    if subject.kind not in KINDS:
        return False
    done = refresh.read(services, subject, source="reconcile", patience=20.0)
    with transaction.as_worker(services.pool) as conn:
        drift.mark_repaired(conn, subject.kind, subject.zoho_id)
    return done.changed
