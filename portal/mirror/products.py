"""Products: what plans and addons are grouped by."""

from portal.db.transaction import Conn
from portal.mirror import rows
from portal.mirror.rows import Row, Stamp, Written

TABLE = "products"


def upsert(conn: Conn, row: Row, stamp: Stamp) -> Written:
    """Bring our copy level with what Zoho said, unless it already is newer."""
    return rows.upsert(conn, TABLE, row, stamp)


def mark_gone(conn: Conn, zoho_id: str, stamp: Stamp) -> Written:
    return rows.mark_gone(conn, TABLE, zoho_id, stamp)


def find_by_zoho_id(conn: Conn, zoho_id: str) -> Row | None:
    return rows.find_by_zoho_id(conn, TABLE, zoho_id)
