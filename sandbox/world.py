"""The world: settings, store and clock together, and the few acts that touch all of it (emit, advance,
reset).
"""

from __future__ import annotations

import copy
import importlib
import json
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from types import ModuleType
from typing import Any

from flask import current_app

from sandbox.clock import Clock, StillClock, real_now
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.tx import Doc, Tx

SWITCHES = "switches"
LAST_JOB = "last_job_day"
JOB_HOUR = 6
ORGANIZATION_ID = "10000001"
PARTS = (
    "oauth",
    "hosted_pages",
    "webhooks",
    "faults",
    "supabase_auth",
    "mailbox",
    "control",
    "console",
)


class World:
    """Everything a request needs, once per process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.data)
        self.clock = Clock(self.store, settings.time_zone)
        self.wake = threading.Event()
        self.silent = False
        self.progress: dict[str, Any] = {"running": False}
        self._moving = threading.RLock()
        self._next_job: datetime | None = None
        self._given = settings.model_dump()
        self._load_switches()

    def emit(self, tx: Tx, event_type: str, data: Doc, source: str = "user") -> None:
        """Write an event in the same transaction as its fact, and wake deliveries after the commit."""
        from sandbox import events

        if not self.silent:
            events.record(self, tx, event_type, data, source)
            tx.after_commit(self.wake.set)

    def reset(self, seed: str = "demo", subscriptions: int = 0) -> None:
        """Start a fresh world; each part of the sandbox may fill it through its `seed(world, tx, seed,
        previous)`.

        `previous` reads the world that is about to go, for what a part wants to carry over.
        """
        fresh = copy.copy(self)  # a reset world begins at the real time, whatever the old one had reached
        fresh.clock = StillClock(self.settings.time_zone, real_now())
        with self._moving:
            with self.store.read() as previous:
                self.store.replace(lambda tx: fresh.fill(tx, seed, subscriptions, previous))
            self._read_again()

    def replace(self, fill: Callable[[Tx], None]) -> None:
        """Another world in place of this one, all or nothing."""
        with self._moving:
            self.store.replace(fill)
            self._read_again()

    def _read_again(self) -> None:
        self.clock.reload()
        self._next_job = None
        self._load_switches()

    def advance_to(self, moment: datetime) -> None:
        """Let time go on to `moment`, running the 06:00 job of every day on the way.

        Each day commits by itself, so a long move shows its progress and a killed one goes on where it
        stopped.
        """
        if moment < self.clock.now() - timedelta(seconds=1):
            raise ValueError("time only goes forward")
        with self._moving:
            self.progress = {"running": True, "from": self.clock.stamp(), "to": self.clock.stamp(moment)}
            try:
                while (morning := self.next_job()) <= moment:
                    self.progress = self.progress | {"at": self.clock.stamp(morning)}
                    self._run_job(morning)
                self.clock.advance_to(moment)
            finally:
                self.progress = self.progress | {"running": False}

    def catch_up(self) -> None:
        """Run the jobs whose morning has come by the ticking of the clock alone.

        Nobody waits for this while another thread moves the clock: that one runs the jobs. After days of
        standing still everybody waits, so that nothing is written before what these days brought.
        """
        if self._next_job is not None and self.clock.now() < self._next_job:
            return
        days_behind = self.next_job().date() < self.clock.today()
        if not self._moving.acquire(blocking=days_behind):
            return
        try:
            while (morning := self.next_job()) <= self.clock.now():
                self._run_job(morning)
            self._next_job = morning
        finally:
            self._moving.release()

    def next_job(self) -> datetime:
        """The morning of the first day whose job has not run."""
        last = self.store.meta(LAST_JOB)
        day = date.fromisoformat(last) if last else self.clock.today() - timedelta(days=1)
        return self.clock.at(day + timedelta(days=1), JOB_HOUR)

    def _run_job(self, morning: datetime) -> None:
        from sandbox.engine import jobs

        there = self if morning.date() >= self.clock.today() else self._at(morning)
        try:
            with self.store.transaction() as tx:
                if morning > self.clock.now():
                    self.clock.advance_to(morning, tx)
                jobs.run_day(there, tx, morning.date())
                tx.set_meta(LAST_JOB, morning.date().isoformat())
        except BaseException:
            self.clock.reload()
            raise
        self._next_job = None

    def _at(self, moment: datetime) -> World:
        """This world at a moment that is over: what a job makes up for is dated as it would have been."""
        then = copy.copy(self)
        then.clock = StillClock(self.settings.time_zone, moment)
        then.clock.skew = self.clock.skew
        return then

    def switch(self, values: dict[str, Any]) -> None:
        """Change settings while running, and remember them across restarts (not across a reset)."""
        with self.store.transaction() as tx:
            kept = json.loads(tx.meta(SWITCHES) or "{}") | values
            tx.set_meta(SWITCHES, json.dumps(kept))
            for name, value in values.items():
                setattr(self.settings, name, value)

    def _load_switches(self) -> None:
        for name, value in (self._given | json.loads(self.store.meta(SWITCHES) or "{}")).items():
            if getattr(self.settings, name) != value:
                setattr(self.settings, name, value)

    def fill(self, tx: Tx, seed: str, subscriptions: int, previous: Tx) -> None:
        """What a fresh world begins with."""
        tx.set_meta("seeded", seed)
        now = self.clock.now()
        done = now.date() if now.hour >= JOB_HOUR else now.date() - timedelta(days=1)
        tx.set_meta(LAST_JOB, done.isoformat())
        for name in ("seed", *PARTS):
            module = part(name)
            if hasattr(module, "seed"):
                module.seed(self, tx, seed, previous)
        if subscriptions:
            from sandbox import bulk

            bulk.generate(self, tx, subscriptions)


def part(name: str) -> ModuleType:
    """A part of the sandbox: has a `blueprint` or `register(app)`, and perhaps `seed` and `start`."""
    return importlib.import_module("sandbox." + name)


def current() -> World:
    """The world of the running app."""
    world: World = current_app.extensions["sandbox_world"]
    return world
