"""`/_control/state`: everything Zoho would remember, as the API would return it, for comparing.

The newest page comes last: the order is that of creation, so a walk over the
pages sees each object once while others are being made.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import events, render
from sandbox.control.asking import Doc, Refusal, number
from sandbox.hosted_pages import pages
from sandbox.store import Tx
from sandbox.webhooks import endpoints
from sandbox.world import World, current

blueprint = Blueprint("control_state", __name__)
PER_PAGE = 200


@blueprint.get("/_control/state")
def show() -> ResponseReturnValue:
    """One page of a kind; without a kind, that page of every kind with the counts beside it."""
    world, kind = current(), request.args.get("kind", "")
    if kind not in ("", *KINDS):
        raise Refusal(f"kind: one of {', '.join(KINDS)}")
    page, per_page = number("page", 1, 10**9), number("per_page", PER_PAGE, 1000)
    with world.store.read() as tx:
        asked = (kind,) if kind else KINDS
        found = {each: listed(world, tx, each, page, per_page) for each in asked}
        totals = {each: count(tx, each) for each in asked}
    more = any(page * per_page < totals[each] for each in asked)
    context = {"page": page, "per_page": per_page, "has_more_page": more}
    beside = {"total": totals[kind]} if kind else {"counts": totals, "now": world.clock.now().isoformat()}
    return jsonify(found | beside | {"page_context": context})


def listed(world: World, tx: Tx, kind: str, page: int, per_page: int) -> list[Doc]:
    """One page of a kind, oldest first."""
    table, where = stored(kind)
    docs = tx.find(table, where=where, limit=per_page, offset=(page - 1) * per_page)
    return [rendered(world, tx, kind, doc) for doc in docs]


def counts(world: World) -> dict[str, int]:
    """How many of each kind there are."""
    with world.store.read() as tx:
        return {kind: count(tx, kind) for kind in KINDS}


def count(tx: Tx, kind: str) -> int:
    table, where = stored(kind)
    return tx.count(table, where=where)


def stored(kind: str) -> tuple[str, dict[str, str]]:
    """Where a kind is kept: cards and bank accounts are both payment methods."""
    if kind in METHODS:
        return "methods", {"type": METHODS[kind], "status": "active"}
    return kind, {}


def rendered(world: World, tx: Tx, kind: str, doc: Doc) -> Doc:
    """The document as the API's detail call shows it."""
    if kind == "cards":
        return render.card(world, doc)
    if kind == "events":
        return events.detail(world, doc)
    if kind == "webhooks":
        return endpoints.shown(doc)
    if kind == "hosted_pages":
        return pages.shown(world, doc)
    return RENDERERS[kind](world, tx, doc)


METHODS = {"cards": "card", "bank_accounts": "bank"}
RENDERERS: dict[str, Callable[[World, Tx, Doc], Doc]] = {
    "products": render.product,
    "plans": render.plan,
    "addons": render.addon,
    "coupons": render.coupon,
    "customers": render.customer,
    "contact_persons": lambda _world, _tx, doc: render.person(doc),
    "subscriptions": render.subscription,
    "invoices": render.invoice,
    "payments": render.payment,
    "credit_notes": render.credit_note,
    "refunds": render.refund,
    "unbilled_charges": render.unbilled_charge,
    "bank_accounts": render.bank_account,
}
KINDS = (*RENDERERS, "cards", "hosted_pages", "events", "webhooks")
