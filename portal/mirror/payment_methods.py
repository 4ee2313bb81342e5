"""Cards and bank accounts of a customer: one collection, read and written as a whole.

Zoho lists active cards only and has no list of bank accounts (facts.md 5.1), so a card that is missing
from the list is gone, while a bank account leaves only when Zoho says so for that very account.
"""

from typing import Any

from portal.db.transaction import Conn
from portal.mirror import customers, rows
from portal.mirror.rows import Row, Stamp, Written

TABLE = "payment_methods"

_OF_CUSTOMER = """
select * from billing.payment_methods where customer_zoho_id = %(zoho_id)s and gone_at is null
order by zoho_id
"""


def replace_all(
    conn: Conn, customer_zoho_id: str, found: list[Row], gone: set[str], stamp: Stamp
) -> list[Written]:
    """Write every method that was ``found``, and mark those in ``gone``, and cards not found, as gone."""
    account = {"customer_zoho_id": customer_zoho_id}
    known = list_of_customer(conn, customer_zoho_id)
    written = [
        rows.upsert(conn, TABLE, customers.owned(conn, {**row, **account}), _stamped(stamp, row))
        for row in found
    ]
    there = {row["zoho_id"] for row in found}
    missing = {row["zoho_id"] for row in known if row["kind"] == "card"} - there
    left = sorted(missing | (gone - there))
    return written + [rows.mark_gone(conn, TABLE, zoho_id, stamp) for zoho_id in left]


def list_of_customer(conn: Conn, customer_zoho_id: str) -> list[dict[str, Any]]:
    """Return the methods that are on file now."""
    return conn.execute(_OF_CUSTOMER, {"zoho_id": customer_zoho_id}).fetchall()


def _stamped(stamp: Stamp, row: Row) -> Stamp:
    return Stamp(stamp.source, stamp.read_started_at, row.pop("zoho_updated_at", None))
