"""The acts on a subscription that are not a change of what it contains: cancel, reactivate, pause,
postpone.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox import dates, fields
from sandbox.engine import announce, billing, methods, renewals, subscriptions
from sandbox.errors import bad, refused
from sandbox.money import dec
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

CANCELLABLE = ("live", "trial", "future", "dunning", "unpaid", "non_renewing", "paused")
REACTIVATES = {
    "non_renewing": ("non_renewing",),
    "cancelled": ("non_renewing", "cancelled"),
    "any": ("non_renewing", "cancelled", "cancelled_from_dunning", "expired"),
}


def cancel(
    world: World, tx: Tx, subscription_id: str, *, at_end: bool, reason: str = "", source: str = "api"
) -> Doc:
    """Cancel now, or let the term (or the trial) run out first."""
    sub = subscriptions.get(tx, subscription_id)
    if sub["status"] not in CANCELLABLE or (at_end and sub["status"] in ("non_renewing", "unpaid", "future")):
        raise refused("The subscription cannot be cancelled in its present status.")
    if reason:
        sub["cancel_reason"] = reason
    if not at_end:
        renewals.end(world, tx, sub, "cancelled", "subscription_cancelled", source)
        return sub
    sub["status_before"] = sub["status"]
    sub["cancel_at_end"] = True
    if sub["status"] == "trial":
        sub["term_ends_at"] = sub["trial_ends_at"]
    sub["cancels_at"] = sub["term_ends_at"]
    sub["status"] = "non_renewing"
    sub.pop("dunning", None)
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], "Cancellation scheduled for the end of the term.")
    announce.subscription(world, tx, "subscription_cancellation_scheduled", sub, source)
    return sub


def reactivate(world: World, tx: Tx, subscription_id: str, source: str = "api") -> Doc:
    """Undo a scheduled cancellation; what else may be revived is switch U7 (in-term, without a new
    invoice).
    """
    sub = subscriptions.get(tx, subscription_id)
    scheduled = sub["status"] == "non_renewing"
    if not scheduled and sub["status"] not in REACTIVATES[world.settings.u7_reactivate]:
        raise refused("Only non renewing subscriptions can be reactivated.")
    if not scheduled and sub.get("term_ends_at", "") <= world.clock.today().isoformat():
        raise refused("The term of the subscription is over; it cannot be reactivated.")
    sub["status"] = "trial" if scheduled and sub.get("status_before") == "trial" else "live"
    for name in renewals.OF_THE_END:
        sub.pop(name, None)
    if sub["status"] == "trial":
        sub["term_ends_at"] = ""
    else:
        sub["next_billing_at"] = sub["term_ends_at"]
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], "Subscription reactivated.")
    event = "subscription_scheduled_cancellation_removed" if scheduled else "subscription_reactivated"
    announce.subscription(world, tx, event, sub, source)
    return sub


def schedule_reactivation(world: World, tx: Tx, subscription_id: str, on: date) -> Doc:
    """Staff act: a cancelled subscription begins anew on a later day."""
    sub = subscriptions.get(tx, subscription_id)
    if not sub["status"].startswith("cancelled"):
        raise refused("Only a cancelled subscription can be reactivated on a later day.")
    sub["reactivates_at"] = on.isoformat()
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], f"Reactivation scheduled for {on}.")
    announce.subscription(world, tx, "subscription_reactivation_scheduled", sub)
    return sub


def delete(world: World, tx: Tx, subscription_id: str, source: str = "api") -> None:
    """Forget a subscription; its invoices stay."""
    sub = subscriptions.get(tx, subscription_id)
    announce.subscription(world, tx, "subscription_deleted", sub, source)
    tx.delete("subscriptions", subscription_id)


def pause(world: World, tx: Tx, subscription_id: str, on: date, reason: str = "", source: str = "api") -> Doc:
    """Pause today or on a later day."""
    sub = subscriptions.get(tx, subscription_id)
    if world.settings.u18_pause == "off":
        raise refused("Pausing subscriptions is not enabled for the organisation.")
    if sub["status"] in ("dunning", "unpaid") and sub["auto_collect"]:
        raise refused("Switch off automatic collection before pausing this subscription.")
    if sub["status"] not in ("live", "dunning", "unpaid"):
        raise refused("Only live subscriptions can be paused.")
    sub["pause_reason"] = reason
    if on > world.clock.today():
        sub["pause_at"] = on.isoformat()
        return subscriptions.save(world, tx, sub)
    sub.pop("dunning", None)
    renewals.pause(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], f"Subscription paused ({source}).")
    return sub


def resume(world: World, tx: Tx, subscription_id: str, on: date, source: str = "api") -> Doc:
    """Resume today or on a later day; before a planned pause it drops the plan."""
    sub = subscriptions.get(tx, subscription_id)
    if sub["status"] == "live" and sub.pop("pause_at", ""):
        return subscriptions.save(world, tx, sub)
    if sub["status"] != "paused":
        raise refused("Only paused subscriptions can be resumed.")
    if on > world.clock.today():
        sub["resume_at"] = on.isoformat()
        return subscriptions.save(world, tx, sub)
    renewals.resume(world, tx, sub, world.clock.today())
    announce.activity(world, tx, sub["subscription_id"], f"Subscription resumed ({source}).")
    return sub


def postpone(world: World, tx: Tx, subscription_id: str, to: date, source: str = "api") -> Doc:
    """Move the next billing date later, never earlier; terms are counted from the new date on."""
    sub = subscriptions.get(tx, subscription_id)
    if sub["status"] not in ("live", "trial", "non_renewing"):
        raise refused("The billing date of the subscription cannot be changed in its present status.")
    name = "trial_ends_at" if sub["status"] == "trial" else "term_ends_at"
    if to.isoformat() <= sub[name]:
        raise bad("renewal_at")
    sub[name] = to.isoformat()
    if name == "term_ends_at":
        step, unit = sub["interval"], sub["interval_unit"]
        sub["next_billing_at"] = to.isoformat()
        if sub["status"] == "non_renewing":
            sub["cancels_at"] = to.isoformat()
        sub["anchor"], sub["index"] = to.isoformat(), -1
        if sub["cycles"] > 0:
            left = sub["cycles"] - sub["cycles_done"]
            sub["expires_at"] = dates.add(to, step * left, unit).isoformat()
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], f"Billing date changed to {to}.")
    announce.subscription(world, tx, "billing_date_changed", sub, source)
    return sub


def extend(world: World, tx: Tx, subscription_id: str, cycles: int) -> Doc:
    """More billing cycles for a subscription that has an end."""
    sub = subscriptions.get(tx, subscription_id)
    if sub["cycles"] < 1 or sub["status"] not in ("live", "dunning"):
        raise refused("Only a live subscription with billing cycles can be extended.")
    sub["cycles"] += cycles
    left = sub["cycles"] - sub["cycles_done"]
    ends = dates.add(
        date.fromisoformat(sub["anchor"]), sub["interval"] * (sub["index"] + 1 + left), sub["interval_unit"]
    )
    sub["expires_at"] = ends.isoformat()
    return subscriptions.save(world, tx, sub)


def set_auto_collect(world: World, tx: Tx, subscription_id: str, value: bool) -> Doc:
    """Online or offline; online needs a method."""
    sub = subscriptions.get(tx, subscription_id)
    if value and methods.find(tx, sub.get("method_id")) is None:
        raise refused("Associate a payment method before switching on automatic collection.")
    sub["auto_collect"] = value
    announce.activity(world, tx, sub["subscription_id"], "Collection mode changed.")
    return subscriptions.save(world, tx, sub)


def attach_card(
    world: World, tx: Tx, subscription_id: str, method_id: str, *, auto_collect: bool = True
) -> Doc:
    """Charge this method from now on; the retries of a running dunning use it at their time."""
    sub = subscriptions.get(tx, subscription_id)
    method = methods.get(tx, method_id, customer_id=sub["customer_id"])
    sub["method_id"], sub["auto_collect"] = method["method_id"], auto_collect
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], "Payment method changed.")
    if sub["status"] == "unpaid" and world.settings.u8_unpaid_card_update == "charge":
        _charge_open(world, tx, sub)
        return subscriptions.get(tx, subscription_id)
    return sub


def detach_card(world: World, tx: Tx, subscription_id: str) -> Doc:
    """No method any more: the subscription becomes offline."""
    sub = subscriptions.get(tx, subscription_id)
    if not sub.get("method_id"):
        raise refused("No card is associated with the subscription.")
    sub["method_id"], sub["auto_collect"] = "", False
    announce.activity(world, tx, sub["subscription_id"], "Payment method removed.")
    return subscriptions.save(world, tx, sub)


def drop_scheduled(world: World, tx: Tx, subscription_id: str) -> Doc:
    """Forget what was scheduled for the end of the term."""
    sub = subscriptions.get(tx, subscription_id)
    if not sub.pop("scheduled", None):
        raise refused("There are no scheduled changes for the subscription.")
    announce.activity(world, tx, sub["subscription_id"], "Scheduled changes dropped.")
    return subscriptions.save(world, tx, sub)


def take_coupon(world: World, tx: Tx, subscription_id: str, code: str) -> Doc:
    """A coupon for the invoices to come."""
    sub = subscriptions.get(tx, subscription_id)
    if sub["status"] not in subscriptions.RUNNING:
        raise refused("A coupon cannot be applied in the subscription's present status.")
    sub["coupon"] = subscriptions.redeem(world, tx, code, sub)
    return subscriptions.save(world, tx, sub)


def drop_coupon(world: World, tx: Tx, subscription_id: str) -> Doc:
    """No coupon any more."""
    sub = subscriptions.get(tx, subscription_id)
    sub.pop("coupon", None)
    return subscriptions.save(world, tx, sub)


def _charge_open(world: World, tx: Tx, sub: Doc) -> None:
    from sandbox.engine import invoices

    for invoice in invoices.open_of_subscription(tx, sub["subscription_id"]):
        payment = billing.charge_if_online(world, tx, sub, invoice)
        if payment is not None and payment["status"] == "success":
            paid = invoices.get(tx, invoice["invoice_id"])
            if dec(paid["balance"]) <= 0:
                renewals.after_settlement(world, tx, paid)


def text_day(body: Doc, name: str, world: World) -> date:
    """A day named in a body, today when it is not."""
    return fields.day(body, name, world.clock.today()) or world.clock.today()
