"""Virtual time: it stands still until somebody sleeps or moves it, and everybody reads the same moment."""

from __future__ import annotations

import random
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import tenacity
from tenacity import nap

import sandbox.clock
import sandbox.world
from portal import clock

START = datetime(2026, 2, 24, 15, 30, tzinfo=UTC)  # before both changes of the American clocks


class VirtualTime(ModuleType):
    """The clock of a simulation; it also stands in for the module `time` where code sleeps or measures."""

    def __init__(self, start: datetime = START) -> None:
        super().__init__("virtual time")
        self.moment = start
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """What Zoho's clock says."""
        return self.moment

    def ours(self) -> datetime:
        """What the portal's clock says: it may be wrong by minutes."""
        return self.moment + self.skew

    def time(self) -> float:
        return self.moment.timestamp()

    monotonic = perf_counter = time

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=max(seconds, 0.0))


@contextmanager
def swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Put `value` in place of an attribute for as long as the block lasts."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def living_in(virtual: VirtualTime) -> Iterator[None]:
    """Let portal, sandbox and their libraries read, wait and measure by `virtual`."""
    with ExitStack() as stack:
        stack.enter_context(clock.replaced_by(virtual.ours))
        for owner in (sandbox.clock, sandbox.world):
            stack.enter_context(swapped(owner, "real_now", virtual.now))
        for name, module in list(sys.modules.items()):
            if name.startswith(("portal.", "sandbox.")) and getattr(module, "time", None) is time:
                stack.enter_context(swapped(module, "time", virtual))
        for owner in (tenacity, nap):
            stack.enter_context(swapped(owner, "time", virtual))
        yield


class _SeededOs(ModuleType):
    """What the module `uuid` asks its operating system for, drawn from the seed."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__("os for uuid")
        self.urandom = dice.randbytes


@contextmanager
def drawn_from(seed: str) -> Iterator[None]:
    """Draw the portal's jitter and ids from the seed, so that a replay makes the same choices."""
    state = random.getstate()
    random.seed(seed)
    try:
        with swapped(uuid, "os", _SeededOs(random.Random(f"{seed}:uuid"))):
            yield
    finally:
        random.setstate(state)
