"""Coupons, addressed by their codes."""

from __future__ import annotations

from flask import Response, request

from sandbox import catalogue, fields
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.envelope import ok
from sandbox.errors import ZohoError, bad, refused
from sandbox.render import items
from sandbox.tx import Doc, Tx
from sandbox.world import World

SORTS = {"created_time": "seq", "coupon_code": "code"}
WHOLE = 100
SCOPES = ("all", "select", "none")


@post("/coupons")
def create(world: World, tx: Tx) -> Response:
    """A new coupon."""
    asked = body()
    product = catalogue.product(tx, asked.get("product_id"))
    code = fields.required(asked, "coupon_code", longest=100)
    if catalogue.find(tx, "coupons", code):
        raise ZohoError(100502, "The coupon code already exists.")
    by = fields.choice(asked, "discount_by", ("percentage", "flat"), "percentage")
    value = fields.amount(asked, "discount_value")
    if value is None or (by == "percentage" and value > WHOLE):
        raise bad("discount_value")
    doc: Doc = {"coupon_id": tx.next_id(), "status": "active", "created": world.clock.stamp(), "code": code}
    doc |= {"product_id": product["product_id"], "discount_by": by}
    doc["discount_value"] = fields.amount_text(asked, "discount_value")
    doc["type"] = fields.choice(asked, "type", ("one_time", "duration", "forever"), "one_time")
    doc["duration"] = fields.whole(asked, "duration", 1 if doc["type"] == "duration" else 0, most=1000)
    _scopes(tx, doc, asked)
    _fill(doc, asked)
    return ok("The coupon has been created.", 201, coupon=items.coupon(world, tx, _save(world, tx, doc)))


@get("/coupons")
def listed(world: World, tx: Tx) -> Response:
    """Every coupon, or those of a product."""
    product_id = request.args.get("product_id")
    found, context = _listing(world, tx).page(tx, {"product_id": product_id} if product_id else None)
    return ok(coupons=[items.coupon(world, tx, doc) for doc in found], page_context=context)


@post("/coupons/<path:coupon_code>/markasactive")
def activate(world: World, tx: Tx, coupon_code: str) -> Response:
    """Accept it again."""
    _save(world, tx, catalogue.named(tx, "coupons", coupon_code) | {"status": "active"})
    return done("The coupon has been marked as active.")


@post("/coupons/<path:coupon_code>/markasinactive")
def deactivate(world: World, tx: Tx, coupon_code: str) -> Response:
    """Accept it no more."""
    _save(world, tx, catalogue.named(tx, "coupons", coupon_code) | {"status": "inactive"})
    return done("The coupon has been marked as inactive.")


@get("/coupons/<path:coupon_code>")
def one(world: World, tx: Tx, coupon_code: str) -> Response:
    """One coupon."""
    return ok(coupon=items.coupon(world, tx, catalogue.named(tx, "coupons", coupon_code)))


@put("/coupons/<path:coupon_code>")
def update(world: World, tx: Tx, coupon_code: str) -> Response:
    """Change the name, the description, the limit or the last day."""
    doc = dict(catalogue.named(tx, "coupons", coupon_code))
    _fill(doc, body())
    return ok("The coupon has been updated.", coupon=items.coupon(world, tx, _save(world, tx, doc)))


@delete("/coupons/<path:coupon_code>")
def remove(world: World, tx: Tx, coupon_code: str) -> Response:
    """Forget a coupon that nobody redeemed."""
    doc = catalogue.named(tx, "coupons", coupon_code)
    if doc.get("redeemed"):
        raise refused("The coupon has been redeemed and cannot be deleted.")
    tx.delete("coupons", doc["coupon_id"])
    tx.cache.pop("coupons", None)
    return done("The coupon has been deleted.")


def _listing(world: World, tx: Tx) -> Listing:
    """Filtered by the status that a coupon shows: one whose last day is over is expired, whatever it was."""
    shown = {doc["coupon_id"]: items.coupon_status(world, doc) for doc in tx.find("coupons")}
    filters: dict[str, Doc] = {
        status.upper(): {"id": [id_ for id_, its in shown.items() if its == status]}
        for status in ("active", "inactive", "expired")
    }
    return Listing("coupons", "CouponStatus", {"All": {}} | filters, SORTS)


def _scopes(tx: Tx, doc: Doc, asked: Doc) -> None:
    for name, kind, key in (
        ("apply_to_plans", "plans", "plan_code"),
        ("apply_to_addons", "addons", "addon_code"),
    ):
        named = [catalogue.named(tx, kind, each.get(key))["code"] for each in fields.objects(asked, kind)]
        doc[kind] = named
        doc[name] = fields.choice(asked, name, SCOPES, "select" if named else "all")


def _fill(doc: Doc, asked: Doc) -> None:
    doc["name"] = fields.required(asked, "name", longest=200)
    doc["description"] = fields.string(asked, "description", doc.get("description", ""))
    doc["max_redemption"] = fields.whole(asked, "max_redemption", doc.get("max_redemption", 0))
    if asked.get("expiry_at") is not None:
        last = fields.day(asked, "expiry_at")
        doc["expiry_at"] = last.isoformat() if last else ""


def _save(world: World, tx: Tx, doc: Doc) -> Doc:
    doc["updated"] = world.clock.stamp()
    catalogue.save(tx, "coupons", doc)
    return doc
