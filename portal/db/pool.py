"""The connection pool (SB-10): small, bounded waits, no prepared statements, no session state.

``prepare_threshold=None`` because a transaction pooler gives every transaction another server
connection (R10). How long a statement may take is said by each transaction (transaction.py), because a
pooler refuses start-up options; here is how long a server may be silent that is gone without a word.
"""

import select
import time

from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from portal.db.transaction import Pool

WAIT_SECONDS = 2.0
# Something in between (a router, a pooler) may drop an idle connection without a word.
TRUSTED_SECONDS = 10.0
# On our side of the connection, so a pooler does not see them: a dead server is noticed within 30 s.
_SILENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Known(Connection[DictRow]):
    """A connection that knows when it was last handed out."""

    handed_out_at = 0.0


def open_pool(url: str, *, name: str, max_size: int, wait: bool = True) -> Pool:
    """Open a pool of at most ``max_size`` connections to ``url``.

    Raises :class:`psycopg_pool.PoolTimeout` when ``wait`` is true and no connection comes up in time.
    """
    pool: Pool = ConnectionPool(
        url,
        connection_class=Known,
        # A transaction begins where transaction.py says so, in the round trip that takes the role.
        kwargs={
            "row_factory": dict_row,
            "prepare_threshold": None,
            "application_name": name,
            "autocommit": True,
            **_SILENCE,
        },
        min_size=1,
        max_size=max_size,
        timeout=WAIT_SECONDS,
        max_idle=300,
        # A connection that the server dropped is replaced before it is handed out.
        check=check,
        open=False,
    )
    pool.open(wait=wait, timeout=10.0)
    return pool


def check(conn: Connection[DictRow]) -> None:
    """Raise if the connection is broken; ask the server only where a look at the socket cannot tell.

    Nobody asked anything on an idle connection, so what there is to read on it is the server's farewell.
    """
    now = time.monotonic()
    was_used_lately = isinstance(conn, Known) and now - conn.handed_out_at < TRUSTED_SECONDS
    if not was_used_lately or _has_something_to_read(conn):
        ConnectionPool.check_connection(conn)
    if isinstance(conn, Known):
        conn.handed_out_at = now


def _has_something_to_read(conn: Connection[DictRow]) -> bool:
    look = select.poll()
    look.register(conn.fileno(), select.POLLIN)
    return bool(look.poll(0))
