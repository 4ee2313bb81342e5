"""When an account's collections were last read in full: what an empty list is worth."""

from datetime import datetime

from portal.db.transaction import Conn

_STORE = """
insert into billing.freshness (account_id, kind, read_at, source)
select %(account_id)s, %(kind)s, %(read_at)s, %(source)s where %(account_id)s::uuid is not null
on conflict (account_id, kind) do update set read_at = excluded.read_at, source = excluded.source
where freshness.read_at < excluded.read_at
"""


def store(conn: Conn, account_id: object, kind: str, read_at: datetime, source: str) -> None:
    """Note that all objects of ``kind`` of the account were read at ``read_at``."""
    conn.execute(_STORE, {"account_id": account_id, "kind": kind, "read_at": read_at, "source": source})
