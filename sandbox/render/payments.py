"""Payments, credit notes, refunds and unbilled charges as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.money import dec, symbol
from sandbox.render import values
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def payment(world: World, tx: Tx, doc: Doc) -> Doc:
    """GET /payments/{id}, also the row of the list."""
    customer = values.customer_of(tx, doc["customer_id"])
    fields, _ = values.custom_fields(doc)
    made: Doc = {
        "payment_id": doc["payment_id"],
        "payment_number": doc["number"],
        "payment_mode": doc["mode"],
        "amount": values.number(world, doc["amount"]),
        "amount_refunded": values.number(world, doc["refunded"]),
        "unused_amount": values.number(world, doc["unused_amount"]),
        "bank_charges": values.number(world, doc.get("bank_charges")),
        "date": doc["date"],
        "status": doc["status"],
        "reference_number": doc.get("reference", ""),
        "description": doc.get("description", ""),
        "customer_id": doc["customer_id"],
        "customer_name": customer["display_name"],
        "email": customer["email"],
        "invoices": [_applied(world, tx, each) for each in doc["invoices"]],
        "currency_code": doc["currency"],
        "currency_symbol": symbol(doc["currency"]),
        "custom_fields": fields,
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }
    if doc.get("auto"):
        made["autotransaction"] = _auto(world, doc["auto"])
    if doc["status"] == "failure" and doc.get("failed_invoice"):
        made["invoices"] = [_failed(world, tx, doc["failed_invoice"])]
    return made


def collected(world: World, tx: Tx, doc: Doc, invoice: Doc) -> Doc:
    """The answer of `collect`: a payment that knows what is still due.  A bank payment says success while
    it runs.
    """
    made = payment(world, tx, doc) | {
        "due_date": invoice["due"],
        "amount_due": values.number(world, invoice["balance"]),
    }
    if doc["status"] == "pending":
        made["status"] = "success"
    return made


def credit_note(world: World, tx: Tx, doc: Doc) -> Doc:
    """GET /creditnotes/{id}, also the row of the list."""
    customer = values.customer_of(tx, doc["customer_id"])
    fields, _ = values.custom_fields(doc)
    status = "void" if doc["state"] == "void" else ("open" if dec(doc["balance"]) > 0 else "closed")
    return {
        "creditnote_id": doc["creditnote_id"],
        "creditnote_number": doc["number"],
        "date": doc["date"],
        "status": status,
        "customer_id": doc["customer_id"],
        "customer_name": customer["display_name"],
        "email": customer["email"],
        "reference_number": doc.get("reference_number", ""),
        "total": values.number(world, doc["total"]),
        "balance": values.number(world, doc["balance"]),
        "creditnote_items": [_credit_line(world, each) for each in doc["lines"]],
        "invoices": [_credited(world, tx, each) for each in doc["invoices"]],
        "taxes": values.taxes(world, doc),
        "currency_code": doc["currency"],
        "currency_symbol": symbol(doc["currency"]),
        "custom_fields": fields,
        "template_id": values.PERSON,
        "template_name": "Standard",
        "notes": doc.get("notes", ""),
        "terms": doc.get("terms", ""),
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }


def refund(world: World, tx: Tx, doc: Doc) -> Doc:
    """A refund with the credit note that it was paid from."""
    customer = values.customer_of(tx, doc["customer_id"])
    note = tx.get("credit_notes", doc["creditnote_id"]) or {
        "number": "",
        "date": "",
        "total": "0",
        "balance": "0",
    }
    made: Doc = {
        "refund_id": doc["refund_id"],
        "date": doc["date"],
        "amount": values.number(world, doc["amount"]),
        "description": doc["description"],
        "reference_number": "",
        "refund_mode": doc["mode"],
        "status": "success",
        "customer_id": doc["customer_id"],
        "customer_name": customer["display_name"],
        "email": customer["email"],
        "creditnote": {
            "creditnote_id": doc["creditnote_id"],
            "creditnote_number": note["number"],
            "date": note["date"],
            "amount": values.number(world, note["total"]),
            "refund_amount": values.number(world, doc["amount"]),
            "balance_amount": values.number(world, note["balance"]),
        },
        "currency_code": doc["currency"],
        "currency_symbol": symbol(doc["currency"]),
    }
    if doc.get("auto"):
        made["autotransaction"] = _auto(world, doc["auto"])
    return made


def unbilled_charge(world: World, tx: Tx, doc: Doc) -> Doc:
    """A parked charge."""
    customer = values.customer_of(tx, doc["customer_id"])
    return {
        "unbilled_charge_id": doc["unbilled_charge_id"],
        "number": doc["number"],
        "status": doc["status"],
        "unbilled_charge_date": doc["date"],
        "customer_id": doc["customer_id"],
        "subscription_id": doc["subscription_id"],
        "customer_name": customer["display_name"],
        "email": customer["email"],
        "unbilled_charge_items": [_unbilled_line(world, each) for each in doc["lines"]],
        "coupons": values.coupons(world, tx, doc),
        "total": values.number(world, doc["total"]),
        "currency_code": doc["currency"],
        "currency_symbol": symbol(doc["currency"]),
        "billing_address": values.address(customer.get("billing_address", {})),
        "shipping_address": values.address(customer.get("shipping_address", {})),
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }


def card(world: World, doc: Doc) -> Doc:
    """GET /customers/{id}/cards/{id}."""
    address = doc.get("address", {})
    return {
        **card_row(world, doc),
        "first_name": doc.get("first_name", ""),
        "last_name": doc.get("last_name", ""),
        **{name: address.get(name, "") for name in ("street", "city", "state", "zip", "country")},
    }


def card_row(world: World, doc: Doc) -> Doc:
    """One line of GET /customers/{id}/cards."""
    made: Doc = {
        "card_id": doc["method_id"],
        "customer_id": doc["customer_id"],
        "status": doc["status"],
        "last_four_digits": values.last_four(world, doc["last_four"]),
        "expiry_month": doc["expiry_month"],
        "expiry_year": doc["expiry_year"],
        "payment_gateway": doc["gateway"],
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }
    return made | ({"card_type": doc["brand"]} if world.settings.u13_card_type else {})


def bank_account(world: World, tx: Tx, doc: Doc) -> Doc:
    """A bank account; its gateway is called `gateway`."""
    return {
        "account_id": doc["method_id"],
        "customer_id": doc["customer_id"],
        "customer_name": values.customer_of(tx, doc["customer_id"])["display_name"],
        "gateway": doc["gateway"],
        "last_four_digits": values.last_four(world, doc["last_four"]),
        "status": doc["status"],
        "created_time": doc["created"],
        "last_modified_time": doc["updated"],
        "created_by_id": values.PERSON,
        "created_by_name": "sandbox",
    }


def _auto(world: World, auto: Doc) -> Doc:
    made: dict[str, Any] = {
        "autotransaction_id": auto["autotransaction_id"],
        "payment_gateway": auto["gateway"],
        "gateway_transaction_id": auto["transaction_id"],
        "gateway_error_message": auto.get("error_message", ""),
    }
    if auto.get("error_code"):
        made["gateway_error_code"] = auto["error_code"]
    if auto.get("type") == "bank":
        made |= {"account_id": auto["method_id"]}
    elif auto.get("type") == "card":
        made |= {
            "card_id": auto["method_id"],
            "last_four_digits": values.last_four(world, auto["last_four"]),
            "expiry_month": auto["expiry_month"],
            "expiry_year": auto["expiry_year"],
        }
    return made


def _applied(world: World, tx: Tx, each: Doc) -> Doc:
    invoice = tx.get("invoices", each["invoice_id"]) or {
        "number": "",
        "date": "",
        "total": "0",
        "balance": "0",
    }
    return {
        "invoice_id": each["invoice_id"],
        "invoice_number": invoice["number"],
        "date": invoice["date"],
        "invoice_amount": values.number(world, invoice["total"]),
        "amount_applied": values.number(world, each["amount"]),
        "balance_amount": values.number(world, invoice["balance"]),
    }


def _failed(world: World, tx: Tx, invoice_id: str) -> Doc:
    return _applied(world, tx, {"invoice_id": invoice_id, "amount": "0"})


def _credited(world: World, tx: Tx, each: Doc) -> Doc:
    invoice = tx.get("invoices", each["invoice_id"]) or {}
    return {
        "invoice_id": each["invoice_id"],
        "invoice_number": invoice.get("number", ""),
        "amount": values.number(world, each["amount"]),
        "date": each["date"],
    }


def _credit_line(world: World, line: Doc) -> Doc:
    return {
        "item_id": line["item_id"],
        "description": line.get("description", ""),
        "code": line["code"],
        "name": line["name"],
        "account_id": line.get("account_id", ""),
        "account_name": "Sales",
        "quantity": line["quantity"],
        "tax_id": line["tax_id"],
        "price": values.number(world, line["price"]),
        "item_total": values.number(world, line["total"]),
        "type": 1,
        **{name: line.get(name, "") for name in ("tds_tax_id", "sat_item_key_code", "unitkey_code")},
        "tags": [],
        "item_custom_fields": values.item_fields(line),
    }


def _unbilled_line(world: World, line: Doc) -> Doc:
    return {
        "unbilled_charge_item_id": line["item_id"],
        "product_id": "",
        "name": line["name"],
        "description": line.get("description", ""),
        "code": line["code"],
        "price": values.drifting(world, line["price"]),
        "quantity": line["quantity"],
        "discount_amount": values.number(world, line["discount"]),
        "item_total": values.number(world, line["total"]),
        "tax_id": line["tax_id"],
        "product_type": "service",
        "hsn_or_sac": line.get("hsn_or_sac", ""),
        "tax_exemption_id": "",
        "tax_exemption_code": "",
    }
