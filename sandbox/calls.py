"""The calls that programs made at Zoho's API and token endpoint: newest first, and counted by minute.

Kept in memory: a log that cost a disk write a call would be slower than the calls.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

KEPT = 5_000
ID_DIGITS = 6
MINUTES_KEPT = 24 * 60


@dataclass(frozen=True)
class Call:
    """One call; `code` is the one of Zoho's body, `fault` what the weather did to it."""

    number: int
    at: float
    lane: str
    method: str
    path: str
    query: str
    status: int
    code: int | None
    ms: float
    fault: str
    client: str


@dataclass
class CallLog:
    """The last calls, and counters over all of them since the start or the last clearing."""

    _calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT))
    _minutes: dict[str, Counter[str]] = field(default_factory=dict)
    _operations: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _lock: Lock = field(default_factory=Lock)

    def add(self, **details: Any) -> None:
        with self._lock:
            self._number += 1
            call = Call(number=self._number, **details)
            self._calls.appendleft(call)
            self._operations[f"{call.method} {_operation(call.path)}"] += 1
            minute = datetime.fromtimestamp(call.at, UTC).strftime("%Y-%m-%dT%H:%MZ")
            self._minutes.setdefault(minute, Counter())[call.lane] += 1
            while len(self._minutes) > MINUTES_KEPT:
                del self._minutes[next(iter(self._minutes))]

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._minutes.clear()
            self._operations.clear()
            self._number = 0

    def newest(self, limit: int, lane: str = "", since: int = 0) -> list[Call]:
        """The newest calls of a lane (or of all), down to the number `since`."""
        with self._lock:
            chosen = (c for c in self._calls if (not lane or c.lane == lane) and c.number > since)
            return [call for call, _ in zip(chosen, range(limit), strict=False)]

    def summary(self, calls: Iterable[Call]) -> dict[str, Any]:
        with self._lock:
            return {
                "total": self._number,
                "per_minute": {at: n["api"] for at, n in self._minutes.items()},
                "token_calls_per_minute": {at: n["oauth"] for at, n in self._minutes.items()},
                "per_operation": dict(self._operations.most_common()),
                "calls": [asdict(call) for call in calls],
            }


def _operation(path: str) -> str:
    """The path with ids replaced, so that calls of one kind count together."""
    parts = path.removeprefix("/billing/v1").split("/")
    return "/".join("{id}" if sum(c.isdigit() for c in part) >= ID_DIGITS else part for part in parts)
