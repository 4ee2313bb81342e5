"""Everything that the room answers, put together."""

from portal.subscriptions import (
    cancellation,
    overview,
    pause,
    payment_method,
    plan_change,
    progress,
    scheduled_change,
    showing,
)
from portal.subscriptions.room import blueprint

__all__ = [
    "blueprint",
    "cancellation",
    "overview",
    "pause",
    "payment_method",
    "plan_change",
    "progress",
    "scheduled_change",
    "showing",
]
