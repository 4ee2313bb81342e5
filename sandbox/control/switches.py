"""`/_control/settings`: the switches for what nobody knows about Zoho, and the rest of the settings."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from sandbox.control.asking import Doc, Refusal, body
from sandbox.settings import Settings
from sandbox.world import World, current

blueprint = Blueprint("control_switches", __name__)
# Fixed when the process starts: where it listens and what it keeps its files in.
FIXED = frozenset({"host", "port", "data", "time_zone", "public_url", "smtp_port", "threads", "deliver"})

QUESTIONS = {
    "u1": "Webhooks: time-out, retries, what counts as success, switching off",
    "u2": "Webhooks: the keys of payloads that nobody has recorded",
    "u3": "Hosted pages: what a method or payment page tells afterwards",
    "u4": "Hosted pages: what cancel and decline leave behind",
    "u5": "The answer to an expired token",
    "u6": "How many calls a plan allows",
    "u7": "Who may be reactivated",
    "u8": "Whether a new card pays what is open",
    "u9": "What an update without addons or coupon keeps",
    "u10": "The reason of a cancellation",
    "u11": "The event log: times, payload, filters, how long",
    "u12": "How a declined collect is told",
    "u13": "How a card’s digits and brand are written",
    "u14": "How signatures and content types are written",
    "u15": "Whether a hosted page may stand in a frame",
    "u16": "Whether there is a data centre in the United Kingdom",
    "u17": "Whether test cards decline",
    "u18": "Whether pausing is there",
    "u19": "Which failed charges begin dunning",
    "u20": "What the list of unpaid invoices holds",
}


@blueprint.get("/_control/settings")
def show() -> ResponseReturnValue:
    return jsonify(settings=values(current()), alternatives=alternatives())


@blueprint.post("/_control/settings")
def change() -> ResponseReturnValue:
    asked = body()
    if not isinstance(asked, dict):
        raise Refusal("an object of settings is needed")
    turn(current(), asked)
    return jsonify(settings=values(current()), alternatives=alternatives())


def turn(world: World, asked: Doc) -> None:
    """Change settings, all or none."""
    for name in asked:
        if name not in Settings.model_fields:
            raise Refusal(f"{name}: no such setting")
        if name in FIXED:
            raise Refusal(f"{name}: fixed at start; set SANDBOX_{name.upper()} and start again", 409)
    try:
        Settings.model_validate(world.settings.model_dump() | asked)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refusal(f"{where}: {first['msg']}") from wrong
    world.switch(asked)


def question(name: str) -> str:
    """The open question that a switch answers; empty for other settings."""
    return QUESTIONS.get(name.partition("_")[0], "")


def values(world: World) -> Doc:
    shown: Doc = json.loads(world.settings.model_dump_json())
    return shown


def alternatives() -> dict[str, Any]:
    """What each setting may be, its default, and whether it can change while running."""
    return {
        name: {
            "default": json.loads(json.dumps(field.default, default=str)),
            "values": choices(field.annotation),
            "fixed": name in FIXED,
        }
        for name, field in Settings.model_fields.items()
    }


def choices(annotation: Any) -> list[Any]:
    """The alternatives of a switch; empty for free values."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [False, True] if annotation is bool else []
