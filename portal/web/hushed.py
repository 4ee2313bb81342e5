"""Saying what strangers can cause a thousand times a second at most once a minute a source (WH-13).

Per process and in memory: it protects the log, it counts nothing that matters.
"""

import threading
import time

EVERY_SECONDS = 60.0
MOST_SOURCES = 1000


class Hushed:
    """Remembers when each source was last spoken of."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def silent_since(self, source: str) -> int | None:
        """Return how often the source was passed over since the last line; None when it is to be again."""
        now = time.monotonic()
        with self._lock:
            if len(self._last) >= MOST_SOURCES:
                self._last.clear()
            said_at, silent = self._last.get(source, (-EVERY_SECONDS, 0))
            is_due = now - said_at >= EVERY_SECONDS
            self._last[source] = (now, 0) if is_due else (said_at, silent + 1)
        return silent if is_due else None
