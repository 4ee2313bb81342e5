"""Plans, addressed by their codes; a new code in PUT changes the key."""

from __future__ import annotations

from flask import Response, request

from sandbox import catalogue, dates, fields
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.engine import subscriptions
from sandbox.engine.customers import custom_fields
from sandbox.envelope import ok
from sandbox.errors import ZohoError, bad, refused
from sandbox.render import items
from sandbox.tx import Doc, Tx
from sandbox.world import World

LIST = Listing(
    "plans",
    "PlanStatus",
    {"All": {}, "ACTIVE": {"status": "active"}, "INACTIVE": {"status": "inactive"}},
    {"created_time": "seq", "plan_code": "code"},
)
TEXTS = (
    "description",
    "store_markup_description",
    "unit",
    "product_type",
    "hsn_or_sac",
    "sat_item_key_code",
    "unitkey_code",
)
LONGEST_TERM = 366


@post("/plans")
def create(world: World, tx: Tx) -> Response:
    """A new plan."""
    asked = body()
    product = catalogue.product(tx, asked.get("product_id"))
    doc: Doc = {"plan_id": tx.next_id(), "status": "active", "created": world.clock.stamp()}
    fill(tx, doc | {"product_id": product["product_id"]}, asked, target=doc)
    return ok("The plan has been created.", 201, plan=items.plan(world, tx, save(world, tx, doc)))


@get("/plans")
def listed(world: World, tx: Tx) -> Response:
    """Every plan, or those of a product."""
    product_id = request.args.get("product_id")
    found, context = LIST.page(tx, {"product_id": product_id} if product_id else None)
    return ok(plans=[items.plan(world, tx, doc) for doc in found], page_context=context)


@post("/plans/<path:plan_code>/markasactive")
def activate(world: World, tx: Tx, plan_code: str) -> Response:
    """Sell it again."""
    save(world, tx, catalogue.named(tx, "plans", plan_code) | {"status": "active"})
    return done("The plan has been marked as active.")


@post("/plans/<path:plan_code>/markasinactive")
def deactivate(world: World, tx: Tx, plan_code: str) -> Response:
    """Sell it no more; its subscriptions go on."""
    save(world, tx, catalogue.named(tx, "plans", plan_code) | {"status": "inactive"})
    return done("The plan has been marked as inactive.")


@get("/plans/<path:plan_code>")
def one(world: World, tx: Tx, plan_code: str) -> Response:
    """One plan."""
    return ok(plan=items.plan(world, tx, catalogue.named(tx, "plans", plan_code)))


@put("/plans/<path:plan_code>")
def update(world: World, tx: Tx, plan_code: str) -> Response:
    """Change a plan; subscriptions keep their price until the organisation uses latest prices."""
    doc, asked = dict(catalogue.named(tx, "plans", plan_code)), body()
    fill(tx, doc, asked, target=doc)
    save(world, tx, doc)
    catalogue.renamed(tx, "plans", plan_code, doc["code"])
    subscriptions.plan_renamed(world, tx, plan_code, doc["code"])
    if asked.get("addons") is not None:
        _associate(world, tx, doc["code"], fields.objects(asked, "addons"))
    return ok("The plan has been updated.", plan=items.plan(world, tx, doc))


@delete("/plans/<path:plan_code>")
def remove(world: World, tx: Tx, plan_code: str) -> Response:
    """Forget a plan that was never sold."""
    doc = catalogue.named(tx, "plans", plan_code)
    if tx.count("subscriptions", where={"plan_code": plan_code}):
        raise refused("The plan has transactions and cannot be deleted.")
    tx.delete("plans", doc["plan_id"])
    tx.cache.pop("plans", None)
    return done("The plan has been deleted.")


def fill(tx: Tx, old: Doc, asked: Doc, *, target: Doc) -> None:
    """Read a plan from a request."""
    code = fields.required(asked, "plan_code", longest=100)
    holder = catalogue.find(tx, "plans", code)
    if holder is not None and holder["plan_id"] != old["plan_id"]:
        raise ZohoError(100502, "The plan code already exists.")
    price = fields.amount(asked, "recurring_price")
    if price is None:
        raise bad("recurring_price")
    target.update(
        code=code,
        product_id=old["product_id"],
        name=fields.required(asked, "name", longest=200),
        price=fields.amount_text(asked, "recurring_price"),
        interval=fields.whole(asked, "interval", old.get("interval", 1), least=1, most=LONGEST_TERM),
        interval_unit=fields.choice(asked, "interval_unit", dates.UNITS, old.get("interval_unit", "months")),
        cycles=fields.whole(asked, "billing_cycles", old.get("cycles", -1), least=-1),
        trial_days=fields.whole(asked, "trial_period", old.get("trial_days", 0), most=3650),
        setup_fee=fields.amount_text(asked, "setup_fee", old.get("setup_fee", "0")),
        setup_fee_first=fields.flag(
            asked, "can_charge_setup_fee_immediately", default=old.get("setup_fee_first", False)
        ),
        tax_id=known_tax(tx, asked, old.get("tax_id", "")),
        **fields.kept(asked, TEXTS),
    )
    if asked.get("custom_fields") is not None:
        target["custom_fields"] = custom_fields(
            old.get("custom_fields", []), fields.objects(asked, "custom_fields")
        )


def _associate(world: World, tx: Tx, code: str, asked: list[Doc]) -> None:
    """The plan goes with exactly these addons, and with those that go with every plan."""
    wanted = {catalogue.named(tx, "addons", each.get("addon_code"))["code"] for each in asked}
    for addon in tx.find("addons"):
        if addon.get("all_plans", True) or (code in addon["plans"]) == (addon["code"] in wanted):
            continue
        plans = [each for each in addon["plans"] if each != code] + [code] * (addon["code"] in wanted)
        catalogue.save(tx, "addons", addon | {"plans": plans, "updated": world.clock.stamp()})
    tx.cache.pop("active_addons", None)


def known_tax(tx: Tx, asked: Doc, default: str) -> str:
    """A tax id; one that is not the organisation's counts as none, as its own examples show."""
    if asked.get("tax_id") is None:
        return default
    given = fields.string(asked, "tax_id")
    return given if catalogue.tax(tx, given) else ""


def save(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a plan."""
    doc["updated"] = world.clock.stamp()
    catalogue.save(tx, "plans", doc)
    return doc
