"""Invoices: raising, changing, voiding, writing off."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox import dates, fields
from sandbox.engine import announce, ledger, pricing
from sandbox.errors import refused, unknown
from sandbox.fields import as_id
from sandbox.money import ZERO, dec, precision, rounded, text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


LEVELS = ("entity_level", "item_level")


def get(tx: Tx, invoice_id: object) -> Doc:
    """One invoice, or Zoho's refusal."""
    doc = tx.get("invoices", as_id(invoice_id))
    if doc is None:
        raise unknown("invoices")
    return doc


def raise_invoice(
    world: World,
    tx: Tx,
    customer: Doc,
    lines: list[Doc],
    *,
    kind: str = "invoice",
    sub: Doc | None = None,
    day: date | None = None,
    source: str = "user",
) -> Doc:
    """A new open invoice over `lines`, announced."""
    doc = draft(world, tx, customer, lines, kind=kind, sub=sub, day=day)
    doc["state"] = "open"
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_notification", doc, source)
    return doc


def draft(
    world: World,
    tx: Tx,
    customer: Doc,
    lines: list[Doc],
    *,
    kind: str,
    sub: Doc | None = None,
    day: date | None = None,
) -> Doc:
    """An invoice that is not yet written."""
    on = day or world.clock.today()
    terms = int((sub or {}).get("payment_terms", customer.get("payment_terms", 0)) or 0)
    for each in lines:
        each.setdefault("item_id", tx.next_id())
    return {
        "invoice_id": tx.next_id(),
        "number": tx.next_number("INV-"),
        "customer_id": customer["customer_id"],
        "customer_name": customer["display_name"],
        "currency": customer["currency"],
        "subscription_id": sub["subscription_id"] if sub else "",
        "type": kind,
        "state": "draft",
        "date": on.isoformat(),
        "due": dates.add(on, max(0, terms), "days").isoformat(),
        "lines": lines,
        "coupon": _coupon(sub, lines),
        "payments": [],
        "credits": [],
        "created": world.clock.stamp(),
        "balance": "0",
        **pricing.totals(tx, lines, customer),
    }


def retotal(tx: Tx, doc: Doc, customer: Doc) -> None:
    """Sum again after lines, discount, shipping or adjustment changed."""
    sums = pricing.totals(tx, doc["lines"], customer)
    off = _whole_discount(doc, sums)
    before_tax = doc.get("discount_before_tax", True)
    doc.update(pricing.totals(tx, doc["lines"], customer, off=off) if off and before_tax else sums)
    doc["whole_discount"] = text(off)
    extra = dec(doc.get("shipping")) + dec(doc.get("adjustment")) - off
    doc["total"] = text(dec(doc["sub_total"]) + dec(doc["tax_total"]) + extra)
    if dec(doc["total"]) < 0 or ledger.balance(doc) < 0:
        raise refused("The invoice total cannot be less than what has been paid.")


def discount_level(doc: Doc) -> str:
    """Where its discounts stand; one for the whole invoice that names no level is for all of it."""
    given = dec(doc.get("discount_given", "0").rstrip("%"))
    return str(doc.get("discount_level") or LEVELS[0 if given else 1])


def _whole_discount(doc: Doc, sums: Doc) -> Decimal:
    """What is taken off the whole invoice; at item level only the discounts of the lines count."""
    if discount_level(doc) == "item_level" or not doc.get("discount_given"):
        return ZERO
    of = dec(sums["sub_total"] if doc.get("discount_before_tax", True) else sums["total"])
    return fields.discount({"discount": doc["discount_given"]}, "discount", of, precision(doc["currency"]))


def prorated(lines: list[Doc], part: Decimal, currency: str) -> list[Doc]:
    """The lines' share of a term, rounded half up per line."""
    places, made = precision(currency), []
    for each in lines:
        gross = rounded(dec(each["gross"]) * part, places)
        net = min(gross, rounded(dec(each["total"]) * part, places))
        price = text(rounded(gross / each["quantity"], 6).normalize() + 0)
        amounts = {"price": price, "gross": text(gross), "total": text(net), "discount": text(gross - net)}
        made.append({key: value for key, value in each.items() if key != "item_id"} | amounts)
    return made


def void(world: World, tx: Tx, doc: Doc, source: str = "user") -> Doc:
    """Void an invoice: its payments and credits go back to the customer."""
    if doc["state"] == "void":
        raise refused("The invoice is already void.")
    if doc.get("ach_payment_id"):
        raise refused("A bank payment for the invoice is in progress.")
    ledger.release(world, tx, doc)
    doc["state"], doc["written_off"] = "void", "0"
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_voided", doc, source)
    return doc


def open_again(world: World, tx: Tx, doc: Doc) -> Doc:
    """A draft, pending or void invoice becomes an open one."""
    if doc["state"] == "open":
        raise refused("The invoice is already open.")
    doc["state"] = "open"
    return ledger.save_invoice(world, tx, doc)


def write_off(world: World, tx: Tx, doc: Doc, reason: str = "") -> Doc:
    """Give up what is left to pay."""
    if doc["state"] != "open" or dec(doc["balance"]) <= 0:
        raise refused("Only an invoice with a balance can be written off.")
    doc["written_off"], doc["write_off_reason"] = doc["balance"], reason
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_updated", doc)
    return doc


def cancel_write_off(world: World, tx: Tx, doc: Doc) -> Doc:
    """Ask for it again."""
    if not dec(doc.get("written_off")):
        raise refused("The invoice has not been written off.")
    doc["written_off"] = "0"
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_updated", doc)
    return doc


def delete(tx: Tx, doc: Doc) -> None:
    """Forget an invoice to which nothing was applied."""
    if doc["payments"] or doc["credits"] or doc.get("ach_payment_id"):
        raise refused("Invoices with payments or credits applied cannot be deleted.")
    tx.delete("invoices", doc["invoice_id"])


def open_of_subscription(tx: Tx, subscription_id: str) -> list[Doc]:
    """Its unpaid invoices, oldest first."""
    return tx.find("invoices", where={"subscription_id": subscription_id, "open": 1})


def _coupon(sub: Doc | None, lines: list[Doc]) -> str:
    discounted = any(dec(each["discount"]) for each in lines)
    return str(sub["coupon"]["code"]) if discounted and sub and sub.get("coupon") else ""
