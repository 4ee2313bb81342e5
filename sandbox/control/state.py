"""`/_control/state`: everything Zoho would remember, as the API would return it, for comparing.

The newest page comes last: the order is that of creation, so a walk over the
pages sees each object once while others are being made.
"""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import events
from sandbox.control.asking import Doc, Refusal, number
from sandbox.store import Tx
from sandbox.webhooks import endpoints
from sandbox.world import World, current, part

blueprint = Blueprint("control_state", __name__)
PER_PAGE = 200


@blueprint.get("/_control/state")
def show() -> ResponseReturnValue:
    world, kind = current(), request.args.get("kind", "")
    if not kind:
        return jsonify(counts=counts(world), now=world.clock.now().isoformat())
    if kind not in RENDERERS:
        raise Refusal(f"kind: one of {', '.join(RENDERERS)}")
    page, per_page = number("page", 1, 10**9), number("per_page", PER_PAGE, 1000)
    with world.store.read() as tx:
        found = tx.find(kind, limit=per_page + 1, offset=(page - 1) * per_page)
        rows = [rendered(world, tx, kind, doc) for doc in found[:per_page]]
        total = tx.count(kind)
    context = {"page": page, "per_page": per_page, "has_more_page": len(found) > per_page}
    return jsonify({kind: rows, "total": total, "page_context": context})


def counts(world: World) -> dict[str, int]:
    """How many of each kind there are."""
    with world.store.read() as tx:
        return {kind: tx.count(kind) for kind in RENDERERS}


def rendered(world: World, tx: Tx, kind: str, doc: Doc) -> Doc:
    """The document as the API's detail call shows it."""
    if kind == "events":
        return events.detail(world, doc)
    if kind == "webhooks":
        return endpoints.shown(doc)
    render = part("render")
    name = RENDERERS[kind]
    if render is None or not hasattr(render, name):
        return doc
    row: Doc = getattr(render, name)(world, doc) if kind == "cards" else getattr(render, name)(world, tx, doc)
    return row


RENDERERS = {
    "products": "product",
    "plans": "plan",
    "addons": "addon",
    "coupons": "coupon",
    "customers": "customer",
    "subscriptions": "subscription",
    "invoices": "invoice",
    "payments": "payment",
    "credit_notes": "credit_note",
    "refunds": "refund",
    "unbilled_charges": "unbilled_charge",
    "cards": "card",
    "bank_accounts": "bank_account",
    "events": "",
    "webhooks": "",
}
