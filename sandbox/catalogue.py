"""What is sold: products, plans, addons, coupons and taxes, looked up by the codes that Zoho's clients use.

Looked-up documents are shared inside a transaction, so readers must not change them; `save` forgets the
shared one.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox.errors import refused, unknown
from sandbox.fields import as_id
from sandbox.money import ZERO, dec
from sandbox.tx import Doc, Tx

CODED = {"plans": "plan_id", "addons": "addon_id", "coupons": "coupon_id"}


def find(tx: Tx, kind: str, code: str) -> Doc | None:
    """A plan, addon or coupon by its code, or None."""
    shelf: dict[str, Doc | None] = tx.cache.setdefault(kind, {})
    if code not in shelf:
        found = tx.find(kind, where={"code": code}, limit=1)
        shelf[code] = found[0] if found else None
    return shelf[code]


def named(tx: Tx, kind: str, code: object) -> Doc:
    """As `find`, but an unknown code is refused in Zoho's words."""
    doc = find(tx, kind, code) if isinstance(code, str) else None
    if doc is None:
        raise unknown(kind)
    return doc


def sellable(tx: Tx, kind: str, code: object) -> Doc:
    """As `named`, but what was marked inactive cannot be sold any more."""
    doc = named(tx, kind, code)
    if doc["status"] != "active":
        raise refused(f"The {kind[:-1]} {code} is inactive.")
    return doc


def save(tx: Tx, kind: str, doc: Doc) -> None:
    """Write a plan, addon or coupon."""
    tx.put(
        kind,
        doc[CODED[kind]],
        doc,
        code=doc["code"],
        product_id=doc["product_id"],
        status=doc["status"],
        type=doc.get("type", ""),
    )
    tx.cache.pop(kind, None)


def renamed(tx: Tx, kind: str, old: str, new: str) -> None:
    """A plan or an addon has another code: what is sold with it goes on naming it."""
    if old == new:
        return
    for holder in ("addons", "coupons"):
        for doc in tx.find(holder):
            if old in doc.get(kind, []):
                save(tx, holder, doc | {kind: [new if code == old else code for code in doc[kind]]})


def product(tx: Tx, product_id: object) -> Doc:
    """A product by its id."""
    doc = tx.get("products", as_id(product_id))
    if doc is None:
        raise unknown("products")
    return doc


def tax(tx: Tx, tax_id: str) -> Doc | None:
    """A tax by its id; an unknown or empty id is no tax."""
    shelf: dict[str, Doc | None] = tx.cache.setdefault("taxes", {})
    if tax_id not in shelf:
        shelf[tax_id] = tx.get("taxes", tax_id) if tax_id else None
    return shelf[tax_id]


def addon_amount(addon: Doc, quantity: int, price: Decimal | None = None) -> Decimal:
    """What `quantity` of an addon costs by its pricing scheme; a price of the subscription overrides the
    scheme.
    """
    if price is not None:
        return price * quantity
    scheme, brackets = addon.get("scheme", "unit"), addon["brackets"]
    if scheme == "tier":
        return sum((_in_bracket(bracket, quantity) for bracket in brackets), ZERO)
    if scheme == "unit":
        return dec(brackets[0]["price"]) * quantity
    chosen = next((b for b in brackets if quantity <= _end(b)), brackets[-1])
    return dec(chosen["price"]) * (quantity if scheme == "volume" else 1)


def _in_bracket(bracket: Doc, quantity: int) -> Decimal:
    start = int(bracket.get("start_quantity") or 1)
    return dec(bracket["price"]) * max(0, min(quantity, _end(bracket)) - start + 1)


def _end(bracket: Doc) -> int:
    return int(bracket.get("end_quantity") or 10**9)
