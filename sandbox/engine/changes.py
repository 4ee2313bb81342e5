"""Changing a subscription: at once with day-based proration, or at the end of the term.

Zoho's documented formula (facts.md 3.5): credit = old - old / days in term * days used; invoice = new /
days in term * days left.  A change of the billing frequency starts a new term today and bills it in full.
"""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox import fields
from sandbox.engine import (
    announce,
    billing,
    collection,
    credits,
    customers,
    invoices,
    ledger,
    pricing,
    subscriptions,
)
from sandbox.errors import ZohoError, refused
from sandbox.money import dec, total
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

CHANGEABLE = ("live", "trial", "future", "dunning", "non_renewing", "unpaid")


def update(world: World, tx: Tx, subscription_id: str, body: Doc, source: str = "api") -> Doc:
    """PUT /subscriptions/{id}: now, or with `end_of_term` later."""
    sub = subscriptions.get(tx, subscription_id)
    if sub["status"] not in CHANGEABLE and not _revivable(world, sub):
        raise refused("The subscription cannot be updated in its present status.")
    if fields.flag(body, "end_of_term", default=False) and sub["status"] not in ("trial", "future"):
        return _schedule(world, tx, sub, body, source)
    return _now(world, tx, sub, body, source)


def apply_scheduled(world: World, tx: Tx, sub: Doc) -> None:
    """The term is over: what was scheduled becomes true, without proration.

    A change that has become impossible (its plan was made inactive) is dropped.
    """
    body = sub.pop("scheduled")["body"]
    try:
        fresh = _changed(world, tx, sub, body)
    except ZohoError:
        return
    direction = _direction(sub, fresh)
    if (fresh["interval"], fresh["interval_unit"]) != (sub["interval"], sub["interval_unit"]):
        fresh["anchor"], fresh["index"] = sub["term_ends_at"], -1
    sub.clear()
    sub.update(fresh)
    if direction:
        announce.subscription(world, tx, direction, sub)


def preview(world: World, tx: Tx, sub: Doc) -> Doc | None:
    """How the subscription will look when its scheduled change is done, or None."""
    if not sub.get("scheduled"):
        return None
    return _changed(world, tx, sub, sub["scheduled"]["body"], redeem=False)


def credit_unused(world: World, tx: Tx, sub: Doc) -> Doc | None:
    """A credit note for the days of the term that were paid and not used."""
    lines = invoices.prorated(sub.get("billed", []), days_left(world, sub), sub["currency"])
    if total(each["total"] for each in lines) <= 0:
        return None
    customer = customers.get(tx, sub["customer_id"])
    for each in lines:  # a credit gives back what was paid, so its price is already less the discount
        each["gross"], each["discount"] = each["total"], "0"
        each["price"] = str(
            (dec(each["total"]) / each["quantity"]).quantize(Decimal("0.000001")).normalize() + 0
        )
    more = {"subscription_id": sub["subscription_id"]}
    return credits.create(world, tx, customer, lines, more=more)


def days_left(world: World, sub: Doc) -> Decimal:
    """The part of the term that is still ahead, by whole days."""
    starts, ends = date.fromisoformat(sub["term_starts_at"]), date.fromisoformat(sub["term_ends_at"])
    left = max(0, min((ends - starts).days, (ends - world.clock.today()).days))
    return Decimal(left) / Decimal(max(1, (ends - starts).days))


def _now(world: World, tx: Tx, sub: Doc, body: Doc, source: str) -> Doc:
    fresh = _changed(world, tx, sub, body)
    direction = _direction(sub, fresh)
    fresh.pop("scheduled", None)
    if sub["status"] in ("trial", "future") or not sub.get("term_starts_at"):
        _retime_trial(world, fresh)  # no term yet (a trial that will not renew has none either)
    elif not _running(sub):
        _start_again(world, tx, fresh, source)
    else:
        _rebill(world, tx, sub, fresh, source)
    subscriptions.save(world, tx, fresh)
    announce.activity(world, tx, fresh["subscription_id"], "Subscription updated.")
    if direction:
        announce.subscription(world, tx, direction, fresh, source)
    return fresh


def _changed(world: World, tx: Tx, sub: Doc, body: Doc, *, redeem: bool = True) -> Doc:
    """A copy of the subscription as the body wants it."""
    fresh = copy.deepcopy(sub)
    fresh.pop("scheduled", None)
    asked = body if redeem else {key: value for key, value in body.items() if key != "coupon_code"}
    subscriptions.choose_items(world, tx, fresh, asked, old=sub)
    settings = world.settings
    if settings.changed_setup_fee == "charged" and fresh["plan"]["code"] != sub["plan"]["code"]:
        fresh["setup_fee_done"] = False
    if "addons" not in body and settings.u9_omitted_addons == "kept":
        fresh["addons"] = sub.get("addons", [])
    if not fields.string(body, "coupon_code") and settings.u9_omitted_coupon == "removed":
        fresh.pop("coupon", None)
    cycles = fields.whole(fields.inner(body, "plan"), "billing_cycles", 0, least=-1)
    if cycles:
        fresh["cycles"], fresh["cycles_done"] = (
            (cycles if cycles > 0 else -1),
            min(1, sub.get("cycles_done", 0)),
        )
        fresh["expires_at"] = ""
    if body.get("reference_id") is not None:
        fresh["reference_id"] = fields.string(body, "reference_id")
    subscriptions.choose_details(tx, fresh, body)
    if (
        fields.string(body, "card_id")
        or fields.string(body, "account_id")
        or body.get("auto_collect") is not None
    ):
        subscriptions.choose_collection(tx, fresh, body)
    if body.get("custom_fields") is not None:
        given = fields.objects(body, "custom_fields")
        fresh["custom_fields"] = customers.custom_fields(sub.get("custom_fields", []), given)
    return fresh


def _schedule(world: World, tx: Tx, sub: Doc, body: Doc, source: str) -> Doc:
    fresh = _changed(world, tx, sub, body, redeem=False)  # refuses now what could not be done later
    sub["scheduled"] = {"body": body, "at": world.clock.today().isoformat()}
    subscriptions.save(world, tx, sub)
    free = dec(
        pricing.totals(tx, pricing.recurring(tx, fresh, fresh["currency"]), {"currency": sub["currency"]})[
            "total"
        ]
    )
    if free == 0 and dec(sub["amount"]) > 0:
        announce.subscription(world, tx, "subscription_move_to_free_scheduled", sub, source)
    announce.activity(world, tx, sub["subscription_id"], "Changes scheduled for the end of the term.")
    return sub


def _rebill(world: World, tx: Tx, sub: Doc, fresh: Doc, source: str) -> None:
    """Credit the old, bill the new, charge the difference."""
    customer = customers.get(tx, sub["customer_id"])
    new_term = (fresh["interval"], fresh["interval_unit"]) != (sub["interval"], sub["interval_unit"])
    lines = pricing.recurring(tx, fresh, fresh["currency"])
    same = [_money(each) for each in lines] == [_money(each) for each in sub.get("billed", [])]
    note = None
    if not same and world.settings.prorate:
        note = credit_unused(world, tx, sub)
    full = [dict(each) for each in lines]
    if new_term:
        billing.open_term(fresh, world.clock.today(), 0)
        due = lines
    else:
        due = (
            invoices.prorated(lines, days_left(world, sub), fresh["currency"])
            if not same and world.settings.prorate
            else []
        )
    fresh["billed"] = full if due or not world.settings.prorate or same else fresh.get("billed", [])
    due += billing.once(tx, fresh)
    if not due:
        return
    invoice = invoices.raise_invoice(
        world, tx, customer, due, kind="subscription_change", sub=fresh, source=source
    )
    fresh["child_invoice_id"] = invoice["invoice_id"]
    if note is not None:
        note = credits.get(tx, note["creditnote_id"])
        amount = min(dec(note["balance"]), dec(invoice["balance"]))
        if amount > 0:
            ledger.apply_credit(world, tx, note, invoice, amount)
    _collect(world, tx, fresh, invoice, source)


def _collect(world: World, tx: Tx, sub: Doc, invoice: Doc, source: str) -> None:
    payment = billing.charge_if_online(world, tx, sub, invoice, source)
    if payment is None or payment["status"] != "failure":
        return
    if world.settings.failed_payment == "refused":
        raise collection.declined(payment)
    if world.settings.u19_dunning_on == "every_charge":
        from sandbox.engine import renewals

        renewals.start_dunning(world, sub, invoice["invoice_id"], world.clock.today())


def _start_again(world: World, tx: Tx, sub: Doc, source: str) -> None:
    sub.pop("cancelled_at", None)
    sub.pop("cancel_at_end", None)
    sub["cycles_done"] = 0
    billing.open_term(sub, world.clock.today(), 0)
    sub["status"] = "live"
    billing.first_bill(world, tx, sub, parked=False, source=source)


def _retime_trial(world: World, sub: Doc) -> None:
    if sub["status"] == "trial" and sub["trial_ends_at"] <= world.clock.today().isoformat():
        sub["trial_ends_at"] = world.clock.today().isoformat()


def _direction(old: Doc, new: Doc) -> str:
    if old["plan"]["code"] == new["plan"]["code"] and old["plan"]["quantity"] == new["plan"]["quantity"]:
        return ""
    before = dec(old["plan"]["price"]) * old["plan"]["quantity"] / _months(old)
    after = dec(new["plan"]["price"]) * new["plan"]["quantity"] / _months(new)
    return "subscription_downgraded" if after < before else "subscription_upgraded"


def _months(sub: Doc) -> Decimal:
    length = {"days": Decimal(1) / 30, "weeks": Decimal(7) / 30, "months": Decimal(1), "years": Decimal(12)}
    return length[sub["interval_unit"]] * int(sub["interval"])


def _money(line: Doc) -> tuple[str, int, Decimal, Decimal]:
    return line["code"], line["quantity"], dec(line["gross"]), dec(line["total"])


def _running(sub: Doc) -> bool:
    return sub["status"] in CHANGEABLE


def _revivable(world: World, sub: Doc) -> bool:
    allowed = {
        "non_renewing": (),
        "cancelled": ("cancelled",),
        "any": ("cancelled", "cancelled_from_dunning", "expired"),
    }
    return sub["status"] in allowed[world.settings.u7_reactivate]
