"""How far Zoho's clock is from ours, told by the Date header of its answers.

Business dates are Zoho's: a renewal, a day of a term. Our own clock decides about sessions, leases and
tokens only. A difference of less than two minutes is the network's and is not kept.
"""

from datetime import timedelta
from email.utils import parsedate_to_datetime

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from portal import clock
from portal.db import transaction
from portal.db.transaction import Pool

log = structlog.get_logger()

NOISE = timedelta(minutes=2)
_STORE = """
update billing.organization set clock_offset = %(offset)s
where zoho_id = %(organization_id)s and clock_offset <> %(offset)s
"""


class ZohoClock:
    """Keeps ``organization.clock_offset`` level; writes only when the difference changes."""

    def __init__(self, pool: Pool, organization_id: str) -> None:
        self._pool = pool
        self._organization_id = organization_id
        self._known: timedelta | None = None

    def told(self, header: str) -> None:
        """Take note of a Date header; one that cannot be read says nothing."""
        try:
            offset = parsedate_to_datetime(header) - clock.now()
        except (TypeError, ValueError):
            return
        rounded = (
            timedelta(0) if abs(offset) < NOISE else timedelta(minutes=round(offset / timedelta(minutes=1)))
        )
        if self._known is not None and abs(rounded - self._known) < NOISE:
            return
        try:
            with transaction.as_worker(self._pool) as conn:
                conn.execute(_STORE, {"offset": rounded, "organization_id": self._organization_id})
        except (psycopg.Error, PoolTimeout) as trouble:
            log.warning("zoho_clock_not_stored", problem=type(trouble).__name__)
            return
        self._known = rounded
