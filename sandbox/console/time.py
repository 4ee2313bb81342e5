"""The clock: forward by a step or to a moment, with progress while it moves."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.console.shell import back
from sandbox.control import moving
from sandbox.control.asking import Doc, Refusal
from sandbox.world import current

blueprint = Blueprint("console_time", __name__, url_prefix="/console")
STEPS = {
    "hour": ("An hour", {"advance_hours": 1}),
    "day": ("A day", {"advance_days": 1}),
    "week": ("A week", {"advance_days": 7}),
    "month": ("31 days", {"advance_days": 31}),
    "quarter": ("92 days", {"advance_days": 92}),
    "year": ("A year", {"advance_days": 365}),
}


@blueprint.get("/clock")
def clock() -> ResponseReturnValue:
    progress = current().progress
    return render_template("console/clock.html", steps=STEPS, progress=progress, days=days(progress))


def days(progress: Doc) -> tuple[int, int] | None:
    """Days gone and days in all, once the move has begun."""
    if not {"from", "at", "to"} <= progress.keys():
        return None
    begun, here, end = (datetime.fromisoformat(progress[key]) for key in ("from", "at", "to"))
    return (here - begun).days, max((end - begun).days, 1)


@blueprint.post("/clock")
def move() -> Response:
    world = current()
    step, until = request.form.get("step", ""), request.form.get("to", "")
    asked: Doc = dict(STEPS[step][1]) if step in STEPS else {"to": until}
    try:
        target = moving.destination(world, asked)
        moving.in_background(world, lambda: moving.move(world, target))
    except Refusal as refusal:
        return back("/console/clock", wrong=str(refusal))
    return back("/console/clock")
