"""`/_control/act`: what staff do in Zoho itself, and banks and gateways behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.asking import Doc, Refusal, body
from sandbox.errors import ZohoError
from sandbox.store import Tx
from sandbox.world import World, current, part

Act = Callable[[World, Tx, Doc], Any]
blueprint = Blueprint("control_acting", __name__)


def acts() -> dict[str, Act]:
    module = part("engine.acts")
    found: dict[str, Act] = module.ACTS if module else {}
    return found


@blueprint.get("/_control/act")
def show() -> ResponseReturnValue:
    """The acts there are, each with what it needs."""
    return jsonify(acts={kind: (act.__doc__ or "").strip() for kind, act in acts().items()})


@blueprint.post("/_control/act")
def act() -> ResponseReturnValue:
    asked = body()
    if not isinstance(asked, dict):
        raise Refusal('an object is needed: {"kind": ..., ...}')
    return jsonify(perform(current(), asked))


def perform(world: World, asked: Doc) -> Doc:
    """Do one staff act in one transaction, and answer with what it made of its subject."""
    chosen = acts().get(str(asked.get("kind", "")))
    if chosen is None:
        raise Refusal(f"kind: one of {', '.join(acts())}")
    try:
        with world.store.transaction() as tx:
            return {"kind": asked["kind"], "result": chosen(world, tx, asked)}
    except ZohoError as refusal:
        raise Refusal(refusal.message, 409) from refusal
