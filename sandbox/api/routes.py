"""How operations are declared: each handler gets the world, a transaction and the path's values.

A reading handler gets a snapshot, a writing handler the one write transaction, which is committed before
its answer leaves.  Whatever a handler refuses is answered in Zoho's envelope, and nothing it wrote stays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request

from sandbox import fields
from sandbox.envelope import ok
from sandbox.errors import bad
from sandbox.tx import Doc
from sandbox.world import current

Handler = Callable[..., Response]
blueprint = Blueprint("api", __name__, url_prefix="/billing/v1")


def get(rule: str) -> Callable[[Handler], Handler]:
    """Declare a GET."""
    return _declare("GET", rule)


def post(rule: str) -> Callable[[Handler], Handler]:
    """Declare a POST."""
    return _declare("POST", rule)


def put(rule: str) -> Callable[[Handler], Handler]:
    """Declare a PUT."""
    return _declare("PUT", rule)


def delete(rule: str) -> Callable[[Handler], Handler]:
    """Declare a DELETE."""
    return _declare("DELETE", rule)


def body() -> Doc:
    """The request's JSON object; no body is an empty one, anything else is refused."""
    read = any_body()
    if not isinstance(read, dict):
        raise bad("JSON")
    return read


def any_body() -> Any:
    """The request's JSON, whatever it is."""
    raw = request.get_data(cache=True).strip()
    try:
        return fields.from_json(raw) if raw else {}
    except ValueError as wrong:
        raise bad("JSON") from wrong


def done(message: str) -> Response:
    """An answer that has nothing but a message."""
    return ok(message)


def _declare(method: str, rule: str) -> Callable[[Handler], Handler]:
    def declare(handler: Handler) -> Handler:
        @wraps(handler)
        def run(**values: str) -> Response:
            world = current()
            opened = world.store.read() if method == "GET" else world.store.transaction()
            with opened as tx:
                return handler(world, tx, **values)

        blueprint.add_url_rule(
            rule, f"{handler.__module__.rpartition('.')[2]}_{handler.__name__}", run, methods=[method]
        )
        return handler

    return declare
