"""`/billing/v1/events` and `/billing/v1/webhooks`: the log and the endpoints, as Zoho's API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from sandbox import events
from sandbox.api.paging import Page
from sandbox.envelope import failed, ok
from sandbox.store import Doc, Tx
from sandbox.webhooks import endpoints, schedule
from sandbox.world import World, current

blueprint = Blueprint("webhooks", __name__, url_prefix="/billing/v1")


@blueprint.get("/events")
def list_events() -> Response:
    world = current()
    page, per_page = _paging()
    with world.store.read() as tx:
        found = _find(world, tx, page, per_page)
    rows = [events.row(world, doc) for doc in found[:per_page]]
    context = {
        "page": page,
        "per_page": per_page,
        "has_more_page": len(found) > per_page,
        "report_name": "Events",
        "applied_filter": "EventType." + (_wanted_type(world) or "All"),
        "sort_column": "event_time",
        "sort_order": request.args.get("sort_order", "D"),
    }
    return ok(events=rows, page_context=context)


@blueprint.get("/events/<event_id>")
def get_event(event_id: str) -> Response:
    world = current()
    with world.store.read() as tx:
        doc = tx.get(events.KIND, event_id)
    if doc is None or _moment(doc["created_time"]) < events.oldest_kept(world, world.clock.now()):
        return failed(1002, "Event does not exist.", 404)
    return ok(event=events.detail(world, doc))


@blueprint.get("/webhooks")
def list_webhooks() -> Response:
    page, per_page = _paging()
    with current().store.read() as tx:
        found = tx.find(endpoints.KIND, limit=per_page + 1, offset=(page - 1) * per_page)
    context = {"page": page, "per_page": per_page, "has_more_page": len(found) > per_page}
    return ok(webhooks=[endpoints.shown(doc) for doc in found[:per_page]], page_context=context)


@blueprint.get("/webhooks/<webhook_id>")
def get_webhook(webhook_id: str) -> Response:
    with current().store.read() as tx:
        doc = tx.get(endpoints.KIND, webhook_id)
    if doc is None:
        return failed(1002, "Webhook does not exist.", 404)
    return ok(webhook=endpoints.shown(doc))


def _find(world: World, tx: Tx, page: int, per_page: int) -> list[Doc]:
    """One row more than the page holds, so that the caller sees whether there is another."""
    if not schedule.has_any(tx, events.KIND):
        return []
    where: dict[str, Any] = {"created": (">=", events.oldest_kept(world, world.clock.now()))}
    if wanted := _wanted_type(world):
        where["event_type"] = wanted
    if world.settings.u11_event_filters == "both":
        where |= _days(world)
    return tx.find(
        events.KIND,
        where=where,
        order="seq",
        desc=request.args.get("sort_order", "D") != "A",
        limit=per_page + 1,
        offset=max(0, (page - 1) * per_page + request.environ.get("sandbox.shift", 0)),
    )


def _wanted_type(world: World) -> str:
    """`filter_by=EventType.x` is proven; `event_type=x` may be honoured or not (U11)."""
    wanted = request.args.get("filter_by", "").removeprefix("EventType.")
    if not wanted and world.settings.u11_event_filters == "both":
        wanted = request.args.get("event_type", "")
    return "" if wanted == "All" else wanted


def _days(world: World) -> dict[str, Any]:
    days: dict[str, Any] = {}
    if until := request.args.get("date_end"):
        days["day"] = ("<=", until)
    since = request.args.get("date_start", "")
    try:
        midnight = world.clock.at(datetime.fromisoformat(since).date())
    except ValueError:
        return days
    oldest = events.oldest_kept(world, world.clock.now())
    return days | {"created": (">=", max(oldest, int(midnight.timestamp())))}


def _paging() -> tuple[int, int]:
    asked = Page.asked()
    return asked.number, asked.size


def _moment(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp())
