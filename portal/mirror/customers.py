"""Zoho's customers, and which account of ours each belongs to (its rows inherit the account)."""

from uuid import UUID

from psycopg import sql

from portal.db.transaction import Conn
from portal.mirror import rows
from portal.mirror.rows import Row, Stamp, Written

TABLE = "customers"

# Every table whose rows belong to a customer, and so to the account that the customer is linked to.
OWNED = ("subscriptions", "invoices", "payments", "credit_notes", "refunds", "payment_methods")

_ACCOUNT_OF = """
select coalesce(
  (select id from billing.accounts where zoho_customer_id = %(zoho_id)s),
  (select account_id from billing.customers where zoho_id = %(zoho_id)s)) as account_id
"""
_LINK_CUSTOMER = """
update billing.customers set account_id = %(account_id)s
where zoho_id = %(zoho_id)s and account_id is distinct from %(account_id)s
"""
_LINK_OWNED = sql.SQL("""
update billing.{table} set account_id = %(account_id)s
where customer_zoho_id = %(zoho_id)s and account_id is distinct from %(account_id)s
""")
_LINK_LINES = """
update billing.invoice_lines l set account_id = i.account_id from billing.invoices i
where i.id = l.invoice_id and i.customer_zoho_id = %(zoho_id)s
  and l.account_id is distinct from i.account_id
"""
_LINK_ADDONS = """
update billing.subscription_addons a set account_id = s.account_id from billing.subscriptions s
where s.id = a.subscription_id and s.customer_zoho_id = %(zoho_id)s
  and a.account_id is distinct from s.account_id
"""


def upsert(conn: Conn, row: Row, stamp: Stamp) -> Written:
    """Bring our copy level with what Zoho said, unless it already is newer."""
    account_id = account_of(conn, row["zoho_id"])
    return rows.upsert(conn, TABLE, {**row, "account_id": account_id}, stamp)


def mark_gone(conn: Conn, zoho_id: str, stamp: Stamp) -> Written:
    return rows.mark_gone(conn, TABLE, zoho_id, stamp)


def link(conn: Conn, account_id: UUID, zoho_id: str) -> None:
    """Give the customer and all that is mirrored of it to the account (as portal_worker).

    What arrives at the same moment finds its account by itself: ``accounts.zoho_customer_id`` is
    committed before, or with, this.
    """
    names = {"account_id": account_id, "zoho_id": zoho_id}
    conn.execute(_LINK_CUSTOMER, names)
    for table in OWNED:
        conn.execute(_LINK_OWNED.format(table=sql.Identifier(table)), names)
    conn.execute(_LINK_LINES, names)
    conn.execute(_LINK_ADDONS, names)


def account_of(conn: Conn, zoho_id: str) -> UUID | None:
    """Return the account that the customer is linked to."""
    row = conn.execute(_ACCOUNT_OF, {"zoho_id": zoho_id}).fetchone()
    return row["account_id"] if row else None


def owned(conn: Conn, row: Row) -> Row:
    """Add to ``row`` the account of its customer."""
    return {**row, "account_id": account_of(conn, row["customer_zoho_id"])}
