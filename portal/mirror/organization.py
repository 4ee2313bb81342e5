"""The merchant's organisation at Zoho: its currency, precision and time zone."""

from portal import clock
from portal.db.transaction import Conn
from portal.mirror import rows
from portal.mirror.rows import Row

_STORE = """
insert into billing.organization
  (zoho_id, name, currency_code, price_precision, time_zone, mode, raw, synced_at)
values (%(zoho_id)s, %(name)s, %(currency_code)s, %(price_precision)s, %(time_zone)s, %(mode)s, %(raw)s,
        %(synced_at)s)
on conflict (zoho_id) do update set
  name = excluded.name, currency_code = excluded.currency_code, mode = excluded.mode, raw = excluded.raw,
  price_precision = excluded.price_precision, time_zone = excluded.time_zone, synced_at = excluded.synced_at
"""
_FIND = "select * from billing.organization where zoho_id = %(zoho_id)s"


def upsert(conn: Conn, row: Row) -> None:
    conn.execute(_STORE, {**row, "raw": rows.jsonb(row["raw"]), "synced_at": clock.now()})


def find(conn: Conn, zoho_id: str) -> Row | None:
    return conn.execute(_FIND, {"zoho_id": zoho_id}).fetchone()
