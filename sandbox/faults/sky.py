"""The present weather in memory: which fault strikes this call.

Ordinals start at nought whenever weather is set, which makes a run repeatable.
Scripted faults (`next`) come before drawn ones, one a matching call.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from threading import Lock
from typing import Any

from sandbox.faults import weather
from sandbox.store import Doc, Store

CALM: Doc = {}


class Sky:
    """Looks the weather up in the store and counts the calls under it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._text: str | None = None
        self._weather: Doc = CALM
        self._ordinals: Counter[str] = Counter()
        self._scripts: dict[str, list[Any]] = {}
        self._lock = Lock()

    def look(self) -> Doc:
        text = self._store.meta(weather.META)
        with self._lock:
            if text != self._text:
                self._text = text
                self._weather = weather.told(text)
                self._ordinals.clear()
                lanes = ("api", "oauth")
                self._scripts = {lane: list(weather.magnitude(self._weather, lane, "next")) for lane in lanes}
            return self._weather

    def fault(self, lane: str, method: str, path: str, applicable: set[str]) -> tuple[str, Random]:
        """The fault for this call, and the dice that its magnitudes are drawn with."""
        now = self.look()
        if lane not in now or not _matches(now[lane].get("match", {}), method, path):
            return "", Random(0)
        with self._lock:
            ordinal = self._ordinals[lane]
            self._ordinals[lane] += 1
            scripted = self._scripts.get(lane)
            forced = (scripted.pop(0) or "") if scripted else None
        dice = weather.dice(now, lane, ordinal)
        if forced is not None:
            return forced, dice
        return weather.draw(now, lane, dice, applicable), dice


def _matches(match: Doc, method: str, path: str) -> bool:
    wanted = match.get("path", "")
    fits = path == wanted or path.startswith(wanted) if wanted else True
    return fits and match.get("method", method) == method
