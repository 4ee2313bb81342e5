"""`/_control/export` and `/_control/import`: the world as one JSON file, out and in again."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from sandbox import transfer
from sandbox.control import moving
from sandbox.control.asking import Refusal, body
from sandbox.control.state import counts
from sandbox.world import current

blueprint = Blueprint("control_copies", __name__)


@blueprint.get("/_control/export")
def export() -> Response:
    name = {"Content-Disposition": 'attachment; filename="world.json"'}
    return Response(transfer.pieces(current()), mimetype="application/json", headers=name)


@blueprint.post("/_control/import")
def load() -> ResponseReturnValue:
    """Replace the world by the one in the body."""
    world, document = current(), body()
    with moving.alone():
        try:
            transfer.load(world, document)
        except (ValueError, KeyError, TypeError) as wrong:
            raise Refusal(f"not a world: {wrong}") from wrong
    return jsonify(counts=counts(world), now=world.clock.now().isoformat())
