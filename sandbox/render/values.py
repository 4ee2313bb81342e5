"""How single values look on the wire, with the drifts that clients must live with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import catalogue
from sandbox.money import dec
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

ADDRESS = ("attention", "street", "street2", "city", "state", "zip", "country", "phone", "fax")
PERSON = "5120000000000001"


def number(world: World, amount: Any) -> int | float:
    """An amount as the JSON number that Zoho sends; it leaves Decimal here and nowhere else."""
    value = dec(amount)
    if value == value.to_integral_value() and world.settings.whole_money == "integer":
        return int(value)
    return float(value)


def drifting(world: World, amount: Any) -> int | float | str:
    """A value that Zoho's specs call a string and that the real API sends as a number."""
    if world.settings.number_drift == "spec":
        return format(dec(amount), "f")
    return number(world, amount)


def last_four(world: World, digits: str) -> str | int:
    """The last four digits; as a number they lose their leading zeros."""
    return int(digits) if world.settings.u13_last_four == "integer" else digits


def address(doc: Doc, key: str = "zip") -> Doc:
    """An address with every part; invoices in lists and events say `zipcode`, all else says `zip`."""
    made = {name: doc.get(name, "") for name in ADDRESS}
    if key != "zip":
        made[key] = made.pop("zip")
    return made


def custom_fields(doc: Doc) -> tuple[list[Doc], Doc]:
    """Custom fields as a list of descriptions and as a flat hash."""
    shown: list[Doc] = []
    flat: Doc = {}
    for index, each in enumerate(doc.get("custom_fields", []), start=1):
        api_name = "cf_" + "".join(letter if letter.isalnum() else "_" for letter in each["key"].lower())
        id_ = each["key"] if each["key"].isdigit() else f"{PERSON[:-4]}{9000 + index}"
        shown.append(
            {
                "customfield_id": id_,
                "field_id": id_,
                "index": index,
                "label": each["key"],
                "api_name": api_name,
                "data_type": "string",
                "value": each["value"],
                "value_formatted": each["value"],
                "placeholder": api_name,
                "is_active": True,
                "show_in_portal": False,
                "edit_on_portal": False,
                "show_in_store": False,
                "edit_on_store": False,
                "show_on_pdf": False,
                "show_in_all_pdf": False,
                "search_entity": "subscription",
                "is_dependent_field": False,
            }
        )
        flat |= {api_name: each["value"], api_name + "_unformatted": each["value"]}
    return shown, flat


def item_fields(doc: Doc) -> list[Doc]:
    """The custom fields of one item, as the specs have them."""
    return [{"label": each["key"], "value": each["value"]} for each in doc.get("custom_fields", [])]


def coupons(world: World, tx: Tx, doc: Doc) -> list[Doc]:
    """The coupon whose discount is on the lines of an invoice or of a parked charge."""
    if not doc.get("coupon"):
        return []
    coupon = catalogue.find(tx, "coupons", doc["coupon"]) or {}
    return [
        {
            "coupon_code": doc["coupon"],
            "coupon_name": coupon.get("name", ""),
            "discount_amount": number(world, doc["discount"]),
        }
    ]


def taxes(world: World, doc: Doc) -> list[Doc]:
    """Tax amounts by tax."""
    return [
        {
            "tax_id": each["tax_id"],
            "tax_name": each["name"],
            "tax_amount": drifting(world, each["amount"]),
        }
        for each in doc.get("taxes", [])
    ]


def customer_of(tx: Tx, customer_id: str) -> Doc:
    """The customer that a document belongs to, shared inside a transaction for long lists."""
    shelf: dict[str, Doc] = tx.cache.setdefault("rendered_customers", {})
    if customer_id not in shelf:
        shelf[customer_id] = tx.get("customers", customer_id) or {
            "customer_id": customer_id,
            "display_name": "",
            "email": "",
        }
    return shelf[customer_id]
