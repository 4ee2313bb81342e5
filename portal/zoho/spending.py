"""For whom a call is made, so that one customer cannot spend what all of them share (RL-02).

The web names the account in whose pages it is; calls that people wait for are then counted, ten a minute
an account, in the counters that all processes share. Workers name nobody: what they read is bounded by
what happens at Zoho, not by what somebody clicks.
"""

from contextvars import ContextVar
from datetime import datetime, timedelta

from portal import clock
from portal.db import transaction
from portal.db.transaction import Pool
from portal.zoho.errors import BudgetSpent

PER_MINUTE = 10
_MINUTE = timedelta(minutes=1)

_spender: ContextVar[str] = ContextVar("spender", default="")

_COUNT = """
insert into billing.rate_limits as counted (key, window_start, hits, last_hit_at)
values (%(key)s, %(window_start)s, 1, %(now)s)
on conflict (key, window_start) do update set hits = counted.hits + 1, last_hit_at = excluded.last_hit_at
returning hits, set_config('synchronous_commit', 'off', true)
"""


def on_behalf_of(account: str) -> None:
    """Say for which account this thread works from now on; "" for none."""
    _spender.set(account)


def current() -> str:
    return _spender.get()


def charge(pool: Pool, most: int) -> None:
    """Count one call of the present spender. Raises :class:`BudgetSpent` above ``most`` in this minute."""
    spender = current()
    if not spender:
        return
    now = clock.now()
    start = datetime.fromtimestamp(now.timestamp() // 60 * 60, now.tzinfo)
    values = {"key": f"zoho:{spender}", "window_start": start, "now": now}
    with transaction.as_worker(pool) as conn:
        row = conn.execute(_COUNT, values).fetchone()
    if row and row["hits"] > most:
        raise BudgetSpent(retry_at=start + _MINUTE)
