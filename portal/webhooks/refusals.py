"""Deliveries that nobody of ours signed: counted, and logged at most once a minute a source (WH-13)."""

import threading
import time

import structlog
from prometheus_client import Counter

log = structlog.get_logger()

REFUSED = Counter("portal_webhooks_refused_total", "Webhook deliveries with a wrong signature")
_EVERY_SECONDS = 60.0
_MOST_SOURCES = 1000

_last: dict[str, tuple[float, int]] = {}
_lock = threading.Lock()


def note(source: str) -> None:
    """Count one refusal from ``source``; write a line if the last one is a minute old."""
    REFUSED.inc()
    now = time.monotonic()
    with _lock:
        if len(_last) >= _MOST_SOURCES:
            _last.clear()
        said_at, silent = _last.get(source, (-_EVERY_SECONDS, 0))
        is_due = now - said_at >= _EVERY_SECONDS
        _last[source] = (now, 0) if is_due else (said_at, silent + 1)
    if is_due:
        log.warning("webhook signature refused", source=source, silent_since=silent)
