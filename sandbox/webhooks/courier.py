"""Sends what is due: one endpoint at a time in order, endpoints beside each other.

A row is claimed by nothing but being sent: if the process dies between the answer
and our commit, the delivery goes out again after the restart, as at-least-once
delivery does. When nothing is due the thread sleeps until an event or the clock
wakes it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

from sandbox.store import Doc, Tx
from sandbox.webhooks import endpoints, schedule, sending
from sandbox.world import World

LOG = logging.getLogger("sandbox.webhooks")
BATCH = 50
NAP_S = 5.0


class Courier:
    """The delivery thread of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        # How a message leaves; a simulation puts its own way in place of HTTP.
        self.post: sending.Post = sending.over_http
        self._busy: set[str] = set()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="deliver")
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no delivery any more; one that is under way may end."""
        self._stopped.set()
        self._world.wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def pump(self, *, everything: bool = False) -> int:
        """Send what is due (or all that waits) in the caller's thread; answer how many were sent."""
        sent = 0
        for endpoint in self._endpoints():
            while batch := self._due(endpoint, everything=everything):
                sent += sum(sending.send(self._world, row, self.post) for row in batch)
        return sent

    def drain(self, limit_s: float = 10.0) -> None:
        """Return when nothing that is due is left, or when the limit has passed."""
        if self._world.settings.deliver == "manual":
            self.pump()
            return
        end = self._world.clock.epoch() + limit_s
        while self._world.clock.epoch() < end:
            if not self._busy and not any(self._due(each) for each in self._endpoints()):
                return
            self._world.wake.set()
            self._stopped.wait(0.02)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._world.wake.clear()
            try:
                self._world.catch_up()  # a morning comes even when nobody calls
                nap = self._dispatch()
            except (sqlite3.Error, OSError):
                # The world file was just replaced or its folder is gone; the next look will tell.
                nap = NAP_S
            except Exception:
                LOG.exception("a morning's job failed")
                nap = NAP_S
            self._world.wake.wait(nap)

    def _dispatch(self) -> float:
        """Hand due rows to the pool; answer how long nothing will be due."""
        for endpoint in self._endpoints():
            if endpoint in self._busy:
                continue
            batch = self._due(endpoint)
            if batch:
                self._busy.add(endpoint)
                self._pool.submit(self._deliver, endpoint, batch)
        return self._pause()

    def _deliver(self, endpoint: str, batch: list[Doc]) -> None:
        try:
            for row in batch:
                if self._stopped.is_set():
                    return
                sending.send(self._world, row, self.post)
        except sqlite3.Error:
            # A reset replaced the world under the batch: its deliveries went with it. If it is gone for
            # good, trying again at once would keep a core busy for nothing.
            self._stopped.wait(NAP_S)
        except Exception:
            LOG.exception("a delivery could not be made")
            self._stopped.wait(NAP_S)
        finally:
            self._busy.discard(endpoint)
            self._world.wake.set()

    def _endpoints(self) -> list[str]:
        with self._world.store.read() as tx:
            return [doc["webhook_id"] for doc in tx.find(endpoints.KIND)]

    def _due(self, endpoint: str, *, everything: bool = False) -> list[Doc]:
        now = self._world.clock.now().timestamp()
        with self._world.store.read() as tx:
            if not schedule.has_any(tx):
                return []
            where = {"waits_for": endpoint, "due": ("<=", float("inf") if everything else now)}
            return tx.find(schedule.KIND, where=where, order="due", limit=BATCH)

    def _pause(self) -> float:
        """Seconds until the next row that no busy endpoint holds is due, at most a nap."""
        with self._world.store.read() as tx:
            dues = [due for e in self._endpoints() if e not in self._busy for due in _next(tx, e)]
        now = self._world.clock.now().timestamp()
        # The virtual clock shows whole seconds, so look again a moment after the second.
        return min([NAP_S, *(max(due - now, 0) + 0.2 for due in dues)])


def _next(tx: Tx, endpoint: str) -> list[float]:
    if not schedule.has_any(tx):
        return []
    rows = tx.find(schedule.KIND, where={"waits_for": endpoint}, order="due", limit=1)
    return [row["due"] for row in rows]
