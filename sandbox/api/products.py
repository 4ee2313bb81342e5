"""Products."""

from __future__ import annotations

from flask import Response

from sandbox import catalogue, fields
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.envelope import ok
from sandbox.errors import refused
from sandbox.render import items
from sandbox.tx import Doc, Tx
from sandbox.world import World

LIST = Listing(
    "products",
    "ProductStatus",
    {"All": {}, "ACTIVE": {"status": "active"}, "INACTIVE": {"status": "inactive"}},
    {"created_time": "seq", "name": "name"},
)
TEXTS = ("description", "email_ids", "redirect_url")


@post("/products")
def create(world: World, tx: Tx) -> Response:
    """A new product."""
    asked = body()
    doc: Doc = {"product_id": tx.next_id(), "status": "active", "created": world.clock.stamp()}
    doc |= {"name": fields.required(asked, "name", longest=200), **fields.kept(asked, TEXTS)}
    return ok(
        "The product has been created successfully.",
        201,
        product=items.product(world, tx, save(world, tx, doc)),
    )


@get("/products")
def listed(world: World, tx: Tx) -> Response:
    """Every product."""
    found, context = LIST.page(tx)
    return ok(products=[items.product(world, tx, doc) for doc in found], page_context=context)


@get("/products/<product_id>")
def one(world: World, tx: Tx, product_id: str) -> Response:
    """One product."""
    return ok(product=items.product(world, tx, catalogue.product(tx, product_id)))


@put("/products/<product_id>")
def update(world: World, tx: Tx, product_id: str) -> Response:
    """Change a product."""
    asked, doc = body(), catalogue.product(tx, product_id)
    doc |= {"name": fields.required(asked, "name", longest=200), **fields.kept(asked, TEXTS)}
    return ok("The product has been updated.", product=items.product(world, tx, save(world, tx, doc)))


@delete("/products/<product_id>")
def remove(world: World, tx: Tx, product_id: str) -> Response:
    """Forget a product that has no plans."""
    catalogue.product(tx, product_id)
    if tx.count("plans", where={"product_id": product_id}) or tx.count(
        "addons", where={"product_id": product_id}
    ):
        raise refused("The product has plans or addons and cannot be deleted.")
    tx.delete("products", product_id)
    return done("The product has been deleted.")


@post("/products/<product_id>/markasactive")
def activate(world: World, tx: Tx, product_id: str) -> Response:
    """Sell it again."""
    save(world, tx, catalogue.product(tx, product_id) | {"status": "active"})
    return done("The product has been marked as active.")


@post("/products/<product_id>/markasinactive")
def deactivate(world: World, tx: Tx, product_id: str) -> Response:
    """Sell it no more."""
    save(world, tx, catalogue.product(tx, product_id) | {"status": "inactive"})
    return done("The product has been marked as inactive.")


def save(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a product."""
    doc["updated"] = world.clock.stamp()
    tx.put("products", doc["product_id"], doc, status=doc["status"], name=doc["name"])
    return doc
