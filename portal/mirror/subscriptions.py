"""Subscriptions with their addons."""

from uuid import UUID

from portal.db.transaction import Conn
from portal.mirror import customers, rows
from portal.mirror.rows import Row, Stamp, Written

TABLE = "subscriptions"

_DROP_ADDONS = "delete from billing.subscription_addons where subscription_id = %(id)s"
_STORE_ADDONS = """
insert into billing.subscription_addons
  (subscription_id, account_id, position, code, name, quantity, price, total, type)
select %(id)s, %(account_id)s, a.position, a.code, a.name, a.quantity, a.price, a.total, a.type
from jsonb_to_recordset(%(addons)s) as a
  (position smallint, code text, name text, quantity numeric, price numeric, total numeric, type text)
"""


def upsert(conn: Conn, row: Row, addons: list[Row], stamp: Stamp) -> Written:
    """Bring the subscription and its addons level with what Zoho said, unless ours is newer."""
    written = rows.upsert(conn, TABLE, customers.owned(conn, row), stamp)
    if written.changed and written.after is not None:
        _replace_addons(conn, written.after["id"], written.after["account_id"], addons)
    return written


def mark_gone(conn: Conn, zoho_id: str, stamp: Stamp) -> Written:
    return rows.mark_gone(conn, TABLE, zoho_id, stamp)


def _replace_addons(conn: Conn, subscription_id: UUID, account_id: UUID | None, addons: list[Row]) -> None:
    conn.execute(_DROP_ADDONS, {"id": subscription_id})
    if addons:
        numbered = [{**addon, "position": position} for position, addon in enumerate(addons)]
        names = {"id": subscription_id, "account_id": account_id, "addons": rows.jsonb(numbered)}
        conn.execute(_STORE_ADDONS, names)
