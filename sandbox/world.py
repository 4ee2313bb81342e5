"""The world: settings, store and clock together, and the few acts that touch all of it (emit, advance, reset)."""

from __future__ import annotations

import importlib
import json
import threading
from datetime import datetime
from types import ModuleType
from typing import Any

from flask import current_app

from sandbox.clock import Clock
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.tx import Doc, Tx

SWITCHES = "switches"
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
        self.progress: dict[str, Any] = {"running": False}
        self._load_switches()

    def emit(self, tx: Tx, event_type: str, data: Doc, source: str = "user") -> None:
        """Write an event in the same transaction as its fact, and wake deliveries after the commit."""
        events = part("events")
        if events is not None and hasattr(events, "record"):
            events.record(self, tx, event_type, data, source)
            tx.after_commit(self.wake.set)

    def reset(self, seed: str = "demo", subscriptions: int = 0) -> None:
        """Start a fresh world; each part of the sandbox may fill it through its `seed(world, tx, seed, previous)`.

        `previous` reads the world that is about to go, for what a part wants to carry over.
        """
        with self.store.read() as previous:
            self.store.replace(lambda tx: self._fill(tx, seed, subscriptions, previous))
        self.clock.reload()
        self._load_switches()

    def advance_to(self, moment: datetime) -> None:
        """Let time go on to `moment`, running the 06:00 job of every day on the way."""
        self.clock.advance_to(moment)

    def switch(self, values: dict[str, Any]) -> None:
        """Change settings while running, and remember them across restarts (not across a reset)."""
        with self.store.transaction() as tx:
            kept = json.loads(tx.meta(SWITCHES) or "{}") | values
            tx.set_meta(SWITCHES, json.dumps(kept))
            for name, value in values.items():
                setattr(self.settings, name, value)

    def _load_switches(self) -> None:
        for name, value in json.loads(self.store.meta(SWITCHES) or "{}").items():
            setattr(self.settings, name, value)

    def _fill(self, tx: Tx, seed: str, subscriptions: int, previous: Tx) -> None:
        tx.set_meta("seeded", seed)
        for name in ("seed", *PARTS):
            module = part(name)
            if module is not None and hasattr(module, "seed"):
                module.seed(self, tx, seed, previous)


def part(name: str) -> ModuleType | None:
    """A module of the sandbox that may not be there yet."""
    try:
        return importlib.import_module("sandbox." + name)
    except ModuleNotFoundError as missing:
        if missing.name != "sandbox." + name:
            raise
        return None


def current() -> World:
    """The world of the running app."""
    world: World = current_app.extensions["sandbox_world"]
    return world
