"""The links of a subscription's page to what can be done with it, most wanted first.

portal/billing/options.py decides; here are the words and pages. A page that does not exist is not offered.
"""

from dataclasses import dataclass
from typing import Any

from flask import current_app

from portal.billing import options
from portal.config import Settings


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done: the words of its link and the endpoint of its page."""

    words: str
    endpoint: str


KEEP = Act("Keep the subscription", "subscriptions.show_cancellation_undo")
DROP = Act("Drop the planned change", "subscriptions.show_scheduled_change")
RESUME = Act("Resume", "subscriptions.show_resumption")
CHANGE = Act("Change plan or quantity", "subscriptions.show_plan_change")
METHOD = Act("Change how it is paid", "subscriptions.show_payment_method")
PAUSE = Act("Pause", "subscriptions.show_pause")
CANCEL = Act("Cancel", "subscriptions.show_cancellation")


def possibilities(row: dict[str, Any], settings: Settings, role: str, *, is_closed: bool) -> list[Act]:
    """Return the acts that are open to ``role`` now; none while Zoho is away."""
    if role == "viewer" or is_closed:
        return []
    may = options.of_subscription(row, settings)
    wanted = {
        KEEP: may.keep,
        DROP: may.drop_scheduled_change,
        RESUME: may.resume,
        CHANGE: may.change_plan,
        METHOD: may.choose_method,
        PAUSE: may.pause,
        CANCEL: may.cancel,
    }
    return [act for act, is_open in wanted.items() if is_open and act.endpoint in current_app.view_functions]
