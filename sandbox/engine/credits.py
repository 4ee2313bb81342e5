"""Credit notes and refunds: what is given back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.engine import announce, ledger, pricing
from sandbox.errors import refused, unknown
from sandbox.fields import as_id
from sandbox.money import dec, text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def get(tx: Tx, creditnote_id: object) -> Doc:
    """One credit note, or the refusal."""
    doc = tx.get("credit_notes", as_id(creditnote_id))
    if doc is None:
        raise unknown("credit_notes")
    return doc


def create(world: World, tx: Tx, customer: Doc, lines: list[Doc], *, more: Doc | None = None) -> Doc:
    """A new open credit note over `lines`, announced."""
    for each in lines:
        each.setdefault("item_id", tx.next_id())
    doc: Doc = {
        "creditnote_id": tx.next_id(),
        "number": tx.next_number("CN-"),
        "customer_id": customer["customer_id"],
        "customer_name": customer["display_name"],
        "currency": customer["currency"],
        "date": world.clock.today().isoformat(),
        "state": "open",
        "lines": lines,
        "invoices": [],
        "refunds": [],
        "created": world.clock.stamp(),
        **pricing.totals(tx, lines, customer),
        **(more or {}),
    }
    ledger.save_credit_note(world, tx, doc)
    announce.credit_note(world, tx, "creditnote_added", doc)
    return doc


def void(world: World, tx: Tx, doc: Doc) -> Doc:
    """Void a credit note of which nothing was used."""
    if doc["state"] == "void":
        raise refused("The credit note is already void.")
    if doc["invoices"] or doc["refunds"]:
        raise refused("A credit note that has been applied or refunded cannot be voided.")
    doc["state"] = "void"
    return ledger.save_credit_note(world, tx, doc)


def open_again(world: World, tx: Tx, doc: Doc) -> Doc:
    """Undo voiding."""
    if doc["state"] != "void":
        raise refused("Only a void credit note can be converted to open.")
    doc["state"] = "open"
    return ledger.save_credit_note(world, tx, doc)


def delete(world: World, tx: Tx, doc: Doc) -> None:
    """Forget a credit note of which nothing was used."""
    if doc["invoices"] or doc["refunds"]:
        raise refused("A credit note that has been applied or refunded cannot be deleted.")
    announce.credit_note(world, tx, "creditnote_deleted", doc)
    tx.delete("credit_notes", doc["creditnote_id"])


def refund_note(world: World, tx: Tx, doc: Doc, amount: Decimal, description: str = "") -> Doc:
    """Pay out part of a credit note."""
    if doc["state"] != "open" or amount <= 0 or amount > dec(doc["balance"]):
        raise refused("The refund exceeds the balance of the credit note.")
    return _refund(world, tx, doc, amount, description, payment=None)


def refund_payment(world: World, tx: Tx, payment: Doc, amount: Decimal, description: str = "") -> Doc:
    """Give back part of a gateway payment: a credit note is made for it and paid out at once."""
    if payment["mode"] != "autotransaction" or payment["status"] != "success":
        raise refused("Only successful online payments can be refunded.")
    if amount <= 0 or amount > dec(payment["amount"]) - dec(payment["refunded"]):
        raise refused("The refund exceeds the payment.")
    customer = tx.get("customers", payment["customer_id"])
    if customer is None:
        raise unknown("customers")
    line = pricing.line("refund", "", description or "Refund", text(amount), 1, amount)
    note = create(world, tx, customer, [line])
    payment["refunded"] = text(dec(payment["refunded"]) + amount)
    ledger.save_payment(world, tx, payment)
    return _refund(world, tx, note, amount, description, payment=payment)


def _refund(world: World, tx: Tx, note: Doc, amount: Decimal, description: str, payment: Doc | None) -> Doc:
    doc: Doc = {
        "refund_id": tx.next_id(),
        "creditnote_id": note["creditnote_id"],
        "payment_id": payment["payment_id"] if payment else "",
        "customer_id": note["customer_id"],
        "currency": note["currency"],
        "amount": text(amount),
        "date": world.clock.today().isoformat(),
        "description": description,
        "mode": "autotransaction" if payment else "cash",
        "created": world.clock.stamp(),
    }
    if payment:
        doc["auto"] = payment.get("auto", {}) | {"autotransaction_id": tx.next_id()}
    note["refunds"].append({"refund_id": doc["refund_id"], "amount": doc["amount"]})
    ledger.save_credit_note(world, tx, note)
    tx.put("refunds", doc["refund_id"], doc, customer_id=doc["customer_id"], date=doc["date"])
    announce.refund(world, tx, doc, payment)
    return doc
