"""Parts that are stopped for a while: one by one, and started again in another order (a swizzle)."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.history import History
from tests.simulation.stage import Setting


class Outages:
    """Stops and starts parts of a setting; `attend` is told when Zoho is another process than before."""

    def __init__(self, setting: Setting, history: History, attend: Callable[[], None]) -> None:
        self.setting, self.history, self._attend = setting, history, attend

    def stop(self, part: str) -> None:
        self.setting.down.add(part)
        self.history.note(f"{part} is stopped")
        self.history.count(f"stopped {part}")
        if part == "database":
            self.setting.pool.stop()
        self.setting.connect()

    def start(self, part: str) -> None:
        """Start it, with nothing in memory."""
        self.setting.down.discard(part)
        self.history.note(f"{part} is started")
        if part == "zoho":
            self.setting.restart_zoho()
            self._attend()
        if part == "database":
            self.setting.pool.is_up = True
        self.setting.start()

    def start_all(self) -> None:
        for part in sorted(self.setting.down):
            self.start(part)
