"""What happened in an account, in words: a phrase for each line of the audit trail that its people may read.

``{}`` stands where the name of the thing goes. What is not here is not told: signing in and out is each
person's own, and what staff look at is theirs. A decision that people would ask about ("who cancelled
this?") names who took it; what Zoho did by itself names nobody.
"""

from collections.abc import Mapping
from typing import Any

_ACTS = {
    "create_subscription:done": "{} was bought",
    "change_plan:done": "The plan or quantity of {} was changed",
    "change_plan:done at end": "A change of {} was planned for the end of its term",
    "drop_scheduled_change:done": "The planned change of {} was dropped",
    "cancel:done": "{} was cancelled at once",
    "cancel:done at end": "{} was cancelled for the end of its term",
    "reactivate:done": "{} was kept after all",
    "pause:done": "{} was paused",
    "resume:done": "{} was resumed",
    "use_method:done": "How {} is paid was changed",
    "remove_method:done": "{} was removed",
    "collect:done": "A payment of {} was made",
    "collect:refused": "A payment of {} did not go through",
    "update_customer:done": "The billing details were changed",
    "new_subscription:completed": "{} was bought",
    "update_subscription:completed": "{} was changed on the payment page",
    "invoice_payment:completed": "{} was paid on the payment page",
    "add_payment_method:completed": "A payment method was added",
    "update_payment_method:completed": "A payment method was brought up to date",
}
_AT_ZOHO = {
    "subscription:non_renewing": "{} no longer renews",
    "subscription:cancelled": "{} ended",
    "subscription:cancelled_from_dunning": "{} ended because it was not paid",
    "subscription:expired": "{} ended",
    "subscription:trial_expired": "The trial of {} ended",
    "subscription:unpaid": "{} was not paid",
    "subscription:paused": "{} was paused",
    "subscription:plan": "The plan or quantity of {} is another",
    "invoice:created": "{} was written",
    "invoice:settled": "{} was settled",
    "invoice:void": "{} was made void",
    "payment:received": "{} was received",
    "payment:declined": "{} was declined",
    "payment:refunded": "Of {} something was paid back",
    "payment_method:updated": "{} was brought up to date",
    "customer:changed": "The billing details were changed",
}
_PEOPLE = {
    "account:created": "The account was opened",
    "member:role changed": "The role of {} was changed",
    "member:removed": "{} was removed from the account",
    "invitation:created": "Somebody was invited",
    "invitation:withdrawn": "An invitation was withdrawn",
    "invitation:accepted": "An invitation was accepted",
}
SAID = {**_ACTS, **_AT_ZOHO, **_PEOPLE}
# As the trail writes them: a checkout's kind and when a change happens stand beside the action.
ACTIONS = sorted({"checkout:completed"} | {action.removesuffix(" at end") for action in SAID})
# What Zoho had long before we first copied it happened at another time than the trail says.
FIRST_SEEN = ["invoice:created", "payment:received", "payment:declined"]


def phrase(row: Mapping[str, Any]) -> str:
    """Return what is said of a line of the trail."""
    action = str(row["action"])
    if action == "checkout:completed":
        return SAID.get(f"{row['checkout_kind']}:completed", "A payment page was completed")
    return SAID[f"{action} at end" if row["at_end"] and f"{action} at end" in SAID else action]
