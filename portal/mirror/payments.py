"""Payments, with the invoices they were applied to."""

from portal.db.transaction import Conn
from portal.mirror import customers, rows
from portal.mirror.rows import Row, Stamp, Written

TABLE = "payments"


def upsert(conn: Conn, row: Row, stamp: Stamp) -> Written:
    """Bring our copy level with what Zoho said, unless it already is newer."""
    return rows.upsert(conn, TABLE, customers.owned(conn, row), stamp)


def mark_gone(conn: Conn, zoho_id: str, stamp: Stamp) -> Written:
    return rows.mark_gone(conn, TABLE, zoho_id, stamp)
