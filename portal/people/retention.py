"""What of people is forgotten: flows that nobody finished, counters of yesterday, old sessions."""

from datetime import timedelta

from portal import clock
from portal.db.transaction import Conn
from portal.people import flows

SESSIONS_KEPT = timedelta(days=90)
COUNTERS_KEPT = timedelta(days=1)

_SESSIONS = "delete from billing.sessions where coalesce(ended_at, expires_at) < %(before)s"
_COUNTERS = "delete from billing.rate_limits where window_start < %(before)s"


def prune(conn: Conn) -> None:
    """Delete what is no longer needed."""
    now = clock.now()
    flows.delete_expired(conn)
    conn.execute(_SESSIONS, {"before": now - SESSIONS_KEPT})
    conn.execute(_COUNTERS, {"before": now - COUNTERS_KEPT})
