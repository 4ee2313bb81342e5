"""From a subscription to invoice lines: gross amounts, the coupon's share, taxes, totals.

A line's `total` is its gross less its discount; tax is computed once per tax over all its lines (Zoho's
`tax_rounding: entity_level`), so an invoice's total is the sum of its lines plus its taxes.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox import catalogue
from sandbox.money import ZERO, dec, precision, rounded, text, total
from sandbox.tx import Doc, Tx


def plan_line(sub: Doc, currency: str) -> Doc:
    """The line of the plan itself."""
    plan = sub["plan"]
    gross = rounded(dec(plan["price"]) * plan["quantity"], precision(currency))
    return line("plan", plan["code"], plan["name"], plan["price"], plan["quantity"], gross) | {
        "description": plan.get("description", ""),
        "tax_id": plan.get("tax_id", ""),
        **_fields_of(plan),
    }


def setup_line(sub: Doc, currency: str) -> Doc | None:
    """The setup fee, if there is one left to charge."""
    plan = sub["plan"]
    fee = dec(plan.get("setup_fee"))
    if not fee:
        return None
    gross = rounded(fee, precision(currency))
    made = line("setup_fee", plan["code"], f"{plan['name']} - Setup fee", text(fee), 1, gross)
    return made | {"tax_id": plan.get("tax_id", "")}


def addon_line(tx: Tx, item: Doc, currency: str) -> Doc:
    """The line of an addon, recurring or not."""
    addon = catalogue.named(tx, "addons", item["code"])
    own = dec(item["price"]) if item.get("price") is not None else None
    gross = rounded(catalogue.addon_amount(addon, item["quantity"], own), precision(currency))
    price = own if own is not None else gross / item["quantity"]
    made = line("addon", item["code"], addon["name"], text(price), item["quantity"], gross)
    more = {"description": item.get("description", ""), "tax_id": addon.get("tax_id", "")}
    return made | more | _fields_of(item)


def _fields_of(item: Doc) -> Doc:
    return {"custom_fields": item["custom_fields"]} if item.get("custom_fields") else {}


def line(kind: str, code: str, name: str, price: str, quantity: int, gross: Decimal) -> Doc:
    """A line before any discount."""
    return {
        "kind": kind,
        "code": code,
        "name": name,
        "price": price,
        "quantity": quantity,
        "gross": text(gross),
        "discount": "0",
        "total": text(gross),
        "tax_id": "",
    }


def recurring(tx: Tx, sub: Doc, currency: str, *, coupon: bool = True) -> list[Doc]:
    """Plan and recurring addons of one full term, with the coupon's discount where one applies."""
    lines = [plan_line(sub, currency)]
    lines += [addon_line(tx, item, currency) for item in sub.get("addons", [])]
    if coupon and (held := sub.get("coupon")) and held.get("remaining", 0) != 0:
        discount(lines, catalogue.named(tx, "coupons", held["code"]), currency)
    return lines


def discount(lines: list[Doc], coupon: Doc, currency: str) -> Decimal:
    """Take the coupon off the lines that it covers, and say how much that was."""
    covered = [each for each in lines if _covers(coupon, each) and dec(each["gross"]) > 0]
    places, value = precision(currency), dec(coupon["discount_value"])
    if coupon["discount_by"] == "percentage":
        shares = [rounded(dec(each["gross"]) * value / 100, places) for each in covered]
    else:
        shares = _spread(rounded(value, places), [dec(each["gross"]) for each in covered])
    for each, share in zip(covered, shares, strict=True):
        each["discount"] = text(share)
        each["total"] = text(dec(each["gross"]) - share)
    return sum(shares, ZERO)


def totals(tx: Tx, lines: list[Doc], customer: Doc, *, off: Decimal = ZERO) -> Doc:
    """Sub-total, taxes and total of lines, as an invoice keeps them; a discount on all of them (`off`)
    lowers each tax by its share.
    """
    places = precision(customer["currency"])
    sub_total = total(each["total"] for each in lines)
    taxes: list[Doc] = []
    for tax_id in dict.fromkeys(each["tax_id"] for each in lines):
        tax = catalogue.tax(tx, tax_id)
        if tax is None or customer.get("is_taxable") is False:
            continue
        base = total(each["total"] for each in lines if each["tax_id"] == tax_id)
        base -= base * off / sub_total if off else ZERO
        amount = rounded(base * dec(tax["percentage"]) / 100, places)
        shown = f"{tax['name']} ({dec(tax['percentage']).normalize():f}%)"
        taxes.append({"tax_id": tax_id, "name": shown, "amount": text(amount)})
    tax_total = total(each["amount"] for each in taxes)
    return {
        "sub_total": text(sub_total),
        "discount": text(total(each["discount"] for each in lines)),
        "taxes": taxes,
        "tax_total": text(tax_total),
        "total": text(sub_total + tax_total),
    }


def _covers(coupon: Doc, each: Doc) -> bool:
    if each["kind"] == "plan":
        scope, codes = coupon.get("apply_to_plans", "all"), coupon.get("plans", [])
    elif each["kind"] == "addon":
        scope, codes = coupon.get("apply_to_addons", "all"), coupon.get("addons", [])
    else:
        return False
    return scope == "all" or (scope == "select" and each["code"] in codes)


def _spread(value: Decimal, amounts: list[Decimal]) -> list[Decimal]:
    left, shares = min(value, sum(amounts, ZERO)), []
    for amount in amounts:
        share = min(left, amount)
        shares.append(share)
        left -= share
    return shares
