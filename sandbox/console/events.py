"""Events with their deliveries, and the endpoints they go to."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox import events
from sandbox.console.shell import PER_PAGE, back, page_number
from sandbox.control import hooks
from sandbox.control.asking import Refusal
from sandbox.store import Doc
from sandbox.webhooks import endpoints, schedule
from sandbox.world import current

blueprint = Blueprint("console_events", __name__, url_prefix="/console")


@blueprint.get("/events")
def listed() -> ResponseReturnValue:
    page, wanted = page_number(), request.args.get("event_type", "")
    with current().store.read() as tx:
        where = {"event_type": wanted} if wanted else None
        found = []
        if schedule.has_any(tx, events.KIND):
            offset = (page - 1) * PER_PAGE
            found = tx.find(events.KIND, where=where, desc=True, limit=PER_PAGE + 1, offset=offset)
    more = len(found) > PER_PAGE
    return render_template("console/events.html", rows=found[:PER_PAGE], page=page, more=more, wanted=wanted)


@blueprint.get("/events/<event_id>")
def shown(event_id: str) -> ResponseReturnValue:
    world = current()
    with world.store.read() as tx:
        doc = tx.get(events.KIND, event_id)
        if doc is None:
            abort(404)
        sent = []
        if schedule.has_any(tx):
            sent = tx.find(schedule.KIND, where={"event_id": event_id})
    body = events.envelope(world, doc)
    return render_template("console/event.html", event=doc, body=body, sent=sent)


@blueprint.post("/events/<event_id>/resend")
def resend(event_id: str) -> Response:
    world = current()
    with world.store.transaction() as tx:
        sent = hooks.resend_event(world, tx, event_id)
    places = "1 endpoint" if len(sent) == 1 else f"{len(sent)} endpoints"
    return back(f"/console/events/{event_id}", f"On its way again to {places}.")


@blueprint.get("/webhooks")
def webhooks() -> ResponseReturnValue:
    with current().store.read() as tx:
        found = tx.find(endpoints.KIND)
        failed = tx.count(schedule.KIND, where={"status": "failure"}) if schedule.has_any(tx) else 0
    return render_template("console/webhooks.html", endpoints=found, failed=failed)


@blueprint.post("/webhooks")
def save_webhook() -> Response:
    """One form for a new endpoint and for a change; an unticked box means inactive."""
    world, form = current(), request.form
    wanted: Doc = {key: form[key] for key in ("webhook_id", "url", "name", "secret") if form.get(key)}
    wanted |= {key: form[key] for key in ("payload", "payload_type", "method") if form.get(key)}
    wanted["events"] = form.get("events", "").replace(",", " ").split()
    wanted["active"] = "active" in form
    try:
        with world.store.transaction() as tx:
            endpoints.save(world, tx, wanted)
    except endpoints.Invalid as wrong:
        return back("/console/webhooks", wrong=f"Not saved. {wrong}")
    return back("/console/webhooks", "Saved.")


@blueprint.post("/webhooks/<webhook_id>/removal")
def remove_webhook(webhook_id: str) -> Response:
    with current().store.transaction() as tx:
        if tx.get(endpoints.KIND, webhook_id) is None:
            raise Refusal("no such webhook", 404)
        tx.delete(endpoints.KIND, webhook_id)
    return back("/console/webhooks", "Removed. Its undelivered events will not be sent.")
