"""What time does to a subscription: activation, renewal, expiry, and what follows from money that came or
did not.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox import catalogue, dates
from sandbox.engine import announce, billing, changes, collection, invoices, ledger, subscriptions
from sandbox.money import dec
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


# what a subscription remembers of its end, and forgets when it goes on
OF_THE_END = (
    "cancel_at_end",
    "cancels_at",
    "cancelled_at",
    "cancel_reason",
    "status_before",
    "reactivates_at",
)


def look_at(world: World, tx: Tx, sub: Doc, today: date) -> None:
    """Do what is due for one subscription on this day, one thing after the other."""
    for _ in range(8):
        before = sub["status"], sub.get("term_ends_at"), sub.get("noticed"), sub.get("dunning")
        _step(world, tx, sub, today)
        if before == (sub["status"], sub.get("term_ends_at"), sub.get("noticed"), sub.get("dunning")):
            break
    subscriptions.save(world, tx, sub)


def activate(world: World, tx: Tx, sub: Doc, today: date) -> None:
    """A trial or a future start becomes a paid subscription."""
    billing.open_term(sub, today, 0)
    sub["status"], sub["activated_at"] = "live", today.isoformat()
    payment = billing.bill_term(world, tx, sub, kind="new_subscription")
    _after_charge(world, sub, payment, today)
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], "Subscription activated.")
    announce.subscription(world, tx, "subscription_activation", sub)


def renew(world: World, tx: Tx, sub: Doc, today: date) -> None:
    """The next term."""
    if sub.get("scheduled"):
        changes.apply_scheduled(world, tx, sub)
    if world.settings.use_latest_prices and not sub["plan"].get("own_price"):
        sub["plan"]["price"] = catalogue.named(tx, "plans", sub["plan"]["code"])["price"]
    billing.open_term(sub, date.fromisoformat(sub["anchor"]), sub["index"] + 1)
    if sub["status"] == "unpaid":
        sub["status"] = "live"
    payment = billing.bill_term(world, tx, sub, kind="renewal")
    _after_charge(world, sub, payment, today)
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], "Subscription renewed.")
    announce.subscription(world, tx, "subscription_renewed", sub)


def after_settlement(world: World, tx: Tx, invoice: Doc) -> None:
    """An invoice was paid: dunning ends, an unpaid subscription renews."""
    if not invoice["subscription_id"] or dec(invoice["balance"]) > 0:
        return
    sub = tx.get("subscriptions", invoice["subscription_id"])
    if sub is None or sub["status"] not in ("dunning", "unpaid"):
        return
    if invoices.open_of_subscription(tx, sub["subscription_id"]):
        return
    sub.pop("dunning", None)
    sub["status"] = "live"
    announce.activity(world, tx, sub["subscription_id"], "Payment received; the subscription is live again.")
    today = world.clock.today()
    subscriptions.save(world, tx, sub)
    if sub["term_ends_at"] <= today.isoformat():
        look_at(world, tx, sub, today)


def start_dunning(world: World, sub: Doc, invoice_id: str, today: date) -> None:
    """A charge that should have come failed: retries are scheduled."""
    gap = world.settings.dunning_gaps[0]
    next_at = dates.add(today, gap, "days").isoformat()
    sub["status"] = "dunning"
    sub["dunning"] = {"retry": 0, "next_at": next_at, "invoice_id": invoice_id}


def _step(world: World, tx: Tx, sub: Doc, today: date) -> None:
    status, day = sub["status"], today.isoformat()
    if status == "future" and sub["starts_at"] <= day:
        _start(world, tx, sub, today)
    elif status == "trial":
        _trial(world, tx, sub, today)
    elif status == "paused":
        if sub.get("resume_at") and sub["resume_at"] <= day:
            resume(world, tx, sub, today)
    elif status.startswith("cancelled"):
        if sub.get("reactivates_at") and sub["reactivates_at"] <= day:
            _begin_anew(world, tx, sub, today)
    elif status == "dunning" and sub["dunning"]["next_at"] <= day:
        _retry(world, tx, sub, today)
    elif status in ("live", "non_renewing", "dunning"):
        _term(world, tx, sub, today)


def _start(world: World, tx: Tx, sub: Doc, today: date) -> None:
    starts = date.fromisoformat(sub["starts_at"])
    ends = dates.add(starts, sub["plan"]["trial_days"], "days")
    if ends > today:
        billing.start_trial(sub, starts, ends)
        if sub["setup_fee_first"]:
            billing.bill_setup_fee(world, tx, sub)
    else:
        activate(world, tx, sub, today)


def _trial(world: World, tx: Tx, sub: Doc, today: date) -> None:
    day = today.isoformat()
    if sub["trial_ends_at"] > day:
        if _notice_due(world, sub, "trial_ends_at", today):
            announce.subscription(world, tx, "trial_expiring", sub)
        return
    if sub["auto_collect"] and not sub.get("method_id"):
        end(world, tx, sub, "trial_expired", "subscription_expired")
    else:
        activate(world, tx, sub, today)


def _term(world: World, tx: Tx, sub: Doc, today: date) -> None:
    day = today.isoformat()
    if sub.get("pause_at") and sub["pause_at"] <= day and sub["status"] == "live":
        pause(world, tx, sub)
    elif sub["term_ends_at"] > day:
        if _notice_due(world, sub, "term_ends_at", today):
            announce.subscription(world, tx, _notice(sub), sub)
    elif sub["status"] == "non_renewing":
        end(world, tx, sub, "cancelled", "subscription_cancelled")
    elif sub["cycles"] > 0 and sub["cycles_done"] >= sub["cycles"]:
        end(world, tx, sub, "expired", "subscription_expired")
    else:
        renew(world, tx, sub, today)


def _notice(sub: Doc) -> str:
    if sub["status"] == "non_renewing":
        return "subscription_cancelling"
    last = sub["cycles"] > 0 and sub["cycles_done"] >= sub["cycles"]
    return "subscription_expiring" if last else "subscription_ahead"


def _notice_due(world: World, sub: Doc, name: str, today: date) -> bool:
    first = dates.add(date.fromisoformat(sub[name]), -world.settings.ahead_days, "days")
    if sub.get("noticed") == sub[name] or today < first:
        return False
    sub["noticed"] = sub[name]
    return True


def _after_charge(world: World, sub: Doc, payment: Doc | None, today: date) -> None:
    if payment is not None and payment["status"] == "failure":
        start_dunning(world, sub, payment["failed_invoice"], today)


def _retry(world: World, tx: Tx, sub: Doc, today: date) -> None:
    state = sub["dunning"]
    invoice = tx.get("invoices", state["invoice_id"])
    if invoice is None or invoice["state"] != "open" or dec(invoice["balance"]) <= 0:
        sub["status"] = "live"
        sub.pop("dunning")
        return
    if invoice.get("ach_payment_id"):
        sub["dunning"] = state | {"next_at": dates.add(today, 1, "days").isoformat()}
        return
    payment = collection.charge_subscription(world, tx, sub, invoice["invoice_id"])
    if payment["status"] == "success":
        sub["status"] = "live"
        sub.pop("dunning")
        announce.activity(world, tx, sub["subscription_id"], "Payment retry succeeded.")
    elif payment["status"] == "failure":
        _next_retry(world, tx, sub, today)


def _next_retry(world: World, tx: Tx, sub: Doc, today: date) -> None:
    gaps, retry = world.settings.dunning_gaps, sub["dunning"]["retry"] + 1
    if retry < world.settings.dunning_retries:
        next_at = dates.add(today, gaps[min(retry, len(gaps) - 1)], "days").isoformat()
        sub["dunning"] = sub["dunning"] | {"retry": retry, "next_at": next_at}
        return
    _give_up(world, tx, sub.pop("dunning")["invoice_id"])
    final = world.settings.dunning_final
    if final == "cancel":
        end(world, tx, sub, "cancelled_from_dunning", "subscription_cancelled")
    elif final == "unpaid":
        sub["status"] = "unpaid"
        announce.subscription(world, tx, "subscription_unpaid", sub)
    else:
        sub["status"] = "live"


def _give_up(world: World, tx: Tx, invoice_id: str) -> None:
    """What becomes of the invoice that no retry could collect."""
    wanted, invoice = world.settings.dunning_final_invoice, invoices.get(tx, invoice_id)
    if wanted == "written_off":
        invoices.write_off(world, tx, invoice, "All retries failed.")
    elif wanted == "void":
        invoices.void(world, tx, invoice)


def end(world: World, tx: Tx, sub: Doc, status: str, event_type: str, source: str = "user") -> None:
    """The end of a subscription, of whatever kind."""
    sub["status"] = status
    for name in ("next_billing_at", "pause_at", "resume_at", "dunning", "scheduled"):
        sub.pop(name, None)
    if status.startswith("cancelled"):
        sub["cancelled_at"] = world.clock.today().isoformat()
    elif status == "expired":
        sub["expires_at"] = sub.get("expires_at") or world.clock.today().isoformat()
    subscriptions.save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], f"Subscription {status.replace('_', ' ')}.")
    announce.subscription(world, tx, event_type, sub, source)


def pause(world: World, tx: Tx, sub: Doc) -> None:
    """Nothing is billed until it is resumed."""
    sub["status"] = "paused"
    sub["paused_at"] = world.clock.today().isoformat()
    sub.pop("pause_at", None)
    if world.settings.pause_credits:
        changes.credit_unused(world, tx, sub)
    subscriptions.save(world, tx, sub)
    announce.subscription(world, tx, "subscription_paused", sub)


def resume(world: World, tx: Tx, sub: Doc, today: date) -> None:
    """Go on: inside the paid term as before, after it with a new term from today."""
    sub["status"] = "live"
    sub.pop("resume_at", None)
    sub.pop("paused_at", None)
    subscriptions.save(world, tx, sub)
    announce.subscription(world, tx, "subscription_resumed", sub)
    if sub["term_ends_at"] <= today.isoformat():
        sub["anchor"], sub["index"] = today.isoformat(), -1
        renew(world, tx, sub, today)


def _begin_anew(world: World, tx: Tx, sub: Doc, today: date) -> None:
    """A cancelled subscription whose reactivation was scheduled: a new term from today."""
    for name in OF_THE_END:
        sub.pop(name, None)
    sub["status"] = "live"
    sub["anchor"], sub["index"], sub["cycles_done"] = today.isoformat(), -1, 0
    subscriptions.save(world, tx, sub)
    announce.subscription(world, tx, "subscription_reactivated", sub)
    renew(world, tx, sub, today)


def settle_everything(world: World, tx: Tx, today: date) -> None:
    """Bank payments whose day has come, and what follows for their subscriptions."""
    for invoice in collection.settle_bank_payments(world, tx, today):
        sub = tx.get("subscriptions", invoice["subscription_id"]) if invoice["subscription_id"] else None
        if ledger.balance(invoice) <= 0:
            after_settlement(world, tx, invoice)
        elif sub is not None and sub["status"] == "live" and sub["auto_collect"]:
            start_dunning(world, sub, invoice["invoice_id"], today)
            subscriptions.save(world, tx, sub)
