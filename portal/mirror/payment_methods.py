"""Cards and bank accounts of a customer: one collection, read and written as a whole.

Zoho lists active cards only and has no list of bank accounts (facts.md 5.1), so a card that is missing
from the list is gone, while a bank account leaves only when Zoho says so for that very account.
"""

from datetime import datetime
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
    conn: Conn,
    customer_zoho_id: str,
    found: list[tuple[Row, datetime | None]],
    gone: set[str],
    stamp: Stamp,
) -> list[Written]:
    """Write each ``found`` method (with Zoho's time of it); ``gone`` ones, and cards not found, leave."""
    account_id = customers.account_of(conn, customer_zoho_id)
    owner = {"customer_zoho_id": customer_zoho_id, "account_id": account_id}
    known = list_of_customer(conn, customer_zoho_id)
    written = [
        rows.upsert(conn, TABLE, row | owner, Stamp(stamp.source, stamp.read_started_at, updated_at))
        for row, updated_at in found
    ]
    there = {row["zoho_id"] for row, _ in found}
    cards = {row["zoho_id"] for row in known if row["kind"] == "card"}
    left = sorted((cards | gone) - there)
    return written + [rows.mark_gone(conn, TABLE, zoho_id, stamp) for zoho_id in left]


def list_of_customer(conn: Conn, customer_zoho_id: str) -> list[dict[str, Any]]:
    """Return the methods that are on file now."""
    return conn.execute(_OF_CUSTOMER, {"zoho_id": customer_zoho_id}).fetchall()
