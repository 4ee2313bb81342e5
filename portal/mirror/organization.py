"""The merchant's organisation at Zoho: its currency, precision and time zone."""

from datetime import date

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
_TODAY = "select time_zone, clock_offset from billing.organization order by synced_at desc limit 1"


def upsert(conn: Conn, row: Row) -> None:
    conn.execute(_STORE, {**row, "raw": rows.jsonb(row["raw"]), "synced_at": clock.now()})


def today(conn: Conn) -> date:
    """Return the date that it is for the organisation, by Zoho's clock; the UTC date before it is known."""
    row = conn.execute(_TODAY).fetchone()
    return clock.today(row["time_zone"], row["clock_offset"]) if row else clock.now().date()
