"""One-time charges and addons: an invoice now (and a charge when collection is automatic), or parked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import catalogue
from sandbox.engine import (
    billing,
    collection,
    customers,
    invoices,
    pricing,
    renewals,
    subscriptions,
    unbilled,
)
from sandbox.errors import refused
from sandbox.money import dec, precision, rounded
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

BILLABLE = ("live", "trial", "non_renewing", "dunning", "unpaid")


def charge(
    world: World,
    tx: Tx,
    subscription_id: str,
    amount: str,
    what: str,
    *,
    more: Doc | None = None,
    parked: bool = False,
    source: str = "api",
) -> Doc:
    """A one-time amount; `more` is what else its line says."""
    sub = _billable(tx, subscription_id)
    gross = rounded(dec(amount), precision(sub["currency"]))
    if gross <= 0:
        raise refused("The amount is too small for the currency.")
    line = (
        pricing.line("charge", "", what or "Charge", amount, 1, gross) | {"description": what} | (more or {})
    )
    return _bill(world, tx, sub, [line], kind="charge", parked=parked, source=source)


def buy_addons(
    world: World,
    tx: Tx,
    subscription_id: str,
    wanted: list[Doc],
    *,
    coupon: str = "",
    parked: bool = False,
    source: str = "api",
) -> Doc:
    """One-time addons."""
    sub = _billable(tx, subscription_id)
    chosen = [
        subscriptions.addon_item(catalogue.sellable(tx, "addons", each.get("addon_code")), each)
        for each in wanted
    ]
    lines = [pricing.addon_line(tx, item, sub["currency"]) for item in chosen]
    if coupon:
        subscriptions.redeem(world, tx, coupon, sub)
        pricing.discount(lines, catalogue.named(tx, "coupons", coupon), sub["currency"])
    return _bill(world, tx, sub, lines, kind="one_time_addon", parked=parked, source=source)


def _bill(world: World, tx: Tx, sub: Doc, lines: list[Doc], *, kind: str, parked: bool, source: str) -> Doc:
    customer = customers.get(tx, sub["customer_id"])
    if parked:
        parked_doc = unbilled.park(world, tx, customer, lines, sub)
        sub["unbilled_id"] = parked_doc["unbilled_charge_id"]
        subscriptions.save(world, tx, sub)
        return parked_doc
    invoice = invoices.raise_invoice(world, tx, customer, lines, kind=kind, sub=sub, source=source)
    sub["child_invoice_id"] = invoice["invoice_id"]
    payment = billing.charge_if_online(world, tx, sub, invoice, source)
    if payment is not None and payment["status"] == "failure":
        if world.settings.failed_payment == "refused":
            raise collection.declined(payment)
        if world.settings.u19_dunning_on == "every_charge" and sub["status"] == "live":
            renewals.start_dunning(world, sub, invoice["invoice_id"], world.clock.today())
    subscriptions.save(world, tx, sub)
    return invoices.get(tx, invoice["invoice_id"])


def _billable(tx: Tx, subscription_id: str) -> Doc:
    sub = subscriptions.get(tx, subscription_id)
    if sub["status"] not in BILLABLE:
        raise refused("The subscription cannot be charged in its present status.")
    return sub
