"""`/_control/act`: what staff do in Zoho itself, and banks and gateways behind it."""

from __future__ import annotations

import re

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.asking import Doc, Refusal, body
from sandbox.engine import acts, gateway
from sandbox.errors import GATEWAY, REFUSED, Declined, ZohoError
from sandbox.world import World, current

blueprint = Blueprint("control_acting", __name__)
BETWEEN_WORDS = re.compile(r"[\s_-]+(?:an?[\s_-]+)?")  # "void an invoice" is `void_invoice`
OTHER_NAMES = {
    "cancel_subscription": "cancel",
    "refund_payment": "refund",
    "change_plan_price": "change_price",
}


@blueprint.get("/_control/act")
def show() -> ResponseReturnValue:
    """The acts there are, each with what it needs."""
    return jsonify(acts={kind: manual(kind) for kind in acts.ACTS})


@blueprint.post("/_control/act")
def act() -> ResponseReturnValue:
    asked = body()
    if not isinstance(asked, dict):
        raise Refusal('an object is needed: {"kind": ..., ...}')
    return jsonify(perform(current(), asked))


def perform(world: World, asked: Doc) -> Doc:
    """Do one staff act in one transaction, and answer with what it made of its subject."""
    kind = named(asked.get("kind"))
    chosen = acts.ACTS.get(kind)
    if chosen is None:
        raise Refusal(f"kind: one of {', '.join(acts.ACTS)}; GET /_control/act says what each needs")
    try:
        with world.store.transaction() as tx:
            return {"kind": kind, "result": chosen(world, tx, asked)}
    except ZohoError as refusal:
        if isinstance(refusal, Declined):
            gateway.spend_forced(world, refusal)
        if refusal.code in (REFUSED, GATEWAY):
            raise Refusal(refusal.message, 409) from refusal
        raise Refusal(f"{refusal.message} ({kind} needs {manual(kind)})") from refusal


def named(kind: object) -> str:
    """The act that is meant, also by a longer name or in words."""
    name = BETWEEN_WORDS.sub("_", str(kind or "").strip().lower())
    return OTHER_NAMES.get(name, name)


def manual(kind: str) -> str:
    """What an act needs and does, on one line."""
    return " ".join((acts.ACTS[kind].__doc__ or "").split())
