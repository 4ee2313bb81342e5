"""The connection pool (SB-10): small, bounded waits, no prepared statements, no session state.

``prepare_threshold=None`` because a transaction pooler gives every transaction another server
connection (R10). Time-outs are per connection by libpq options where the server is reached directly;
a pooler that refuses start-up options gets them from the role instead (docs/runbook.md).
"""

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from portal.db.transaction import Pool

WAIT_SECONDS = 2.0


def open_pool(url: str, *, name: str, max_size: int, wait: bool = True) -> Pool:
    """Open a pool of at most ``max_size`` connections to ``url``.

    Raises :class:`psycopg_pool.PoolTimeout` when ``wait`` is true and no connection comes up in time.
    """
    pool: Pool = ConnectionPool(
        url,
        connection_class=Connection,
        kwargs={"row_factory": dict_row, "prepare_threshold": None, "application_name": name},
        min_size=1,
        max_size=max_size,
        timeout=WAIT_SECONDS,
        max_idle=300,
        # A connection that the server dropped is replaced before it is handed out.
        check=ConnectionPool.check_connection,
        open=False,
    )
    pool.open(wait=wait, timeout=10.0)
    return pool
