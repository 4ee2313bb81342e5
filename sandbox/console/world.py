"""The world as a whole: switches, reset, and copies to keep or to load."""

from __future__ import annotations

import json

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox import transfer
from sandbox.console.shell import back
from sandbox.control import moving, switches
from sandbox.control.asking import Refusal
from sandbox.world import current

blueprint = Blueprint("console_world", __name__, url_prefix="/console")


@blueprint.get("/switches")
def show_switches() -> ResponseReturnValue:
    known = switches.alternatives()
    groups: dict[str, list[str]] = {}
    for name in sorted(known, key=lambda name: not switches.question(name)):
        if not known[name]["fixed"]:
            groups.setdefault(switches.question(name) or "Everything else", []).append(name)
    return render_template(
        "console/switches.html", groups=groups, known=known, values=switches.values(current())
    )


@blueprint.post("/switches")
def turn() -> Response:
    """Only what differs is switched; free values are JSON where they are not text."""
    world = current()
    now = switches.values(world)
    asked = {
        name: _value(text, now[name])
        for name, text in request.form.items()
        if name in now and text != _text(now[name])
    }
    try:
        switches.turn(world, asked)
    except Refusal as refusal:
        return back("/console/switches", wrong=f"Nothing changed. {refusal}")
    return back("/console/switches", f"Changed: {', '.join(asked)}." if asked else "Nothing differed.")


@blueprint.get("/world")
def show() -> ResponseReturnValue:
    return render_template("console/world.html", progress=current().progress)


@blueprint.post("/world/reset")
def reset() -> Response:
    world, form = current(), request.form
    count = form.get("subscriptions", "0") or "0"
    seed = "empty" if form.get("seed") == "empty" else "demo"
    if not count.isdecimal() or int(count) > moving.MOST_SUBSCRIPTIONS:
        return back("/console/world", wrong="Say how many subscriptions in digits.")
    log = current_app.extensions["sandbox_calls"]

    def act() -> None:
        world.reset(seed, int(count))
        log.clear()

    try:
        moving.in_background(world, act)
    except Refusal as refusal:
        return back("/console/world", wrong=str(refusal))
    return back("/console/world")


@blueprint.post("/world/import")
def load() -> Response:
    world, given = current(), request.files.get("world")
    try:
        document = json.load(given.stream) if given else None
        moving.in_background(world, lambda: transfer.load(world, document))
    except (ValueError, Refusal) as wrong:
        return back("/console/world", wrong=f"Not loaded: {wrong}.")
    return back("/console/world")


def _value(text: str, now: object) -> object:
    if isinstance(now, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
