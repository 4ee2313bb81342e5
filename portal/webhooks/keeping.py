"""Deliveries that arrive at the same moment share one commit; each is answered only after it (WH-05).

A commit costs the disk's time, and Postgres lets only one commit at a time wake the worker (NOTIFY). So
whoever finds the way free takes along all that wait: one alone waits for nobody, and a burst costs one
commit for each turn instead of one for each delivery (docs/decisions/0090).
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

import psycopg
from psycopg_pool import PoolTimeout

from portal.db import transaction
from portal.db.pool import WAIT_SECONDS
from portal.db.transaction import Pool
from portal.jobs import tasks
from portal.sync import inbox
from portal.sync.inbox import Delivery


@dataclass(frozen=True, slots=True)
class _Arrival:
    delivery: Delivery
    outcome: Future[bool] = field(default_factory=Future)


class Keeper:
    """Keeps deliveries, several at once where several come at once. One in a process."""

    def __init__(self) -> None:
        self.waiting: list[_Arrival] = []
        self._door = threading.Lock()
        self._turn = threading.Lock()

    def keep(self, pool: Pool, delivery: Delivery) -> bool:
        """Commit the delivery with its job and return whether it was new.

        Raises :class:`psycopg.Error`. The delivery may be kept even then, which its repetition finds out.
        """
        arrival = _Arrival(delivery)
        with self._door:
            self.waiting.append(arrival)
        if not self._turn.acquire(timeout=WAIT_SECONDS):
            raise PoolTimeout("those who came before have not come through")
        try:
            if not arrival.outcome.done():
                self._keep_all(pool)
        finally:
            self._turn.release()
        return arrival.outcome.result(timeout=0)

    def _keep_all(self, pool: Pool) -> None:
        with self._door:
            arrivals, self.waiting = self.waiting, []
        try:
            _commit(pool, arrivals)
        except psycopg.Error as problem:
            is_outage = problem.sqlstate is None  # nobody answered, so nobody would
            if is_outage or len(arrivals) == 1:
                _fail(arrivals, problem)
                return
            # One that cannot be kept must not take the others along.
            for arrival in arrivals:
                _commit_alone(pool, arrival)
        except BaseException as problem:
            _fail(arrivals, problem)
            raise


def _commit_alone(pool: Pool, arrival: _Arrival) -> None:
    try:
        _commit(pool, [arrival])
    except psycopg.Error as problem:
        _fail([arrival], problem)


def _commit(pool: Pool, arrivals: list[_Arrival]) -> None:
    wanted = [(arrival.delivery, _job(arrival.delivery)) for arrival in arrivals]
    with transaction.alone(pool) as conn:
        news = inbox.receive(conn, wanted)
    for arrival, is_new in zip(arrivals, news, strict=True):
        arrival.outcome.set_result(is_new)


def _fail(arrivals: list[_Arrival], problem: BaseException) -> None:
    for arrival in arrivals:
        arrival.outcome.set_exception(problem)


def _job(delivery: Delivery) -> inbox.Job | None:
    if not delivery.subjects:
        return None
    return tasks.waking(delivery.subjects[0], late=delivery.is_untimely)
