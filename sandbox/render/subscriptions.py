"""Subscriptions as the API shows them: the row of a list, and the whole."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox import catalogue
from sandbox.money import dec, symbol, text
from sandbox.render import values
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

CUSTOMER_TAX = ("tax_id", "tax_name", "tax_percentage", "tax_type")


def row(world: World, tx: Tx, sub: Doc) -> Doc:
    """One line of GET /subscriptions."""
    customer = values.customer_of(tx, sub["customer_id"])
    fields, flat = values.custom_fields(sub)
    return {
        **_head(world, sub),
        **_terms(world, sub),
        "customer_id": sub["customer_id"],
        "customer_name": customer["display_name"],
        "email": customer["email"],
        "phone": customer.get("phone", ""),
        "mobile_phone": customer.get("mobile", ""),
        "plan_code": sub["plan"]["code"],
        "plan_name": sub["plan"]["name"],
        "name": f"{_product_name(tx, sub)}-{sub['plan']['name']}",
        "coupon_duration": "",
        "billing_mode": "prepaid",
        "is_metered_billing": False,
        "shipping_interval": -1,
        "shipping_interval_unit": "",
        "next_shipment_at": "",
        "next_shipment_day": "",
        "total_orders": -1,
        "orders_created": 0,
        "orders_remaining": -1,
        "crm_owner_id": "",
        "zcrm_potential_id": "",
        "zcrm_potential_name": "",
        "custom_fields": fields,
        "custom_field_hash": flat,
    }


def full(world: World, tx: Tx, sub: Doc) -> Doc:
    """GET /subscriptions/{id}; absent keys (card, cancelled_at) are absent as in the recordings."""
    customer = values.customer_of(tx, sub["customer_id"])
    shown, flat = values.custom_fields(sub)
    product = _product_name(tx, sub)
    made: Doc = {
        **_head(world, sub),
        **_terms(world, sub),
        "name": f"{product}-{sub['plan']['name']}",
        "product_id": sub["product_id"],
        "product_name": product,
        "customer_id": sub["customer_id"],
        "child_invoice_id": sub.get("child_invoice_id", ""),
        "unbilled_charge_id": sub.get("unbilled_id", ""),
        "end_of_term": bool(sub.get("scheduled")),
        "plan": _plan(world, tx, sub),
        "addons": [_addon(world, tx, each, sub) for each in sub.get("addons", [])],
        "taxes": values.taxes(world, sub),
        **_tax(world, tx, sub),
        "customer": _customer(customer),
        "contactpersons": _persons(tx, sub, customer),
        "notes": notes(tx, sub["subscription_id"]),
        "payment_gateways": [
            {"payment_gateway": each} for each in sub.get("gateways") or [world.settings.gateway]
        ],
        "custom_fields": shown,
        "custom_field_hash": flat,
        "can_add_bank_account": bool(customer.get("ach_supported", True)),
        "can_charge_setup_fee_immediately": bool(sub.get("setup_fee_first")),
        **_constants(world, sub),
    }
    if held := sub.get("coupon"):
        made["coupon"] = _coupon(world, tx, sub, held)
    if card := _card(world, tx, sub):
        made["card"] = card
    if sub["status"] in ("cancelled", "cancelled_from_dunning"):
        made |= {"cancelled_at": sub.get("cancelled_at", ""), "source": "user"}
    for name, key in (("paused_at", "pause_date"), ("pause_at", "pause_date"), ("resume_at", "resume_date")):
        if sub.get(name):
            made[key] = sub[name]
    return made


def notes(tx: Tx, subscription_id: str) -> list[Doc]:
    """What staff or programs wrote beside it, oldest first."""
    return [note(doc) for doc in tx.find("notes", where={"subscription_id": subscription_id})]


def note(doc: Doc) -> Doc:
    """One note."""
    shown = {"note_id": doc["note_id"], "description": doc["description"]}
    return shown | {"commented_by": "sandbox", "commented_time": doc["time"]}


def _head(world: World, sub: Doc) -> Doc:
    return {
        "subscription_id": sub["subscription_id"],
        "subscription_number": sub["number"],
        "status": sub["status"],
        "amount": values.number(world, sub["amount"]),
        "sub_total": values.number(world, sub["sub_total"]),
        "created_at": sub["created_at"],
        "created_by": "sandbox",
        "created_time": sub["created"],
        "updated_time": sub["updated"],
        "reference_id": sub.get("reference_id", ""),
        "salesperson_id": values.PERSON if sub.get("salesperson") else "",
        "salesperson_name": sub.get("salesperson", ""),
        "currency_code": sub["currency"],
        "currency_symbol": symbol(sub["currency"]),
        "auto_collect": sub["auto_collect"],
        "payment_terms": sub.get("payment_terms", 0),
        "payment_terms_label": sub.get("payment_terms_label", "Due on Receipt"),
    }


def _terms(world: World, sub: Doc) -> Doc:
    trial = sub["status"] == "trial"
    ends = sub.get("trial_ends_at", "") if trial else sub.get("term_ends_at", "")
    made: Doc = {
        "activated_at": sub.get("activated_at", ""),
        "current_term_starts_at": sub.get("trial_starts_at", "") if trial else sub.get("term_starts_at", ""),
        "current_term_ends_at": ends,
        "last_billing_at": sub.get("last_billing_at", ""),
        "next_billing_at": _next_billing(sub),
        "expires_at": sub.get("expires_at", ""),
        "trial_starts_at": sub.get("trial_starts_at", ""),
        "trial_ends_at": sub.get("trial_ends_at", ""),
        "trial_remaining_days": _days_left(world, sub) if trial else "",
        "interval": values.drifting(world, sub["interval"]),
        "interval_unit": sub["interval_unit"],
        "scheduled_cancellation_date": sub.get("cancels_at", "") if sub["status"] == "non_renewing" else "",
    }
    if sub["status"].startswith("cancelled"):
        made.pop("next_billing_at")
    return made


def _next_billing(sub: Doc) -> str:
    if sub["status"] == "trial":
        return str(sub["trial_ends_at"])
    if sub["status"] == "future":
        return str(sub["starts_at"])
    return (
        ""
        if sub["status"] in ("expired", "trial_expired", "non_renewing")
        else str(sub.get("next_billing_at", ""))
    )


def _days_left(world: World, sub: Doc) -> int:
    return max(0, (date.fromisoformat(sub["trial_ends_at"]) - world.clock.today()).days)


def _plan(world: World, tx: Tx, sub: Doc) -> Doc:
    plan = sub["plan"]
    catalogued = catalogue.find(tx, "plans", plan["code"]) or {}
    tax = catalogue.tax(tx, plan.get("tax_id", ""))
    total = dec(plan["price"]) * plan["quantity"]
    return {
        "plan_code": plan["code"],
        "plan_id": catalogued.get("plan_id", ""),
        "name": plan["name"],
        "internal_name": plan["name"],
        "description": plan.get("description", ""),
        "plan_description": plan.get("description", ""),
        "price": values.number(world, plan["price"]),
        "quantity": plan["quantity"],
        "unit": catalogued.get("unit", ""),
        "pricing_scheme": "unit",
        "discount": 0,
        "discount_amount": 0,
        "discount_formatted": "0.00",
        "discounts": [],
        "total": values.number(world, total),
        "setup_fee": values.number(world, plan.get("setup_fee")),
        **{f"setup_fee_{name}": value for name, value in _tax_of(world, tax).items()},
        **_tax_of(world, tax),
        "trial_days": plan.get("trial_days", 0),
        "billing_cycles": sub["cycles"],
        "tags": [],
        "item_custom_fields": values.item_fields(plan),
    }


def _tax_of(world: World, tax: Doc | None) -> Doc:
    """A tax beside an item; a percentage that is not set is an empty string, not nought."""
    return {
        "tax_id": tax["tax_id"] if tax else "",
        "tax_name": tax["name"] if tax else "",
        "tax_percentage": values.number(world, tax["percentage"]) if tax else "",
        "tax_type": "tax" if tax else "",
    }


def _addon(world: World, tx: Tx, item: Doc, sub: Doc) -> Doc:
    from sandbox.engine import pricing

    line = pricing.addon_line(tx, item, sub["currency"])
    addon = catalogue.named(tx, "addons", item["code"])
    return {
        "addon_code": item["code"],
        "addon_id": addon["addon_id"],
        "name": addon["name"],
        "addon_description": item.get("description", ""),
        "description": item.get("description", ""),
        "price": values.number(world, line["price"]),
        "quantity": item["quantity"],
        "discount": 0,
        "total": values.number(world, line["gross"]),
        "pricing_scheme": addon.get("scheme", "unit"),
        "type": addon["type"],
        "tax_id": line["tax_id"],
        "tags": [],
        "item_custom_fields": values.item_fields(item),
    }


def _tax(world: World, tx: Tx, sub: Doc) -> Doc:
    tax = catalogue.tax(tx, sub["plan"].get("tax_id", ""))
    shown = _tax_of(world, tax)
    shown.pop("tax_type")
    return shown | {"is_taxable": tax is not None}


def _coupon(world: World, tx: Tx, sub: Doc, held: Doc) -> Doc:
    coupon = catalogue.find(tx, "coupons", held["code"]) or {}
    return {
        "coupon_code": held["code"],
        "coupon_id": coupon.get("coupon_id", ""),
        "coupon_name": coupon.get("name", ""),
        "discount_amount": values.number(world, sub.get("discount", "0")),
        "discount_by": coupon.get("discount_by", ""),
        "remaining_redemptions": held["remaining"],
    }


def _card(world: World, tx: Tx, sub: Doc) -> Doc | None:
    method = tx.get("methods", sub["method_id"]) if sub.get("method_id") else None
    if method is None or method["type"] != "card" or method["status"] != "active":
        return None
    return {
        "card_id": method["method_id"],
        "last_four_digits": values.last_four(world, method["last_four"]),
        "payment_gateway": method["gateway"],
        "expiry_month": method["expiry_month"],
        "expiry_year": method["expiry_year"],
        "is_primary": bool(method.get("is_primary")),
        "is_backup": bool(method.get("is_backup")),
    }


def _customer(customer: Doc) -> Doc:
    fields, flat = values.custom_fields(customer)
    names = (
        "customer_id",
        "display_name",
        "company_name",
        "salutation",
        "first_name",
        "last_name",
        "email",
        "website",
    )
    return {
        **{name: customer.get(name, "") for name in names},
        "ip_address": "",
        "billing_address": values.address(customer.get("billing_address", {})),
        "shipping_address": values.address(customer.get("shipping_address", {})),
        "payment_terms": customer.get("payment_terms", 0),
        "payment_terms_label": customer.get("payment_terms_label", "Due on Receipt"),
        "zcrm_account_id": customer.get("zcrm_account_id", ""),
        "zcrm_contact_id": customer.get("zcrm_contact_id", ""),
        "is_taxable": customer.get("is_taxable", True),
        **{name: customer.get(name, "") for name in CUSTOMER_TAX},
        "tags": [],
        "custom_fields": fields,
        "custom_field_hash": flat,
        **flat,
    }


def _persons(tx: Tx, sub: Doc, customer: Doc) -> list[Doc]:
    ids = sub.get("persons") or [customer.get("person_id", "")]
    people = [tx.get("contact_persons", each) for each in ids if each]
    names = ("contactperson_id", "first_name", "last_name", "email", "phone", "mobile")
    return [{**{name: one.get(name, "") for name in names}, "zcrm_contact_id": ""} for one in people if one]


def _product_name(tx: Tx, sub: Doc) -> str:
    shelf: dict[str, Any] = tx.cache.setdefault("product_names", {})
    id_ = sub["product_id"]
    if id_ not in shelf:
        shelf[id_] = (tx.get("products", id_) or {}).get("name", "")
    return str(shelf[id_])


def _constants(world: World, sub: Doc) -> Doc:
    discount = dec(sub.get("discount", "0"))
    return {
        "trial_extended_count": 0,
        "end_of_term_scheduled_date": sub.get("term_ends_at", "") if sub.get("scheduled") else "",
        "is_scheduled_update": bool(sub.get("scheduled")),
        "apply_changes_on": "",
        "reactivate_date": sub.get("reactivates_at", ""),
        "remaining_billing_cycles": sub["cycles"] - sub["cycles_done"] if sub["cycles"] > 0 else -1,
        "billing_mode": "prepaid",
        "is_metered_billing": False,
        "can_prorate": world.settings.prorate,
        "can_invoice_prorated_amount": False,
        "is_advance_invoice_present": False,
        "discount": 0,
        "discount_percent": 0,
        "discount_total": values.number(world, text(discount)),
        "bcy_discount_total": values.number(world, text(discount)),
        "discount_type": "item_level",
        "is_discount_before_tax": True,
        "is_inclusive_tax": False,
        "tax_rounding": "entity_level",
        "exchange_rate": 1,
        "pricebook_id": "",
        "start_date": sub.get("starts_at", sub["created_at"]),
        "created_date": sub["created_at"],
        "created_by_id": values.PERSON,
        "last_modified_by_id": values.PERSON,
        "channel_source": "app",
        "channel_reference_id": "",
        "pending_addons": [],
        "items_associated": [],
        "auto_apply_credits": [],
        "allow_partial_payments": bool(sub.get("partial_payments")),
        "invoice_notes": "",
        "place_of_supply": "",
    }
