"""Customers and contact persons as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.engine import customers, methods
from sandbox.money import precision, symbol
from sandbox.render import values
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

SHARED = (
    "salutation",
    "first_name",
    "last_name",
    "company_name",
    "phone",
    "mobile",
    "website",
    "department",
    "designation",
)
MORE = (
    "twitter",
    "facebook",
    "skype",
    "notes",
    "gst_no",
    "gst_treatment",
    "place_of_contact",
    "tax_reg_no",
    "tds_tax_id",
    "tax_treatment",
    "tax_regime",
    "zcrm_account_id",
    "zcrm_contact_id",
)


def customer_row(world: World, tx: Tx, doc: Doc) -> Doc:
    """One line of GET /customers."""
    held = methods.of_customer(tx, doc["customer_id"])
    return {
        **_head(world, tx, doc),
        "is_gapps_customer": False,
        "has_attachment": False,
        "is_primary_associated": any(each.get("is_primary") for each in held),
        "is_backup_associated": any(each.get("is_backup") for each in held),
        "is_portal_invitation_accepted": False,
        "billing_address": values.address(doc.get("billing_address", {})),
    }


def customer(world: World, tx: Tx, doc: Doc) -> Doc:
    """GET /customers/{id}."""
    fields, flat = values.custom_fields(doc)
    return {
        **_head(world, tx, doc),
        **{name: doc.get(name, "") for name in MORE},
        "is_portal_enabled": bool(doc.get("is_portal_enabled")),
        "billing_address": values.address(doc.get("billing_address", {}))
        | {"state_code": doc.get("billing_address", {}).get("state_code", "")},
        "shipping_address": values.address(doc.get("shipping_address", {}))
        | {"state_code": doc.get("shipping_address", {}).get("state_code", "")},
        "currency_id": values.PERSON,
        "price_precision": precision(doc["currency"]),
        "ach_supported": bool(doc.get("ach_supported", True)),
        "is_tds_registered": bool(doc.get("is_tds_registered")),
        "is_taxable": doc.get("is_taxable", True),
        "custom_fields": fields,
        "custom_field_hash": flat,
        **flat,
        "source": doc.get("source", "api"),
        "payment_terms": doc.get("payment_terms", 0),
        "payment_terms_label": doc.get("payment_terms_label", "Due on Receipt"),
        "is_linked_with_zohocrm": bool(doc.get("zcrm_account_id")),
        "primary_contactperson_id": doc["person_id"],
        "can_add_card": bool(doc.get("can_add_card", True)),
        "can_add_bank_account": bool(doc.get("can_add_bank_account", True)),
        "default_templates": dict.fromkeys(customers.TEMPLATES, "") | doc.get("default_templates", {}),
        "documents": [],
    }


def person(doc: Doc) -> Doc:
    """A contact person."""
    names = ("contactperson_id", "first_name", "last_name", "email", "mobile", "phone", "fax", "customer_id")
    return {name: doc.get(name, "") for name in names} | {
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }


def _head(world: World, tx: Tx, doc: Doc) -> Doc:
    owed = values.number(world, customers.outstanding(tx, doc["customer_id"]))
    credit = values.number(world, customers.unused_credits(tx, doc["customer_id"]))
    return {
        "customer_id": doc["customer_id"],
        "customer_name": doc["display_name"],
        "display_name": doc["display_name"],
        **{name: doc.get(name, "") for name in SHARED},
        "email": doc["email"],
        "status": doc["status"],
        "tags": doc.get("tags", []),
        "currency_code": doc["currency"],
        "currency_symbol": symbol(doc["currency"]),
        "unused_credits": credit,
        "outstanding": owed,
        "unused_credits_receivable_amount": credit,
        "outstanding_receivable_amount": owed,
        "created_time": doc["created"],
        "updated_time": doc["updated"],
    }
