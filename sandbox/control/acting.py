"""`/_control/act`: what staff do in Zoho itself, and banks and gateways behind it."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.asking import Doc, Refusal, body
from sandbox.engine import acts
from sandbox.errors import GATEWAY, REFUSED, ZohoError
from sandbox.world import World, current

blueprint = Blueprint("control_acting", __name__)


@blueprint.get("/_control/act")
def show() -> ResponseReturnValue:
    """The acts there are, each with what it needs."""
    return jsonify(acts={kind: (act.__doc__ or "").strip() for kind, act in acts.ACTS.items()})


@blueprint.post("/_control/act")
def act() -> ResponseReturnValue:
    asked = body()
    if not isinstance(asked, dict):
        raise Refusal('an object is needed: {"kind": ..., ...}')
    return jsonify(perform(current(), asked))


def perform(world: World, asked: Doc) -> Doc:
    """Do one staff act in one transaction, and answer with what it made of its subject."""
    chosen = acts.ACTS.get(str(asked.get("kind", "")))
    if chosen is None:
        raise Refusal(f"kind: one of {', '.join(acts.ACTS)}")
    try:
        with world.store.transaction() as tx:
            return {"kind": asked["kind"], "result": chosen(world, tx, asked)}
    except ZohoError as refusal:
        not_now = refusal.code in (REFUSED, GATEWAY)
        raise Refusal(refusal.message, 409 if not_now else 400) from refusal
