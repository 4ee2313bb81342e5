"""What is forgotten, and when: bodies with personal data, keys, logs of calls, finished business, sessions.

The audit trail, drift and mails that were sent are kept: they answer questions years later.
"""

from datetime import timedelta

from portal import clock
from portal.db.transaction import Conn
from portal.people import retention
from portal.sync import inbox, reads
from portal.zoho.budget import KEEP_LOG

KEEP_READS = timedelta(days=1)
KEEP_RUNS = timedelta(days=90)

_DROP_CALLS = "delete from billing.zoho_calls where at < %(before)s"
_DROP_RUNS = "delete from billing.sync_runs where state <> 'running' and started_at < %(before)s"


def prune(conn: Conn) -> None:
    """Drop everything that is past its time."""
    now = clock.now()
    retention.prune(conn)
    inbox.prune(conn)
    reads.prune(conn, now - KEEP_READS)
    conn.execute(_DROP_CALLS, {"before": now - KEEP_LOG})
    conn.execute(_DROP_RUNS, {"before": now - KEEP_RUNS})
