"""The first day of a subscription and the first day of each term: lines, invoice, charge.

`begin` decides what a new subscription is (future, trial, live, expired), `activate` starts its paid
life, and
`bill_term` makes the invoice of one term.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox import catalogue, dates, fields
from sandbox.engine import announce, collection, customers, invoices, ledger, pricing, unbilled
from sandbox.money import dec
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def begin(world: World, tx: Tx, sub: Doc, starts: date, body: Doc, source: str) -> Doc:
    """Start a subscription that was just asked for."""
    from sandbox.engine import subscriptions

    today = world.clock.today()
    parked = fields.flag(body, "add_to_unbilled_charges", default=False)
    if starts > today:
        anchor(sub, starts)
    elif (trial_end := dates.add(starts, sub["plan"]["trial_days"], "days")) > today:
        start_trial(sub, starts, trial_end)
    elif starts < today:
        _backdate(world, tx, sub, max(starts, trial_end), body)
    else:
        open_term(sub, today, 0)
        sub["status"], sub["activated_at"] = "live", today.isoformat()
    subscriptions.save(world, tx, sub)
    if sub["status"] == "trial" and sub["setup_fee_first"]:
        bill_setup_fee(world, tx, sub, source)
    if sub["status"] == "live" and not sub["backdated"]:
        first_bill(world, tx, sub, parked=parked, source=source)
    subscriptions.save(world, tx, sub)
    announce.subscription(world, tx, "subscription_created", sub, source)
    if sub["status"] == "live":
        announce.subscription(world, tx, "subscription_activation", sub, source)
    if sub.pop("backdated"):  # what happens to it from now on is told like anything else (facts 7.1)
        subscriptions.save(world, tx, sub)
    return sub


def start_trial(sub: Doc, starts: date, ends: date) -> None:
    """A trial: nothing is billed until its end."""
    sub["status"] = "trial"
    sub["trial_starts_at"], sub["trial_ends_at"] = starts.isoformat(), ends.isoformat()


def first_bill(world: World, tx: Tx, sub: Doc, *, parked: bool, source: str) -> None:
    """Bill the first term; a refused charge refuses the whole act, or marks it, as the setting says."""
    payment = bill_term(world, tx, sub, kind="new_subscription", parked=parked, source=source)
    if payment is None or payment["status"] != "failure":
        return
    if world.settings.failed_payment == "refused":
        raise collection.declined(payment)
    sub["status"] = "creation_failed"


def bill_term(
    world: World, tx: Tx, sub: Doc, *, kind: str, parked: bool = False, source: str = "user"
) -> Doc | None:
    """Invoice the term that has just begun, use up credits, charge if collection is automatic."""
    customer = customers.get(tx, sub["customer_id"])
    lines = pricing.recurring(tx, sub, sub["currency"])
    sub["billed"] = [dict(each) for each in lines]
    lines += once(tx, sub)
    _count_coupon(sub)
    if parked:
        charge = unbilled.park(world, tx, customer, lines, sub)
        sub["unbilled_id"] = charge["unbilled_charge_id"]
        return None
    lines += unbilled.take(world, tx, sub)
    invoice = invoices.raise_invoice(world, tx, customer, lines, kind=kind, sub=sub, source=source)
    sub["child_invoice_id"] = invoice["invoice_id"]
    if world.settings.auto_apply_credits:
        ledger.apply_open_credits(world, tx, invoice)
    return charge_if_online(world, tx, sub, invoice, source)


def charge_if_online(world: World, tx: Tx, sub: Doc, invoice: Doc, source: str = "user") -> Doc | None:
    """Charge an invoice of a subscription that collects by itself."""
    if not sub["auto_collect"] or dec(invoice["balance"]) <= 0:
        return None
    return collection.charge_subscription(world, tx, sub, invoice["invoice_id"], source)


def bill_setup_fee(world: World, tx: Tx, sub: Doc, source: str = "user") -> None:
    """The setup fee on an invoice of its own, at the start of a trial."""
    line = pricing.setup_line(sub, sub["currency"])
    if line is None:
        return
    customer = customers.get(tx, sub["customer_id"])
    invoice = invoices.raise_invoice(
        world, tx, customer, [line], kind="new_subscription", sub=sub, source=source
    )
    sub["child_invoice_id"] = invoice["invoice_id"]
    sub["setup_fee_done"] = True
    payment = charge_if_online(world, tx, sub, invoice, source)
    if payment and payment["status"] == "failure" and world.settings.failed_payment == "refused":
        raise collection.declined(payment)


def anchor(sub: Doc, day: date) -> None:
    """Count terms from this day on, so that month-ends stay month-ends."""
    sub["anchor"], sub["index"] = day.isoformat(), 0
    sub["term_starts_at"] = sub["term_ends_at"] = ""


def open_term(sub: Doc, day: date, index: int) -> None:
    """Begin term number `index` of the anchor `day`."""
    step, unit = sub["interval"], sub["interval_unit"]
    starts, ends = dates.add(day, step * index, unit), dates.add(day, step * (index + 1), unit)
    sub["anchor"], sub["index"] = day.isoformat(), index
    sub["term_starts_at"], sub["term_ends_at"] = starts.isoformat(), ends.isoformat()
    sub["last_billing_at"], sub["next_billing_at"] = starts.isoformat(), ends.isoformat()
    sub["cycles_done"] = sub.get("cycles_done", 0) + 1
    if sub["cycles"] > 0:
        left = sub["cycles"] - sub["cycles_done"]
        sub["expires_at"] = dates.add(day, step * (index + 1 + left), unit).isoformat()


def _backdate(world: World, tx: Tx, sub: Doc, starts: date, body: Doc) -> None:
    """A start in the past: the term that holds today, no events, an invoice only when asked for."""
    today, step, unit = world.clock.today(), sub["interval"], sub["interval_unit"]
    index = 0
    while dates.add(starts, step * (index + 1), unit) <= today:
        index += 1
    sub["status"], sub["activated_at"] = "live", starts.isoformat()
    if 0 < sub["cycles"] <= index:
        open_term(sub, starts, sub["cycles"] - 1)
        sub["cycles_done"], sub["status"] = sub["cycles"], "expired"
        sub["expires_at"] = sub["term_ends_at"]
        return
    sub["cycles_done"] = index
    open_term(sub, starts, index)
    sub["billed"] = pricing.recurring(tx, sub, sub["currency"])
    if fields.flag(body, "create_backdated_invoice", default=False):
        customer = customers.get(tx, sub["customer_id"])
        day = date.fromisoformat(sub["term_starts_at"])
        lines = pricing.recurring(tx, sub, sub["currency"]) + once(tx, sub)
        invoice = invoices.raise_invoice(
            world, tx, customer, lines, kind="new_subscription", sub=sub, day=day
        )
        _count_coupon(sub)
        sub["child_invoice_id"] = invoice["invoice_id"]


def once(tx: Tx, sub: Doc) -> list[Doc]:
    lines = []
    if not sub.get("setup_fee_done"):
        sub["setup_fee_done"] = True
        fee = pricing.setup_line(sub, sub["currency"])
        lines += [fee] if fee else []
    once = [pricing.addon_line(tx, item, sub["currency"]) for item in sub.pop("one_time", [])]
    held = sub.get("coupon")
    if once and held and held["remaining"] != 0:
        coupon = catalogue.named(tx, "coupons", held["code"])
        if coupon["discount_by"] == "percentage":
            pricing.discount(once, coupon, sub["currency"])
    return lines + once


def _count_coupon(sub: Doc) -> None:
    if (held := sub.get("coupon")) and held["remaining"] > 0:
        sub["coupon"] = held | {"remaining": held["remaining"] - 1}
