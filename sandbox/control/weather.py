"""`/_control/faults`: the weather."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.asking import Doc, Refusal, body
from sandbox.faults import weather
from sandbox.world import World, current

blueprint = Blueprint("control_weather", __name__)


@blueprint.get("/_control/faults")
def show() -> ResponseReturnValue:
    with current().store.read() as tx:
        return jsonify(weather.read(tx))


@blueprint.post("/_control/faults")
def change() -> ResponseReturnValue:
    """Set the weather, whole: what is not named stops. `{}` clears it."""
    try:
        wanted = weather.check(body())
    except weather.Invalid as wrong:
        raise Refusal(str(wrong)) from wrong
    turn(current(), wanted)
    return jsonify(wanted)


def turn(world: World, wanted: Doc) -> None:
    """Make the weather that was checked."""
    with world.store.transaction() as tx:
        weather.write(tx, wanted)
    world.clock.reload_skew()
