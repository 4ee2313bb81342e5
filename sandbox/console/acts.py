"""Acting as Zoho's staff, or as the bank: each act a form of its own."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.console.shell import back
from sandbox.control import acting
from sandbox.control.asking import Refusal
from sandbox.engine import acts
from sandbox.world import current

blueprint = Blueprint("console_acts", __name__, url_prefix="/console")


@blueprint.get("/acts")
def show() -> ResponseReturnValue:
    return render_template("console/acts.html", acts=acts.ACTS)


@blueprint.post("/acts")
def perform() -> Response:
    """Do the act, then return to the page it was asked on."""
    asked = {key: value for key, value in request.form.items() if value and key != "from"}
    origin = request.form.get("from", "")
    origin = origin if origin.startswith("/console/") else "/console/acts"
    try:
        acting.perform(current(), asked)
    except Refusal as refusal:
        return back(origin, wrong=f"Not done. {refusal}")
    return back(origin, "Done.")
