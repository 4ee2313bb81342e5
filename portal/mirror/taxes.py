"""Taxes: the rates that plans and addons name by id."""

from portal import clock
from portal.db.transaction import Conn
from portal.mirror import rows
from portal.mirror.rows import Row

_STORE = """
insert into billing.taxes (zoho_id, name, percentage, raw, synced_at)
values (%(zoho_id)s, %(name)s, %(percentage)s, %(raw)s, %(synced_at)s)
on conflict (zoho_id) do update set
  name = excluded.name, percentage = excluded.percentage, raw = excluded.raw, synced_at = excluded.synced_at
"""
_FORGET = "delete from billing.taxes where not zoho_id = any (%(present)s)"


def replace_all(conn: Conn, found: list[Row]) -> None:
    """Make ours the list that Zoho gave."""
    for row in found:
        conn.execute(_STORE, {**row, "raw": rows.jsonb(row["raw"]), "synced_at": clock.now()})
    conn.execute(_FORGET, {"present": [row["zoho_id"] for row in found]})
