"""Where money is applied: both sides of each application are written here and nowhere else.

An invoice keeps the payments and credits applied to it, a payment and a credit note keep the invoices
they went to. What is left over is computed, never counted up: balance = total - payments - credits -
written off.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.errors import refused
from sandbox.money import ZERO, dec, text, total
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def balance(invoice: Doc) -> Decimal:
    """What is still owed on an invoice; a void one asks for nothing."""
    if invoice["state"] == "void":
        return ZERO
    taken = total(each["amount"] for each in invoice["payments"]) + total(
        each["amount"] for each in invoice["credits"]
    )
    return dec(invoice["total"]) - taken - dec(invoice.get("written_off"))


def status(invoice: Doc, today: date) -> str:
    """Zoho's word for an invoice."""
    if invoice["state"] != "open":
        return str(invoice["state"])
    if dec(invoice["balance"]) <= 0:
        return "paid"
    if invoice["due"] < today.isoformat():
        return "overdue"
    return "partially_paid" if invoice["payments"] or invoice["credits"] else "sent"


def save_invoice(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write an invoice with its balance and what lists filter by."""
    left = balance(doc)
    doc["balance"] = text(left)
    doc["updated"] = world.clock.stamp()
    tx.put(
        "invoices",
        doc["invoice_id"],
        doc,
        customer_id=doc["customer_id"],
        subscription_id=doc["subscription_id"],
        number=doc["number"],
        date=doc["date"],
        due=doc["due"],
        state=doc["state"],
        open=int(left > 0 and doc["state"] == "open"),
        partial=int(bool(doc["payments"] or doc["credits"])),
        total=float(dec(doc["total"])),
        balance=float(left),
        customer_name=doc["customer_name"],
        reference_number=doc.get("reference_number", ""),
    )
    return doc


def save_payment(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a payment with what is left of it."""
    applied = total(each["amount"] for each in doc["invoices"])
    left = (
        max(ZERO, dec(doc["amount"]) - applied - dec(doc["refunded"])) if doc["status"] == "success" else ZERO
    )
    doc["unused_amount"] = text(left)
    doc["updated"] = world.clock.stamp()
    if doc["status"] == "pending":
        tx.put(
            "pending_payments", doc["payment_id"], doc, settles=doc["settles"], customer_id=doc["customer_id"]
        )
        return doc
    tx.put(
        "payments",
        doc["payment_id"],
        doc,
        customer_id=doc["customer_id"],
        date=doc["date"],
        number=doc["number"],
        status=doc["status"],
        unused=int(left > 0),
    )
    return doc


def save_credit_note(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a credit note with its balance."""
    used = total(each["amount"] for each in doc["invoices"]) + total(
        each["amount"] for each in doc["refunds"]
    )
    left = dec(doc["total"]) - used if doc["state"] == "open" else ZERO
    doc["balance"] = text(left)
    doc["updated"] = world.clock.stamp()
    tx.put(
        "credit_notes",
        doc["creditnote_id"],
        doc,
        customer_id=doc["customer_id"],
        number=doc["number"],
        date=doc["date"],
        open=int(left > 0),
        state=doc["state"],
    )
    return doc


def apply_payment(world: World, tx: Tx, payment: Doc, invoice: Doc, amount: Decimal) -> None:
    """Put part of a payment on an invoice."""
    if amount <= 0 or amount > dec(invoice["balance"]):
        raise refused("The amount applied exceeds the balance of the invoice.")
    applied = total(each["amount"] for each in payment["invoices"])
    if applied + amount > dec(payment["amount"]):
        raise refused("The amount applied to the invoices exceeds the payment.")
    id_ = tx.next_id()
    invoice["payments"].append({"id": id_, "payment_id": payment["payment_id"], "amount": text(amount)})
    payment["invoices"].append({"id": id_, "invoice_id": invoice["invoice_id"], "amount": text(amount)})
    save_invoice(world, tx, invoice)
    save_payment(world, tx, payment)


def apply_credit(world: World, tx: Tx, note: Doc, invoice: Doc, amount: Decimal) -> Doc:
    """Put part of a credit note on an invoice, and say what was applied."""
    if note["state"] != "open" or amount <= 0 or amount > dec(note["balance"]):
        raise refused("The amount applied exceeds the balance of the credit note.")
    if invoice["state"] != "open" or amount > dec(invoice["balance"]):
        raise refused("The amount applied exceeds the balance of the invoice.")
    id_, day = tx.next_id(), world.clock.today().isoformat()
    applied = {"id": id_, "creditnote_id": note["creditnote_id"], "amount": text(amount), "date": day}
    invoice["credits"].append(applied)
    note["invoices"].append(
        {"id": id_, "invoice_id": invoice["invoice_id"], "amount": text(amount), "date": day}
    )
    save_invoice(world, tx, invoice)
    save_credit_note(world, tx, note)
    return applied


def apply_open_credits(world: World, tx: Tx, invoice: Doc) -> None:
    """Use the customer's open credit notes, oldest first."""
    for note in tx.find("credit_notes", where={"customer_id": invoice["customer_id"], "open": 1}):
        if dec(invoice["balance"]) <= 0:
            return
        apply_credit(world, tx, note, invoice, min(dec(note["balance"]), dec(invoice["balance"])))


def release(world: World, tx: Tx, invoice: Doc) -> None:
    """Take every payment and credit off an invoice; they become the customer's credit again."""
    for each in invoice["payments"]:
        payment = tx.get("payments", each["payment_id"])
        if payment is not None:
            payment["invoices"] = [one for one in payment["invoices"] if one["id"] != each["id"]]
            save_payment(world, tx, payment)
    for each in invoice["credits"]:
        note = tx.get("credit_notes", each["creditnote_id"])
        if note is not None:
            note["invoices"] = [one for one in note["invoices"] if one["id"] != each["id"]]
            save_credit_note(world, tx, note)
    invoice["payments"], invoice["credits"] = [], []


def unapply_payment(world: World, tx: Tx, payment: Doc) -> None:
    """Take a payment off all its invoices."""
    for each in payment["invoices"]:
        invoice = tx.get("invoices", each["invoice_id"])
        if invoice is not None:
            invoice["payments"] = [one for one in invoice["payments"] if one["id"] != each["id"]]
            save_invoice(world, tx, invoice)
    payment["invoices"] = []
