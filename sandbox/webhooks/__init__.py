"""Webhooks and events: endpoints, payloads, signatures, deliveries and their history."""

from flask import Flask

from sandbox.store import Tx
from sandbox.webhooks import endpoints
from sandbox.webhooks.courier import Courier
from sandbox.webhooks.views import blueprint
from sandbox.world import World


def register(app: Flask) -> None:
    world: World = app.extensions["sandbox_world"]
    courier = Courier(world)
    app.extensions["sandbox_courier"] = courier
    app.register_blueprint(blueprint)
    if world.settings.deliver == "thread":
        courier.start()


def seed(world: World, tx: Tx, seed: str, previous: Tx) -> None:  # noqa: ARG001 - parts are seeded alike
    """A fresh world keeps the endpoints that were set up; the first one points at the portal."""
    known = previous.find(endpoints.KIND)
    for doc in known:
        tx.put(endpoints.KIND, doc["webhook_id"], doc | {"failures": 0}, url=doc["url"])
    if not known:
        endpoints.seed_demo(world, tx)
