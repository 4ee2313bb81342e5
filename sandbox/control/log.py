"""`/_control/calls`: what clients asked of the API and the token endpoint."""

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.calls import KEPT, CallLog
from sandbox.control.asking import number

blueprint = Blueprint("control_log", __name__)


@blueprint.get("/_control/calls")
def show() -> ResponseReturnValue:
    log: CallLog = current_app.extensions["sandbox_calls"]
    since = number("since", 0, 10**12)
    return jsonify(log.summary(log.newest(number("limit", 200, KEPT), request.args.get("lane", ""), since)))


@blueprint.delete("/_control/calls")
def clear() -> ResponseReturnValue:
    log: CallLog = current_app.extensions["sandbox_calls"]
    log.clear()
    return jsonify(log.summary([]))
