"""Products, plans, addons and coupons as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import catalogue
from sandbox.render import values
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

CODES = ("product_type", "hsn_or_sac", "sat_item_key_code", "unitkey_code")


def product(_world: World, _tx: Tx, doc: Doc) -> Doc:
    """A product."""
    names = ("product_id", "name", "description", "email_ids", "redirect_url", "status")
    return {name: doc.get(name, "") for name in names} | _times(doc)


def plan(world: World, tx: Tx, doc: Doc) -> Doc:
    """A plan with the addons that fit it."""
    return {
        "plan_code": doc["code"],
        "plan_id": doc["plan_id"],
        "name": doc["name"],
        "description": doc.get("description", ""),
        "store_markup_description": doc.get("store_markup_description", ""),
        "status": doc["status"],
        "product_id": doc["product_id"],
        "product_name": (tx.get("products", doc["product_id"]) or {}).get("name", ""),
        "account_id": "",
        "account_name": "Sales",
        "recurring_price": values.number(world, doc["price"]),
        "unit": doc.get("unit", ""),
        "interval": doc["interval"],
        "interval_unit": doc["interval_unit"],
        "billing_cycles": doc.get("cycles", -1),
        "trial_period": doc.get("trial_days", 0),
        "setup_fee": values.number(world, doc.get("setup_fee")),
        "setup_fee_account_id": "",
        "setup_fee_account_name": "",
        "can_charge_setup_fee_immediately": bool(doc.get("setup_fee_first")),
        "tax_id": doc.get("tax_id", ""),
        "pricing_scheme": "unit",
        **{name: doc.get(name, "") for name in CODES},
        "item_tax_preferences": [],
        "tags": [],
        "custom_fields": values.custom_fields(doc)[0],
        "addons": _addons_for(world, tx, doc["code"]),
        "url": f"{world.settings.base_url}/subscribe/{doc['plan_id']}/{doc['code']}",
        **_times(doc),
    }


def addon(world: World, tx: Tx, doc: Doc) -> Doc:
    """An addon."""
    return {
        "addon_code": doc["code"],
        "addon_id": doc["addon_id"],
        "name": doc["name"],
        "unit": doc.get("unit_name", ""),
        "unit_name": doc.get("unit_name", ""),
        "pricing_scheme": doc["scheme"],
        "price_brackets": [_bracket(world, each) for each in doc["brackets"]],
        "type": doc["type"],
        "interval_unit": doc.get("interval_unit", ""),
        "applicable_to_all_plans": doc.get("all_plans", True),
        "plans": _named(tx, "plans", doc.get("plans", []), "plan_code"),
        "status": doc["status"],
        "product_id": doc["product_id"],
        "description": doc.get("description", ""),
        "store_markup_description": doc.get("store_markup_description", ""),
        **{name: doc.get(name, "") for name in CODES},
        "item_tax_preferences": [],
        "tax_id": doc.get("tax_id", ""),
        "tags": [],
        "custom_fields": values.custom_fields(doc)[0],
        **_times(doc),
    }


def coupon(world: World, tx: Tx, doc: Doc) -> Doc:
    """A coupon."""
    return {
        "coupon_code": doc["code"],
        "coupon_id": doc["coupon_id"],
        "name": doc["name"],
        "description": doc.get("description", ""),
        "type": doc["type"],
        "duration": doc.get("duration", 0),
        "status": coupon_status(world, doc),
        "discount_by": doc["discount_by"],
        "discount_value": values.number(world, doc["discount_value"]),
        "product_id": doc["product_id"],
        "max_redemption": doc.get("max_redemption", 0),
        "redemption_count": doc.get("redeemed", 0),
        "expiry_at": doc.get("expiry_at", ""),
        "apply_to_plans": doc.get("apply_to_plans", "all"),
        "plans": _named(tx, "plans", doc.get("plans", []), "plan_code"),
        "apply_to_addons": doc.get("apply_to_addons", "all"),
        "addons": _named(tx, "addons", doc.get("addons", []), "addon_code"),
        **_times(doc),
    }


def coupon_status(world: World, doc: Doc) -> str:
    """A coupon whose last day is over says `expired`, one that was used as often as it may be `maxed_out`."""
    if doc.get("expiry_at") and doc["expiry_at"] < world.clock.today().isoformat():
        return "expired"
    most = doc.get("max_redemption") or 0
    used_up = doc["status"] == "active" and 0 < most <= doc.get("redeemed", 0)
    return "maxed_out" if used_up else str(doc["status"])


def _addons_for(world: World, tx: Tx, code: str) -> list[Doc]:
    shelf: list[Doc] | None = tx.cache.get("active_addons")
    if shelf is None:
        shelf = tx.cache["active_addons"] = tx.find("addons", where={"status": "active"})
    return [
        {
            "addon_code": each["code"],
            "name": each["name"],
            "status": each["status"],
            "pricing_scheme": each["scheme"],
            "unit_name": each.get("unit_name", ""),
            "type": each["type"],
            "price_brackets": [_bracket(world, one) for one in each["brackets"]],
        }
        for each in shelf
        if each.get("all_plans", True) or code in each.get("plans", [])
    ]


def _bracket(world: World, bracket: Doc) -> Doc:
    made = {"price": values.number(world, bracket["price"])}
    return {name: bracket[name] for name in ("start_quantity", "end_quantity") if bracket.get(name)} | made


def _named(tx: Tx, kind: str, codes: list[str], key: str) -> list[Doc]:
    return [{key: code, "name": (catalogue.find(tx, kind, code) or {}).get("name", "")} for code in codes]


def _times(doc: Doc) -> Doc:
    return {"created_time": doc["created"], "updated_time": doc["updated"]}
