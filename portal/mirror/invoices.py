"""Invoices with their lines."""

from uuid import UUID

from portal.db.transaction import Conn
from portal.mirror import customers, rows
from portal.mirror.rows import Row, Stamp, Written

TABLE = "invoices"

_DROP_LINES = "delete from billing.invoice_lines where invoice_id = %(id)s"
_STORE_LINES = """
insert into billing.invoice_lines
  (invoice_id, account_id, position, zoho_id, code, name, description, product_type, price, quantity,
   discount_amount, tax_name, tax_percentage, item_total)
select %(id)s, %(account_id)s, l.position, l.zoho_id, l.code, l.name, l.description, l.product_type,
       l.price, l.quantity, l.discount_amount, l.tax_name, l.tax_percentage, l.item_total
from jsonb_to_recordset(%(lines)s) as l
  (position smallint, zoho_id text, code text, name text, description text, product_type text,
   price numeric, quantity numeric, discount_amount numeric, tax_name text, tax_percentage numeric,
   item_total numeric)
"""


def upsert(conn: Conn, row: Row, lines: list[Row], stamp: Stamp) -> Written:
    """Bring the invoice and its lines level with what Zoho said, unless ours is newer."""
    written = rows.upsert(conn, TABLE, customers.owned(conn, row), stamp)
    if written.changed and written.after is not None:
        _replace_lines(conn, written.after["id"], written.after["account_id"], lines)
    return written


def mark_gone(conn: Conn, zoho_id: str, stamp: Stamp) -> Written:
    return rows.mark_gone(conn, TABLE, zoho_id, stamp)


def _replace_lines(conn: Conn, invoice_id: UUID, account_id: UUID | None, lines: list[Row]) -> None:
    conn.execute(_DROP_LINES, {"id": invoice_id})
    if lines:
        numbered = [{**line, "position": position} for position, line in enumerate(lines)]
        names = {"id": invoice_id, "account_id": account_id, "lines": rows.jsonb(numbered)}
        conn.execute(_STORE_LINES, names)
