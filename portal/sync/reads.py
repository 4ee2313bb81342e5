"""The lock that is taken before an object is read from Zoho (WH-09, R6).

A lease in a row, because no transaction may stay open across HTTP and no session lock survives a pooler
(R10). Whoever dies with it loses it after LEASE; the guards of portal/mirror/rows.py hold even then.
The lease also hands out the moment at which the read "began": always later than the read before it, even
where two machines' clocks disagree, so that a tie in Zoho's whole seconds is decided rightly.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import PoolTimeout

from portal import clock
from portal.db import transaction
from portal.db.transaction import Conn, Pool
from portal.errors import Unavailable
from portal.sync.subjects import Subject

# The slowest exchange with Zoho (13 s) three times over. Shorter than it takes to believe that a worker is
# dead, so that what it was reading can be read when its job runs again (portal/jobs/tasks.py has the sum).
LEASE = timedelta(seconds=50)
_PAUSE_SECONDS = 0.1

_TAKE = """
insert into billing.object_reads as r (kind, zoho_id, holder, lease_until)
values (%(kind)s, %(zoho_id)s, %(holder)s, %(until)s)
on conflict (kind, zoho_id) do update set holder = excluded.holder, lease_until = excluded.lease_until
where r.holder is null or r.lease_until <= %(now)s
returning last_read_at, last_arrival, nextval('billing.arrivals') as arrival
"""
_SETTLE = """
update billing.object_reads
set holder = null, lease_until = null, last_read_at = %(began)s, last_arrival = %(arrival)s
where kind = %(kind)s and zoho_id = %(zoho_id)s and holder = %(holder)s
"""
_GIVE_BACK = """
update billing.object_reads set holder = null, lease_until = null
where kind = %(kind)s and zoho_id = %(zoho_id)s and holder = %(holder)s
"""
_LAST = "select last_read_at from billing.object_reads where kind = %(kind)s and zoho_id = %(zoho_id)s"
_PRUNE = "delete from billing.object_reads where holder is null and last_read_at < %(before)s"


class Busy(Unavailable):
    """Somebody else is reading this from Zoho right now. Try again in a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.retry_at = clock.now()


@dataclass(frozen=True, slots=True)
class Read:
    """One read under way: when it counts as begun, its number, and those of the one stored before it.

    Numbers come from the sequence that also numbers deliveries: a read with a higher number began after
    the delivery had arrived, whatever the clocks of the machines say.
    """

    subject: Subject
    holder: UUID
    began: datetime
    arrival: int
    last_read_at: datetime | None
    last_arrival: int | None

    def is_needed_for(self, arrival: int) -> bool:
        """Tell whether a delivery of this number still wants a read."""
        return self.last_arrival is None or self.last_arrival < arrival


@contextmanager
def exclusive(pool: Pool, subject: Subject, *, patience: float = 5.0) -> Iterator[Read]:
    """Be the only one who reads ``subject``. Raises :class:`Busy` when others are at it for too long."""
    read = _take(pool, subject, patience)
    try:
        yield read
    except BaseException:
        with suppress(psycopg.Error, PoolTimeout):  # the lease then ends by itself
            give_back(pool, read)
        raise


def settle(conn: Conn, read: Read) -> None:
    """Give the lease back and remember the read, in the transaction that stores what was read."""
    conn.execute(_SETTLE, _names(read) | {"began": read.began, "arrival": read.arrival})


def find_last(conn: Conn, subject: Subject) -> datetime | None:
    """Return when the last stored read of ``subject`` began."""
    row = conn.execute(_LAST, subject.as_dict()).fetchone()
    return row["last_read_at"] if row else None


def prune(conn: Conn, before: datetime) -> int:
    """Forget objects that were last read before ``before``."""
    return conn.execute(_PRUNE, {"before": before}).rowcount


def _take(pool: Pool, subject: Subject, patience: float) -> Read:
    holder = uuid4()
    give_up = time.monotonic() + patience
    while True:
        now = clock.now()
        names = {"holder": holder, "now": now, "until": now + LEASE}
        taken = transaction.worker_does(pool, _TAKE, subject.as_dict() | names)
        if taken:
            row = taken[0]
            last = row["last_read_at"]
            began = max(now, last + timedelta(microseconds=1)) if last else now
            return Read(subject, holder, began, row["arrival"], last, row["last_arrival"])
        if time.monotonic() >= give_up:
            raise Busy
        time.sleep(_PAUSE_SECONDS)


def give_back(pool: Pool, read: Read) -> None:
    """Give the lease back unused."""
    transaction.worker_does(pool, _GIVE_BACK, _names(read))


def _names(read: Read) -> dict[str, object]:
    return {**read.subject.as_dict(), "holder": read.holder}
