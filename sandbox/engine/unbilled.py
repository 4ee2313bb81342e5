"""Charges that wait: parked until the next renewal or until somebody makes an invoice of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.engine import announce, customers, invoices, pricing
from sandbox.errors import refused, unknown
from sandbox.fields import as_id
from sandbox.money import text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def get(tx: Tx, unbilled_charge_id: object) -> Doc:
    """One unbilled charge, or the refusal."""
    doc = tx.get("unbilled_charges", as_id(unbilled_charge_id))
    if doc is None:
        raise unknown("unbilled_charges")
    return doc


def park(world: World, tx: Tx, customer: Doc, lines: list[Doc], sub: Doc) -> Doc:
    """Keep lines for later."""
    for each in lines:
        each.setdefault("item_id", tx.next_id())
    doc: Doc = {
        "unbilled_charge_id": tx.next_id(),
        "number": tx.next_number("UC-"),
        "customer_id": customer["customer_id"],
        "subscription_id": sub["subscription_id"],
        "currency": customer["currency"],
        "status": "open",
        "date": world.clock.today().isoformat(),
        "lines": lines,
        "coupon": (sub.get("coupon") or {}).get("code", "")
        if any(each["discount"] != "0" for each in lines)
        else "",
        "created": world.clock.stamp(),
        **pricing.totals(tx, lines, customer),
    }
    announce.unbilled(world, tx, "unbilled_charges_added", save(world, tx, doc))
    return doc


def take(world: World, tx: Tx, sub: Doc) -> list[Doc]:
    """The lines of every open charge of a subscription, for an invoice being made now."""
    lines: list[Doc] = []
    for doc in tx.find(
        "unbilled_charges", where={"subscription_id": sub["subscription_id"], "status": "open"}
    ):
        lines += doc["lines"]
        _invoiced(world, tx, doc)
    sub.pop("unbilled_id", None)
    return lines


def to_invoice(world: World, tx: Tx, doc: Doc) -> Doc:
    """Make an invoice of a charge at once."""
    if doc["status"] != "open":
        raise refused("The unbilled charge has already been invoiced.")
    sub = tx.get("subscriptions", doc["subscription_id"])
    customer = customers.get(tx, doc["customer_id"])
    invoice = invoices.raise_invoice(world, tx, customer, doc["lines"], kind="unbilled_charge", sub=sub)
    _invoiced(world, tx, doc)
    if sub is not None and sub.pop("unbilled_id", None):
        sub["child_invoice_id"] = invoice["invoice_id"]
        tx.put("subscriptions", sub["subscription_id"], sub)
    return invoice


def reprice(world: World, tx: Tx, doc: Doc, amount: Decimal) -> Doc:
    """Another amount for a charge of one line that waits."""
    if doc["status"] != "open" or len(doc["lines"]) != 1 or doc["lines"][0]["discount"] != "0":
        raise refused("Only an open charge of one line without discount can be changed.")
    line = doc["lines"][0]
    line |= {"gross": text(amount), "total": text(amount), "price": text(amount / line["quantity"])}
    doc |= pricing.totals(tx, doc["lines"], customers.get(tx, doc["customer_id"]))
    announce.unbilled(world, tx, "unbilled_charges_updated", save(world, tx, doc))
    return doc


def delete(world: World, tx: Tx, doc: Doc) -> None:
    """Forget a charge that was not invoiced."""
    if doc["status"] != "open":
        raise refused("An invoiced charge cannot be deleted.")
    announce.unbilled(world, tx, "unbilled_charges_deleted", doc)
    tx.delete("unbilled_charges", doc["unbilled_charge_id"])


def save(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a charge."""
    doc["updated"] = world.clock.stamp()
    columns = {name: doc[name] for name in ("customer_id", "subscription_id", "status")}
    tx.put("unbilled_charges", doc["unbilled_charge_id"], doc, **columns)
    return doc


def _invoiced(world: World, tx: Tx, doc: Doc) -> None:
    doc["status"] = "invoiced"
    announce.unbilled(world, tx, "unbilled_charges_invoiced", save(world, tx, doc))
