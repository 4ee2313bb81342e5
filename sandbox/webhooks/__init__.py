"""Webhooks and events: endpoints, payloads, signatures, deliveries and their history."""

from flask import Flask, Response, request

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

    @app.after_request
    def deliver_first(response: Response) -> Response:
        """With the switch, a hosted page sends its person back only after its webhooks arrived."""
        first = world.settings.webhook_timing == "before_redirect"
        if first and request.method == "POST" and request.path.startswith("/hostedpage/"):
            courier.drain()
        return response


def seed(world: World, tx: Tx, seed: str, previous: Tx) -> None:
    """A fresh world keeps the endpoints that were set up; the first one points at the portal."""
    known = previous.find(endpoints.KIND)
    for doc in known:
        tx.put(endpoints.KIND, doc["webhook_id"], doc | {"failures": 0}, url=doc["url"])
    if not known:
        endpoints.seed_demo(world, tx)
