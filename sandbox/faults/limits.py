"""Zoho's own call limits: per minute with a block, per day, and at one time (facts 2.3, 2.6; U6).

All are off until a switch gives a number, because nobody knows the customer's plan.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

from werkzeug.wrappers import Response

from sandbox.faults import answers
from sandbox.world import World

MINUTE_S = 60
DAY_S = 86_400


class Limits:
    """Counts the calls of the organisation."""

    def __init__(self, world: World) -> None:
        self._settings = world.settings
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self._day = (0, 0)
        self._running = 0
        self._lock = Lock()

    def enter(self, now: float) -> Response | None:
        """Count a call in; an answer means that Zoho would not take it."""
        with self._lock:
            over = self._over(now)
            if over is None:
                self._running += 1
            return over

    def leave(self) -> None:
        with self._lock:
            self._running -= 1

    def _over(self, now: float) -> Response | None:
        settings = self._settings
        if settings.u6_concurrent and self._running >= settings.u6_concurrent:
            return answers.limited("429_concurrency")
        if settings.u6_per_minute and not self._minute_allows(now):
            return answers.limited("429", self._retry_after(self._blocked_until - now))
        day = int(now // DAY_S)
        self._day = (day, self._day[1] + 1 if self._day[0] == day else 1)
        if settings.u6_per_day and self._day[1] > settings.u6_per_day:
            return answers.limited("429_daily", self._retry_after((day + 1) * DAY_S - now))
        return None

    def _minute_allows(self, now: float) -> bool:
        if now < self._blocked_until:
            return False
        while self._recent and now - self._recent[0] >= MINUTE_S:
            self._recent.popleft()
        if len(self._recent) >= self._settings.u6_per_minute:
            self._blocked_until = now + self._settings.u6_block_s
            return False
        self._recent.append(now)
        return True

    def _retry_after(self, seconds: float) -> int | None:
        return max(1, round(seconds)) if self._settings.u6_retry_after else None
