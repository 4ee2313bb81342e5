"""One line for every call to Zoho, and the permission to make it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from portal import clock
from portal.config import Settings
from portal.db import transaction
from portal.db.transaction import Pool

_LOG = """
insert into billing.zoho_calls (at, lane, method, endpoint, status, zoho_code, ms, outcome, request_id)
values (%(at)s, %(lane)s, %(method)s, %(endpoint)s, %(status)s, %(zoho_code)s, %(ms)s, %(outcome)s, %(request_id)s)
"""


@dataclass(frozen=True, slots=True)
class Permit:
    lane: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made, for the log and the breaker."""

    method: str
    endpoint: str
    ms: int
    outcome: str
    status: int | None = None
    zoho_code: int | None = None
    request_id: str = ""
    retry_at: datetime | None = None


class Budget:
    def __init__(self, settings: Settings, pool: Pool, sleep: Callable[[float], None] = time.sleep) -> None:
        self._pool = pool

    def enter(self, lane: str, *, writes: bool, patience: float) -> Permit:
        return Permit(lane, clock.now())

    def leave(self, permit: Permit, made: Made) -> None:
        with transaction.as_worker(self._pool) as conn:
            conn.execute(
                _LOG,
                {
                    "at": permit.at,
                    "lane": permit.lane,
                    "method": made.method,
                    "endpoint": made.endpoint,
                    "status": made.status,
                    "zoho_code": made.zoho_code,
                    "ms": made.ms,
                    "outcome": made.outcome,
                    "request_id": made.request_id,
                },
            )
