"""`/_control/webhooks`, `/_control/events`, `/_control/deliveries`: where events go and how that went."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import events
from sandbox.control.asking import Doc, Refusal, body, number
from sandbox.store import Tx
from sandbox.webhooks import endpoints, schedule
from sandbox.webhooks.courier import Courier
from sandbox.world import World, current

blueprint = Blueprint("control_hooks", __name__)
MOST = 1000


@blueprint.get("/_control/webhooks")
def show_endpoints() -> ResponseReturnValue:
    with current().store.read() as tx:
        return jsonify(webhooks=tx.find(endpoints.KIND))


@blueprint.post("/_control/webhooks")
def change_endpoints() -> ResponseReturnValue:
    """Events go to exactly this endpoint, or this list of them; with `"add": true` to it as well."""
    world, asked = current(), body()
    wanted = asked if isinstance(asked, list) else [asked]
    if not all(isinstance(endpoint, dict) for endpoint in wanted):
        raise Refusal("an endpoint is an object with a url; several are a list of them")
    adding = len(wanted) == 1 and wanted[0].get("add") is True
    try:
        with world.store.transaction() as tx:
            if adding:
                endpoints.save(world, tx, wanted[0])
            else:
                endpoints.replace_all(world, tx, wanted)
            now = tx.find(endpoints.KIND)
    except endpoints.Invalid as wrong:
        raise Refusal(str(wrong)) from wrong
    return jsonify(webhooks=now)


@blueprint.delete("/_control/webhooks/<webhook_id>")
def delete_endpoint(webhook_id: str) -> ResponseReturnValue:
    with current().store.transaction() as tx:
        if tx.get(endpoints.KIND, webhook_id) is None:
            raise Refusal("no such webhook", 404)
        tx.delete(endpoints.KIND, webhook_id)
        return jsonify(webhooks=tx.find(endpoints.KIND))


@blueprint.get("/_control/events")
def show_events() -> ResponseReturnValue:
    """Events with their payload and every delivery attempt, newest first."""
    world, page, per_page = current(), number("page", 1, 1_000_000), number("per_page", 200, MOST)
    with world.store.read() as tx:
        if not schedule.has_any(tx, events.KIND):
            return jsonify(events=[], page_context={"page": page, "has_more_page": False})
        wanted = request.args.get("event_type")
        where = {"event_type": wanted} if wanted else None
        offset = (page - 1) * per_page
        found = tx.find(events.KIND, where=where, desc=True, limit=per_page + 1, offset=offset)
        shown = [with_deliveries(world, tx, doc) for doc in found[:per_page]]
    context = {"page": page, "per_page": per_page, "has_more_page": len(found) > per_page}
    return jsonify(events=shown, page_context=context)


@blueprint.post("/_control/events/<event_id>/resend")
def resend(event_id: str) -> ResponseReturnValue:
    world = current()
    with world.store.transaction() as tx:
        sent = resend_event(world, tx, event_id, request.args.get("webhook_id", ""))
    return jsonify(deliveries=sent), 202


@blueprint.get("/_control/deliveries")
def show_deliveries() -> ResponseReturnValue:
    with current().store.read() as tx:
        wanted = {key: request.args[key] for key in ("status", "event_id") if key in request.args}
        if not schedule.has_any(tx):
            return jsonify(deliveries=[], waiting=0)
        found = tx.find(schedule.KIND, where=wanted, desc=True, limit=number("limit", 200, MOST))
        waiting = tx.count(schedule.KIND, where={"status": "scheduled"})
    return jsonify(deliveries=found, waiting=waiting)


@blueprint.post("/_control/deliveries/pump")
def pump() -> ResponseReturnValue:
    """Send what is due now, before answering; with `?everything=1` also what is due later."""
    courier: Courier = current_app.extensions["sandbox_courier"]
    return jsonify(sent=courier.pump(everything="everything" in request.args))


def with_deliveries(world: World, tx: Tx, doc: Doc) -> Doc:
    sent = []
    if schedule.has_any(tx):
        sent = tx.find(schedule.KIND, where={"event_id": doc["event_id"]})
    return events.detail(world, doc) | {"deliveries": sent}


def resend_event(world: World, tx: Tx, event_id: str, webhook_id: str = "") -> list[Doc]:
    """What "Resend" in Zoho's event tab does: deliver again, now, whatever came before."""
    event = tx.get(events.KIND, event_id)
    if event is None:
        raise Refusal("no such event", 404)
    chosen = [doc for doc in tx.find(endpoints.KIND) if not webhook_id or doc["webhook_id"] == webhook_id]
    sent = []
    for endpoint in chosen:
        sent.append(schedule.add(tx, event, endpoint, world.clock.now().timestamp()))
        schedule.show_status(world, tx, event, endpoint, "scheduled")
    tx.after_commit(world.wake.set)
    return sent
