"""The inbox: what Zoho told us, what became of it, and applying it again."""

import json
from uuid import UUID

import structlog
from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.admin.listing import Listing
from portal.admin.room import blueprint
from portal.admin.staff import note, reading, staff_id, wake
from portal.db.transaction import Conn
from portal.errors import NotFound
from portal.jobs import tasks
from portal.sync import replay, staff_lists, status
from portal.web import guard
from portal.web.forms import query
from portal.web.pages import page

log = structlog.get_logger()

STATES = ("pending", "applying", "failed", "dead", "applied", "ignored")


@blueprint.get("/admin/events")
@guard.staff
def list_events() -> Response:
    """List what came, newest first."""
    listing = Listing()
    state, q = query("state"), query("q", limit=100)
    state = state if state in STATES else ""
    with reading() as conn:
        found = staff_lists.list_events(conn, listing.place(), state=state, q=q)
    events, ways = listing.shown(found, "admin.list_events", state=state, q=q)
    return page("admin/events.html", "results", events=events, states=STATES, state=state, q=q, **ways)


@blueprint.get("/admin/events/<uuid:event_id>")
@guard.staff
def show_event(event_id: UUID) -> Response:
    """Show one delivery with its body, its tries and its effect."""
    with reading() as conn:
        event = _get(conn, event_id)
    log.info("staff read event", user=str(staff_id()), inbox_id=str(event_id))
    return page("admin/event.html", event=event, body=_legible(event["body"]))


@blueprint.post("/admin/events/<uuid:event_id>/replay")
@guard.staff
@guard.fresh
def create_replay(event_id: UUID) -> Response:
    """Apply it again: the object is read from Zoho as it is today."""
    with reading() as conn:
        _get(conn, event_id)
        subject = replay.one(conn, event_id)
        note(conn, "event:replay", "inbox", str(event_id))
    if subject is None:
        flash("This delivery is under way already, or names nothing that could be read again.")
    else:
        wake(
            tasks.apply_events,
            once=subject.lock,
            lock=subject.lock,
            kind=subject.kind,
            zoho_id=subject.zoho_id,
        )
        flash("It is applied again. This page shows what became of it.")
    return redirect(url_for("admin.show_event", event_id=event_id), 303)


def _get(conn: Conn, event_id: UUID) -> status.Row:
    found = status.find_event(conn, event_id)
    if found is None:
        raise NotFound
    return found


def _legible(body: bytes | None) -> str:
    if body is None:
        return ""
    text = bytes(body).decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
