"""Deliveries that nobody of ours signed: counted, and logged at most once a minute a source (WH-13)."""

import structlog
from prometheus_client import Counter

from portal.web.hushed import Hushed

log = structlog.get_logger()

REFUSED = Counter("portal_webhooks_refused_total", "Webhook deliveries with a wrong signature")
hushed = Hushed()


def note(source: str) -> None:
    """Count one refusal from ``source``; write a line if the last one is a minute old."""
    REFUSED.inc()
    silent = hushed.silent_since(source)
    if silent is not None:
        log.warning("webhook signature refused", source=source, silent_since=silent)
