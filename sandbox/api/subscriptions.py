"""Subscriptions: create, list, read, change, delete, cancel, reactivate."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sandbox import dates, fields
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.engine import changes, lifecycle, subscriptions
from sandbox.envelope import ok
from sandbox.errors import bad, refused
from sandbox.render import subscription, subscription_row
from sandbox.tx import Doc, Tx
from sandbox.world import World

SORTS = {
    "created_time": "seq",
    "updated_time": "updated",
    "subscription_number": "number",
    "number": "number",
    "customer_id": "customer_id",
    "status": "status",
}
STATUSES: dict[str, dict[str, Any]] = {
    "All": {},
    "ACTIVE": {"status": ["live", "trial", "dunning", "unpaid", "non_renewing"]},
    "LIVE": {"status": "live"},
    "FUTURE": {"status": "future"},
    "TRIAL": {"status": "trial"},
    "PAST_DUE": {"status": "dunning"},
    "UNPAID": {"status": "unpaid"},
    "NON_RENEWING": {"status": "non_renewing"},
    "CANCELLED_FROM_DUNNING": {"status": "cancelled_from_dunning"},
    "CANCELLED": {"status": "cancelled"},
    "EXPIRED": {"status": "expired"},
    "TRIAL_EXPIRED": {"status": "trial_expired"},
    "CREATION_FAILED": {"status": "creation_failed"},
}
MODES: dict[str, dict[str, Any]] = {
    "SubscriptionMode.ONLINE": {"auto": 1},
    "SubscriptionMode.OFFLINE": {"auto": 0},
}


def _listing(world: World) -> Listing:
    this = world.clock.today().replace(day=1)
    last = dates.add(this, -1, "months")
    months: dict[str, dict[str, Any]] = {
        "CANCELLED_LAST_MONTH": {"cancelled": ("GLOB", f"{last:%Y-%m}-*")},
        "CANCELLED_THIS_MONTH": {"cancelled": ("GLOB", f"{this:%Y-%m}-*")},
    }
    return Listing("subscriptions", "SubscriptionStatus", {**STATUSES, **months, **MODES}, SORTS)


@post("/subscriptions")
def create(world: World, tx: Tx) -> Response:
    """A new subscription, billed and charged."""
    sub = subscriptions.create(world, tx, body())
    return ok("Subscription has been created successfully.", 201, subscription=subscription(world, tx, sub))


@get("/subscriptions")
def listed(world: World, tx: Tx) -> Response:
    """Every subscription, filtered."""
    where: dict[str, Any] = {}
    if customer_id := request.args.get("customer_id"):
        where["customer_id"] = customer_id
    if reference := request.args.get("reference_contains"):
        where["reference"] = ("contains", reference)
    found, context = _listing(world).page(tx, where)
    return ok(subscriptions=[subscription_row(world, tx, doc) for doc in found], page_context=context)


@get("/subscriptions/<subscription_id>")
def one(world: World, tx: Tx, subscription_id: str) -> Response:
    """One subscription, whole."""
    return ok(subscription=subscription(world, tx, subscriptions.get(tx, subscription_id)))


@put("/subscriptions/<subscription_id>")
def update(world: World, tx: Tx, subscription_id: str) -> Response:
    """Change a subscription, now or at the end of the term."""
    sub = changes.update(world, tx, subscription_id, body())
    return ok("Subscription has been updated successfully.", subscription=subscription(world, tx, sub))


@delete("/subscriptions/<subscription_id>")
def remove(world: World, tx: Tx, subscription_id: str) -> Response:
    """Forget a subscription."""
    lifecycle.delete(world, tx, subscription_id)
    return done("The subscription has been deleted.")


@post("/subscriptions/<subscription_id>/cancel")
def cancel(world: World, tx: Tx, subscription_id: str) -> Response:
    """Cancel now or at the end of the term."""
    given = request.args.get("cancel_at_end", "true").lower()
    if given not in ("true", "false"):
        raise bad("cancel_at_end")
    at_end, asked = given == "true", body()
    sub = lifecycle.cancel(world, tx, subscription_id, at_end=at_end, reason=_reason(world, asked))
    text = (
        "Your subscription will be canceled at the end of this term."
        if at_end
        else "Your subscription has been canceled."
    )
    return ok(text, subscription=subscription(world, tx, sub))


@post("/subscriptions/<subscription_id>/reactivate")
def reactivate(world: World, tx: Tx, subscription_id: str) -> Response:
    """Undo a scheduled cancellation."""
    sub = lifecycle.reactivate(world, tx, subscription_id)
    return ok("Subscription has been reactivated.", subscription=subscription(world, tx, sub))


@get("/subscriptions/<subscription_id>/scheduledchanges")
def scheduled(world: World, tx: Tx, subscription_id: str) -> Response:
    """The subscription as it will be at the end of the term."""
    fresh = changes.preview(world, tx, subscriptions.get(tx, subscription_id))
    if fresh is None and world.settings.no_scheduled_changes == "empty":
        return ok(subscription={})
    if fresh is None:
        raise refused("There are no scheduled changes for the subscription.")
    subscriptions.reprice(tx, fresh)
    return ok(subscription=subscription(world, tx, fresh))


@delete("/subscriptions/<subscription_id>/scheduledchanges")
def unschedule(world: World, tx: Tx, subscription_id: str) -> Response:
    """Forget what was scheduled."""
    lifecycle.drop_scheduled(world, tx, subscription_id)
    return done("The scheduled changes have been dropped.")


@get("/subscriptions/<subscription_id>/recentactivities")
def activities(world: World, tx: Tx, subscription_id: str) -> Response:
    """What was done, newest first."""
    subscriptions.get(tx, subscription_id)
    return ok(activities=activities_of(tx, subscription_id))


def activities_of(tx: Tx, subject_id: str) -> list[Doc]:
    """The recent activities of a subscription or an invoice."""
    found = tx.find("activities", where={"subject": subject_id}, desc=True, limit=100)
    return [
        {
            "activity_id": doc["activity_id"],
            "description": doc["description"],
            "activity_time": doc["time"],
            "commented_by": "sandbox",
        }
        for doc in found
    ]


def _reason(world: World, asked: Doc) -> str:
    reason = fields.string(asked, "cancel_reason") or fields.string(asked, "churn_message_id")
    if world.settings.u10_cancel_reason == "required" and not reason:
        raise bad("cancel_reason")
    return "" if world.settings.u10_cancel_reason == "ignored" else reason
