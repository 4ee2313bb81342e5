"""Invoices in their two shapes, payments, credit notes, refunds and unbilled charges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import catalogue
from sandbox.engine import invoices, ledger
from sandbox.money import dec, precision, symbol, total
from sandbox.render import values
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

# fields of tax regimes and of projects, which mean nothing here and are only given back
REGIONAL = (
    "place_of_supply",
    "gst_no",
    "gst_treatment",
    "tax_treatment",
    "cfdi_usage",
    "vat_treatment",
    "vat_reg_no",
)
PROJECT = (
    "project_id", "project_name", "expense_id", "expense_receipt_name", "tds_tax_id", "sat_item_key_code",
    "unitkey_code", "hsn_or_sac",
)  # fmt: skip


def row(world: World, tx: Tx, doc: Doc) -> Doc:
    """One line of GET /invoices: both `number` and `invoice_number`, and `zipcode` in its addresses."""
    customer = values.customer_of(tx, doc["customer_id"])
    billing = values.address(doc.get("billing_address") or customer.get("billing_address", {}), "zipcode")
    return {
        **_head(world, doc, customer),
        "invoice_number": doc["number"],
        "phone": customer.get("phone", ""),
        "reference_number": doc.get("reference_number", ""),
        "billing_address": billing,
        "shipping_address": values.address(customer.get("shipping_address", {}), "zipcode"),
        **{f"billing_{name}": billing[name] for name in ("street", "city", "state", "country", "zipcode")},
        "is_viewed_by_client": False,
        "client_viewed_time": "",
        "is_viewed_in_mail": False,
        "mail_first_viewed_time": "",
        "mail_last_viewed_time": "",
        "has_attachment": bool(doc.get("attachment")),
        "project_name": "",
        "country": billing["country"],
        "created_by": "sandbox",
        "salesperson": doc.get("salesperson_name", ""),
    }


def full(world: World, tx: Tx, doc: Doc) -> Doc:
    """GET /invoices/{id}, events, charge and buyonetimeaddon: the reading shape (`number`,
    `invoice_date`).
    """
    customer = values.customer_of(tx, doc["customer_id"])
    fields, flat = values.custom_fields(doc)
    return {
        **_head(world, doc, customer),
        "invoice_number": doc["number"],
        "reference_id": _reference(tx, doc),
        "subscriptions": [{"subscription_id": doc["subscription_id"]}] if doc["subscription_id"] else [],
        "invoice_items": [_line(world, each) for each in doc["lines"]],
        "coupons": values.coupons(world, tx, doc),
        "credits": [_credit(world, tx, each) for each in doc["credits"]],
        "payments": [_payment(world, tx, each) for each in doc["payments"]],
        "sub_total": values.number(world, doc["sub_total"]),
        "tax_total": values.number(world, doc["tax_total"]),
        "taxes": values.taxes(world, doc),
        **_sums(world, doc),
        "invoice_url": "",  # as in the specs' example: what Zoho's link looks like is not known
        "billing_address": values.address(doc.get("billing_address") or customer.get("billing_address", {})),
        "shipping_address": values.address(
            doc.get("shipping_address") or customer.get("shipping_address", {})
        ),
        "comments": [],
        "custom_fields": fields,
        "custom_field_hash": flat,
        "can_send_in_mail": False,
        "documents": [],
    }


def written(world: World, tx: Tx, doc: Doc) -> Doc:
    """The answer to POST and PUT /invoices: the writing shape (`invoice_number`, `date`,
    `last_modified_time`).
    """
    customer = values.customer_of(tx, doc["customer_id"])
    shown = full(world, tx, doc)
    gone = (
        "number",
        "invoice_date",
        "updated_time",
        "transaction_type",
        "coupons",
        "comments",
        "email",
        "subscriptions",
    )
    return {key: value for key, value in shown.items() if key not in gone} | {
        "date": doc["date"],
        "last_modified_time": doc["updated"],
        "contact_persons": [{"contactperson_id": each} for each in doc.get("persons", [])],
        "currency_id": values.PERSON,
        "exchange_rate": 1,
        **_payment_terms(doc, customer),
        "last_payment_date": "",
        "discount": values.number(world, dec(doc["discount"]) + dec(doc.get("whole_discount"))),
        "is_discount_before_tax": doc.get("discount_before_tax", True),
        "discount_type": invoices.discount_level(doc),
        "is_inclusive_tax": False,
        "shipping_charge": str(doc.get("shipping", "0")),
        "adjustment": values.number(world, doc.get("adjustment")),
        "adjustment_description": doc.get("adjustment_description", ""),
        "taxes": [
            {"tax_name": each["name"], "tax_amount": values.number(world, each["amount"])}
            for each in doc["taxes"]
        ],
        "allow_partial_payments": bool(doc.get("partial_payments")),
        "price_precision": precision(doc["currency"]),
        "payment_options": {"payment_gateways": []},
        "is_emailed": bool(doc.get("emailed")),
        "reminders_sent": 0,
        "last_reminder_sent_date": "",
        "payment_reminder_enabled": True,
        "tax_amount_withheld": 0,
        "notes": doc.get("notes", ""),
        "terms": doc.get("terms", ""),
        "template_id": values.PERSON,
        "template_name": "Standard",
        "is_viewed_by_client": False,
        "client_viewed_time": "",
        "attachment_name": doc.get("attachment", ""),
        "invoice_items": [_written_line(world, tx, each, place) for place, each in enumerate(doc["lines"])],
        "reference_number": doc.get("reference_number", ""),
        "has_attachment": bool(doc.get("attachment")),
        "is_pre_gst": False,
        **{name: doc.get(name, "") for name in REGIONAL},
    }


def _payment_terms(doc: Doc, customer: Doc) -> Doc:
    """The invoice's own terms, or those of its customer."""
    own = doc if "payment_terms" in doc else customer
    label = doc.get("payment_terms_label") or own.get("payment_terms_label") or "Due on Receipt"
    return {"payment_terms": own.get("payment_terms", 0), "payment_terms_label": label}


def _written_line(world: World, tx: Tx, line: Doc, place: int) -> Doc:
    """A line of the writing shape: it has its place, its tax by name and what projects would add."""
    tax = catalogue.tax(tx, line["tax_id"])
    return _line(world, line) | {
        "item_order": place,
        "item_type": "sales",
        "bcy_rate": values.number(world, line["price"]),
        "discount": values.number(world, line["discount"]),
        "unit": line.get("unit", ""),
        "tax_name": tax["name"] if tax else "",
        "tax_type": "tax" if tax else "",
        "tax_percentage": values.number(world, tax["percentage"]) if tax else 0,
        "time_entry_ids": [],
        **{name: line.get(name, "") for name in PROJECT},
    }


def _head(world: World, doc: Doc, customer: Doc) -> Doc:
    return {
        "invoice_id": doc["invoice_id"],
        "number": doc["number"],
        "status": ledger.status(doc, world.clock.today()),
        "invoice_date": doc["date"],
        "due_date": doc["due"],
        "payment_expected_date": doc.get("payment_expected_date", ""),
        "ach_payment_initiated": bool(doc.get("ach_payment_id")),
        "transaction_type": doc["type"],
        "customer_id": doc["customer_id"],
        "customer_name": customer["display_name"],
        "email": customer["email"],
        "balance": values.number(world, doc["balance"]),
        "total": values.number(world, doc["total"]),
        "currency_code": doc["currency"],
        "currency_symbol": symbol(doc["currency"]),
        "salesperson_id": "",
        "salesperson_name": doc.get("salesperson_name", ""),
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }


def _sums(world: World, doc: Doc) -> Doc:
    return {
        "payment_made": values.number(world, total(each["amount"] for each in doc["payments"])),
        "credits_applied": values.number(world, total(each["amount"] for each in doc["credits"])),
        "write_off_amount": values.number(world, doc.get("written_off")),
    }


def _line(world: World, line: Doc) -> Doc:
    price = format(dec(line["price"]), "f") if world.settings.number_drift == "spec" else None
    return {
        "item_id": line["item_id"],
        "product_id": line.get("product_id", ""),
        "name": line["name"],
        "description": line.get("description", ""),
        "code": line["code"],
        "price": values.number(world, line["price"]) if price is None else price,
        "quantity": line["quantity"],
        "discount_amount": values.number(world, line["discount"]),
        "item_total": values.number(world, line["total"]),
        "tax_id": line["tax_id"],
        "tax_exemption_id": "",
        "tax_exemption_code": "",
        "product_type": "service",
        "hsn_or_sac": line.get("hsn_or_sac", ""),
        "account_id": "",
        "account_name": "Sales",
        "tags": [],
        "item_custom_fields": values.item_fields(line),
    }


def _credit(world: World, tx: Tx, applied: Doc) -> Doc:
    note = tx.get("credit_notes", applied["creditnote_id"]) or {}
    return {
        "creditnote_id": applied["creditnote_id"],
        "creditnotes_number": note.get("number", ""),
        "credited_date": applied["date"],
        "credited_amount": values.drifting(world, applied["amount"]),
    }


def _payment(world: World, tx: Tx, applied: Doc) -> Doc:
    payment = tx.get("payments", applied["payment_id"]) or {}
    auto = payment.get("auto", {})
    return {
        "payment_id": applied["payment_id"],
        "invoice_payment_id": applied["id"],
        "payment_mode": payment.get("mode", ""),
        "amount_refunded": values.number(world, payment.get("refunded")),
        "gateway_transaction_id": auto.get("transaction_id", ""),
        "description": payment.get("description", ""),
        "date": payment.get("date", ""),
        "reference_number": payment.get("reference", ""),
        "amount": values.number(world, applied["amount"]),
        "bank_charges": values.number(world, payment.get("bank_charges")),
        "exchange_rate": 1,
    }


def _reference(tx: Tx, doc: Doc) -> str:
    sub = tx.get("subscriptions", doc["subscription_id"]) if doc["subscription_id"] else None
    return str((sub or {}).get("reference_id", ""))
