"""The factory: builds the world, then lets every part register its pages."""

from __future__ import annotations

import os
import time
from threading import Thread

from flask import Flask, Response

from sandbox.settings import Settings
from sandbox.world import PARTS, World, part


def create_app(settings: Settings | None = None) -> Flask:
    """A sandbox over the data folder of `settings`; a new folder starts with the demo company."""
    app = Flask("sandbox")
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a plan's code may hold slashes
    world = World(settings or Settings())
    app.extensions["sandbox_world"] = world
    if world.store.meta("seeded") is None:
        world.reset("demo")
    app.before_request(world.catch_up)

    @app.after_request
    def tell_time(response: Response) -> Response:
        """Date answers by the world's clock: a client that looks at it travels along."""
        response.date = world.clock.now()
        return response

    for name in ("api", *PARTS):
        module = part(name)
        if hasattr(module, "register"):
            module.register(app)
        else:
            app.register_blueprint(module.blueprint)
    return app


def served() -> Flask:
    """What the server runs: the app, and beside it the threads that listen or deliver (`start`)."""
    Thread(target=_end_with, args=(os.getppid(),), name="orphan watch", daemon=True).start()
    app = create_app()
    for name in PARTS:
        module = part(name)
        if hasattr(module, "start"):
            module.start(app)
    return app


def _end_with(parent: int) -> None:
    """End when the process that started this one was killed: nobody else could, and its port and its world
    would stay taken.
    """
    while os.getppid() == parent:
        time.sleep(0.1)
    os._exit(1)
