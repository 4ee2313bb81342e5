"""Payments recorded by hand: cheques, transfers, cash.  What is left of one becomes the customer's credit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox import fields
from sandbox.engine import announce, collection, customers, invoices, ledger, renewals
from sandbox.errors import bad, refused, unknown
from sandbox.fields import as_id
from sandbox.money import dec, precision, rounded, text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

MODES = ("check", "cash", "creditcard", "banktransfer", "bankremittance", "autotransaction", "others")


def get(tx: Tx, payment_id: object) -> Doc:
    """One payment, or the refusal.  A bank payment that still runs is not one yet."""
    doc = tx.get("payments", as_id(payment_id))
    if doc is None:
        raise unknown("payments")
    return doc


def refundable(doc: Doc) -> Decimal:
    """What of a payment has not been given back."""
    return dec(doc["amount"]) - dec(doc["refunded"])


def record(world: World, tx: Tx, body: Doc, source: str = "api") -> Doc:
    """Record a payment and put it on invoices."""
    customer = customers.get(tx, body.get("customer_id"))
    amount = fields.amount(body, "amount")
    amount = None if amount is None else rounded(amount, precision(customer["currency"]))
    if amount is None or amount <= 0:
        raise bad("amount")
    mode = _offline(fields.choice(body, "payment_mode", MODES, "others"))
    doc = collection.new_payment(world, tx, customer, amount, mode=mode)
    _fill(doc, body)
    ledger.save_payment(world, tx, doc)
    _apply(world, tx, doc, body)
    announce.payment(world, tx, "payment_thankyou", doc, source)
    return doc


def update(world: World, tx: Tx, payment_id: str, body: Doc) -> Doc:
    """Change a payment; a given list of invoices replaces the old one."""
    doc = get(tx, payment_id)
    if doc["status"] != "success":
        raise refused("A failed payment cannot be updated.")
    amount = fields.amount(body, "amount")
    if amount is not None and text(rounded(amount, precision(doc["currency"]))) != doc["amount"]:
        if doc["mode"] == "autotransaction" or doc["refunded"] != "0":
            raise refused("The amount of this payment cannot be changed.")
        if amount <= 0:
            raise bad("amount")
        ledger.unapply_payment(world, tx, doc)
        doc["amount"] = text(rounded(amount, precision(doc["currency"])))
    _fill(doc, body)
    if doc["mode"] != "autotransaction":  # how a gateway took its money is no matter of opinion
        doc["mode"] = _offline(fields.choice(body, "payment_mode", MODES, doc["mode"]))
    if body.get("invoices") is not None:
        ledger.unapply_payment(world, tx, doc)
    ledger.save_payment(world, tx, doc)
    _apply(world, tx, doc, body)
    return doc


def delete(world: World, tx: Tx, payment_id: str) -> None:
    """Forget a payment; its invoices are open again."""
    doc = get(tx, payment_id)
    if doc["refunded"] != "0":
        raise refused("A refunded payment cannot be deleted.")
    ledger.unapply_payment(world, tx, doc)
    tx.delete("payments", payment_id)


def void(world: World, tx: Tx, doc: Doc) -> None:
    """The gateway took an online payment back before it settled: its invoices are open again."""
    if doc["mode"] != "autotransaction" or doc["status"] != "success" or doc["refunded"] != "0":
        raise refused("Only an online payment that was not refunded can be voided.")
    ledger.unapply_payment(world, tx, doc)
    announce.payment(world, tx, "payment_voided", doc)
    tx.delete("payments", doc["payment_id"])


def _offline(mode: str) -> str:
    """Nothing is charged for what is recorded by hand, so it must not look refundable."""
    return "others" if mode == "autotransaction" else mode


def _fill(doc: Doc, body: Doc) -> None:
    if day := fields.day(body, "date"):
        doc["date"] = day.isoformat()
    for name, key in (("reference_number", "reference"), ("description", "description")):
        if body.get(name) is not None:
            doc[key] = fields.string(body, name)
    if body.get("bank_charges") not in (None, ""):
        doc["bank_charges"] = fields.amount_text(body, "bank_charges")
    if body.get("custom_fields") is not None:
        doc["custom_fields"] = customers.custom_fields([], fields.objects(body, "custom_fields"))


def _apply(world: World, tx: Tx, doc: Doc, body: Doc) -> None:
    for each in fields.objects(body, "invoices"):
        invoice = invoices.get(tx, each.get("invoice_id"))
        if invoice["customer_id"] != doc["customer_id"] or invoice["state"] != "open":
            raise refused("The payment cannot be applied to the invoice.")
        amount = fields.amount(each, "amount_applied")
        if amount is None:
            raise bad("amount_applied")
        ledger.apply_payment(world, tx, doc, invoice, rounded(amount, precision(doc["currency"])))
        renewals.after_settlement(world, tx, invoice)
