"""Addons, addressed by their codes; four pricing schemes."""

from __future__ import annotations

from flask import Response, request

from sandbox import catalogue, fields
from sandbox.api.paging import Listing
from sandbox.api.plans import known_tax
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.engine.customers import custom_fields
from sandbox.engine.subscriptions import addon_holders as holders
from sandbox.engine.subscriptions import addon_renamed as renamed
from sandbox.envelope import ok
from sandbox.errors import ZohoError, bad, refused
from sandbox.render import items
from sandbox.tx import Doc, Tx
from sandbox.world import World

LIST = Listing(
    "addons",
    "AddonStatus",
    {
        "All": {},
        "ACTIVE": {"status": "active"},
        "INACTIVE": {"status": "inactive"},
        "ONETIME": {"type": "one_time"},
        "RECURRING": {"type": "recurring"},
    },
    {"created_time": "seq", "addon_code": "code"},
)
TEXTS = (
    "unit_name", "interval_unit", "description", "store_markup_description", "product_type", "hsn_or_sac",
    "sat_item_key_code", "unitkey_code",
)  # fmt: skip
SCHEMES = ("unit", "volume", "tier", "package")
TYPES = ("recurring", "one_time", "onetime")


@post("/addons")
def create(world: World, tx: Tx) -> Response:
    """A new addon."""
    asked = body()
    product = catalogue.product(tx, asked.get("product_id"))
    doc: Doc = {"addon_id": tx.next_id(), "status": "active", "created": world.clock.stamp()}
    doc["product_id"] = product["product_id"]
    _fill(tx, doc, asked)
    return ok("The addon has been created.", 201, addon=items.addon(world, tx, _save(world, tx, doc)))


@get("/addons")
def listed(world: World, tx: Tx) -> Response:
    """Every addon, or those of a product, or those that fit a plan."""
    where: Doc = {}
    if product_id := request.args.get("product_id"):
        where["product_id"] = product_id
    if plan_code := request.args.get("plan_code"):
        fitting = [
            doc for doc in tx.find("addons") if doc.get("all_plans", True) or plan_code in doc["plans"]
        ]
        where["id"] = [doc["addon_id"] for doc in fitting]
    found, context = LIST.page(tx, where)
    return ok(addons=[items.addon(world, tx, doc) for doc in found], page_context=context)


@post("/addons/<path:addon_code>/markasactive")
def activate(world: World, tx: Tx, addon_code: str) -> Response:
    """Sell it again."""
    _save(world, tx, catalogue.named(tx, "addons", addon_code) | {"status": "active"})
    return done("The addon has been marked as active.")


@post("/addons/<path:addon_code>/markasinactive")
def deactivate(world: World, tx: Tx, addon_code: str) -> Response:
    """Sell it no more."""
    _save(world, tx, catalogue.named(tx, "addons", addon_code) | {"status": "inactive"})
    return done("The addon has been marked as inactive.")


@get("/addons/<path:addon_code>")
def one(world: World, tx: Tx, addon_code: str) -> Response:
    """One addon."""
    return ok(addon=items.addon(world, tx, catalogue.named(tx, "addons", addon_code)))


@put("/addons/<path:addon_code>")
def update(world: World, tx: Tx, addon_code: str) -> Response:
    """Change an addon."""
    doc = dict(catalogue.named(tx, "addons", addon_code))
    _fill(tx, doc, body())
    _save(world, tx, doc)
    catalogue.renamed(tx, "addons", addon_code, doc["code"])
    renamed(world, tx, addon_code, doc["code"])
    return ok("The addon has been updated.", addon=items.addon(world, tx, doc))


@delete("/addons/<path:addon_code>")
def remove(world: World, tx: Tx, addon_code: str) -> Response:
    """Forget an addon that no subscription holds."""
    doc = catalogue.named(tx, "addons", addon_code)
    if holders(tx, addon_code):
        raise refused("The addon has transactions and cannot be deleted.")
    tx.delete("addons", doc["addon_id"])
    tx.cache.clear()
    return done("The addon has been deleted.")


def _fill(tx: Tx, doc: Doc, asked: Doc) -> None:
    code = fields.required(asked, "addon_code", longest=100)
    holder = catalogue.find(tx, "addons", code)
    if holder is not None and holder["addon_id"] != doc["addon_id"]:
        raise ZohoError(100502, "The addon code already exists.")
    kind = fields.choice(asked, "type", TYPES, doc.get("type", "recurring"))
    doc.update(
        code=code,
        name=fields.required(asked, "name", longest=200),
        type="one_time" if kind == "onetime" else kind,
        scheme=fields.choice(asked, "pricing_scheme", SCHEMES, doc.get("scheme", "unit")),
        brackets=_brackets(asked, doc),
        plans=[
            catalogue.named(tx, "plans", each.get("plan_code"))["code"]
            for each in fields.objects(asked, "plans")
        ],
        tax_id=known_tax(tx, asked, doc.get("tax_id", "")),
        **fields.kept(asked, TEXTS),
    )
    doc["all_plans"] = fields.flag(asked, "applicable_to_all_plans", default=not doc["plans"])
    if asked.get("custom_fields") is not None:
        doc["custom_fields"] = custom_fields(
            doc.get("custom_fields", []), fields.objects(asked, "custom_fields")
        )


def _brackets(asked: Doc, doc: Doc) -> list[Doc]:
    given = fields.objects(asked, "price_brackets")
    if not given and asked.get("price") is not None:
        given = [{"price": asked["price"]}]
    if not given:
        if doc.get("brackets"):
            return list(doc["brackets"])
        raise bad("price_brackets")
    made = []
    for each in given:
        if each.get("price") is None:
            raise bad("price")
        bracket: Doc = {"price": fields.amount_text(each, "price")}
        for name in ("start_quantity", "end_quantity"):
            if each.get(name) not in (None, ""):
                bracket[name] = fields.whole(each, name, 0, most=10**9)
        made.append(bracket)
    return made


def _save(world: World, tx: Tx, doc: Doc) -> Doc:
    doc["updated"] = world.clock.stamp()
    catalogue.save(tx, "addons", doc)
    tx.cache.pop("active_addons", None)
    return doc
