"""Invoices written by hand: their lines, their extras, and changing them later."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox import catalogue, dates, fields
from sandbox.engine import announce, customers, invoices, ledger, pricing
from sandbox.errors import ZohoError, bad, refused
from sandbox.money import dec, precision, rounded, text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

TEXTS = (
    "reference_number", "adjustment_description", "notes", "terms", "payment_terms_label", "salesperson_name",
    "place_of_supply", "gst_no", "gst_treatment", "tax_treatment", "cfdi_usage", "vat_treatment",
    "vat_reg_no",
)  # fmt: skip
LINE_TEXTS = ("description", "unit", "hsn_or_sac", "sat_item_key_code", "unitkey_code", "tds_tax_id")


def create(world: World, tx: Tx, body: Doc, *, own_number: bool) -> Doc:
    """A new invoice for a customer."""
    customer = customers.get(tx, body.get("customer_id"))
    lines = read_lines(tx, body, customer)
    day = fields.day(body, "date", world.clock.today())
    doc = invoices.draft(world, tx, customer, lines, kind="invoice", day=day)
    _fill(world, tx, doc, body, customer, own_number=own_number)
    doc["state"] = "open"
    ledger.save_invoice(world, tx, doc)
    announce.activity(world, tx, doc["invoice_id"], "Invoice created.")
    announce.invoice(world, tx, "invoice_notification", doc, "api")
    return doc


def update(world: World, tx: Tx, doc: Doc, body: Doc, *, own_number: bool) -> Doc:
    """Change an invoice; void ones stay as they are."""
    if doc["state"] == "void":
        raise refused("A void invoice cannot be updated.")
    customer = customers.get(tx, doc["customer_id"])
    if body.get("invoice_items") is not None:
        doc["lines"] = read_lines(tx, body, customer)
    if day := fields.day(body, "date"):
        doc["date"] = day.isoformat()
    _fill(world, tx, doc, body, customer, own_number=own_number)
    ledger.save_invoice(world, tx, doc)
    announce.activity(world, tx, doc["invoice_id"], "Invoice updated.")
    announce.invoice(world, tx, "invoice_updated", doc, "api")
    return doc


def add_lines(world: World, tx: Tx, doc: Doc, body: Doc) -> Doc:
    """More lines on an invoice that is not paid."""
    if doc["state"] == "void" or dec(doc["balance"]) <= 0 < dec(doc["total"]):
        raise refused("Items cannot be added to this invoice.")
    customer = customers.get(tx, doc["customer_id"])
    doc["lines"] += [each | {"item_id": tx.next_id()} for each in read_lines(tx, body, customer)]
    invoices.retotal(tx, doc, customer)
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_updated", doc, "api")
    return doc


def remove_line(world: World, tx: Tx, doc: Doc, item_id: str) -> Doc:
    """One line less; the last one stays."""
    left = [each for each in doc["lines"] if each["item_id"] != item_id]
    if len(left) == len(doc["lines"]):
        raise ZohoError(1002, "Item does not exist.", 404)
    if not left or doc["state"] == "void":
        raise refused("The item cannot be removed from this invoice.")
    doc["lines"] = left
    invoices.retotal(tx, doc, customers.get(tx, doc["customer_id"]))
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_updated", doc, "api")
    return doc


def read_lines(tx: Tx, body: Doc, customer: Doc, name: str = "invoice_items") -> list[Doc]:
    """Lines from a request."""
    given = fields.objects(body, name)
    if not given:
        raise bad(name)
    return [_line(tx, each, customer) for each in given]


def _line(tx: Tx, asked: Doc, customer: Doc) -> Doc:
    code = fields.string(asked, "code")
    item = (catalogue.find(tx, "plans", code) or catalogue.find(tx, "addons", code)) if code else None
    product_id = fields.string(asked, "product_id")
    product = tx.get("products", product_id) if product_id else None
    if product_id and product is None and item is None:
        raise ZohoError(2006, "Invalid Product ID.")
    default = dec(item.get("price", "0")) if item else Decimal(0)
    # the specs describe `price` and require `rate`
    price = fields.amount(asked, "price", fields.amount(asked, "rate", default)) or Decimal(0)
    quantity = fields.whole(asked, "quantity", 1, least=1)
    gross = rounded(price * quantity, precision(customer["currency"]))
    off = fields.discount(asked, "discount", gross, precision(customer["currency"]))
    named = fields.string(asked, "name") or (item or product or {}).get("name", "") or "Item"
    line = pricing.line("item", code, named, text(price), quantity, gross)
    tax_id = fields.string(asked, "tax_id") or (item or {}).get("tax_id", "")
    line |= {
        "discount": text(off),
        "total": text(gross - off),
        "tax_id": tax_id if catalogue.tax(tx, tax_id) else "",
    }
    own = customers.item_fields(asked)
    return line | {"product_id": product_id} | {name: fields.string(asked, name) for name in LINE_TEXTS} | own


def _fill(world: World, tx: Tx, doc: Doc, body: Doc, customer: Doc, *, own_number: bool) -> None:
    number = fields.required(body, "invoice_number", longest=100) if own_number else doc["number"]
    if number != doc["number"]:
        if tx.count("invoices", where={"number": number}):
            raise refused("The invoice number already exists.")
        doc["number"] = number
    doc |= fields.kept(body, TEXTS)
    if body.get("shipping_charge") not in (None, ""):
        doc["shipping"] = fields.amount_text(body, "shipping_charge")
    if body.get("adjustment") not in (None, ""):
        least = Decimal(-(10**9))
        amount = fields.amount(body, "adjustment", least=least) or Decimal(0)
        doc["adjustment"] = text(rounded(amount, precision(customer["currency"])))
    if doc.get("shipping"):
        doc["shipping"] = text(rounded(dec(doc["shipping"]), precision(customer["currency"])))
    if body.get("contact_persons") is not None:
        doc["persons"] = customers.persons_of(tx, doc["customer_id"], fields.objects(body, "contact_persons"))
    _choose_discount(doc, body)
    _due(world, doc, body)
    partial = fields.flag(body, "allow_partial_payments", default=doc.get("partial_payments", False))
    doc["partial_payments"] = partial
    if body.get("custom_fields") is not None:
        given = fields.objects(body, "custom_fields")
        doc["custom_fields"] = customers.custom_fields(doc.get("custom_fields", []), given)
    for each in doc["lines"]:
        each.setdefault("item_id", tx.next_id())
    invoices.retotal(tx, doc, customer)


def _choose_discount(doc: Doc, body: Doc) -> None:
    """A discount on the whole invoice: an amount or a percentage, before or after tax."""
    if body.get("discount") not in (None, ""):
        fields.discount(body, "discount", fields.LARGEST, precision(doc["currency"]))
        doc["discount_given"] = fields.string(body, "discount")
    if body.get("discount_type"):
        doc["discount_level"] = fields.choice(body, "discount_type", invoices.LEVELS, "")
    before_tax = doc.get("discount_before_tax", True)
    doc["discount_before_tax"] = fields.flag(body, "is_discount_before_tax", default=before_tax)


def _due(world: World, doc: Doc, body: Doc) -> None:
    if body.get("payment_terms") not in (None, ""):
        terms = fields.whole(body, "payment_terms", 0, least=-5, most=3650)
        doc["due"] = dates.add(dates.parse(doc["date"]), max(0, terms), "days").isoformat()
        doc["payment_terms"] = terms
    if due := fields.day(body, "due_date"):
        doc["due"] = due.isoformat()
