"""Weather: faults of the API, of OAuth and of webhooks, seeded and repeatable; and the log of calls."""

from flask import Flask, request

from sandbox.calls import CallLog
from sandbox.world import World


def register(app: Flask) -> None:
    """Stand in front of the app, and let lagging reads look at the past."""
    # Imported here: the layer needs oauth and webhooks, and the latter needs this package.
    from sandbox.faults.layer import Layer

    world: World = app.extensions["sandbox_world"]
    log = CallLog()
    app.extensions["sandbox_calls"] = log
    layer = Layer(app.wsgi_app, world, log)
    app.extensions["sandbox_layer"] = layer
    app.wsgi_app = layer  # type: ignore[method-assign]

    @app.before_request
    def look_back() -> None:
        """After the guard read its token in the present, this thread reads the past."""
        if (past := request.environ.get("sandbox.past")) is not None:
            world.store.look_at(past)

    @app.teardown_request
    def look_ahead(_: BaseException | None) -> None:
        world.store.look_at(None)
