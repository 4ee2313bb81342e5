"""The page of an act that is not settled yet, and of what became of it."""

import contextlib
from typing import Any
from uuid import UUID

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.db import transaction
from portal.errors import NotFound, PortalError
from portal.subscriptions.room import blueprint
from portal.sync import acts, intents
from portal.sync.intents import Intent
from portal.web import guard
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.pages import page

# What the person did, as the title of the page says it.
DOINGS = {
    "create_customer": "Setting up your billing account",
    "create_subscription": "Starting your subscription",
    "change_plan": "Changing your plan",
    "cancel": "Cancelling your subscription",
    "reactivate": "Keeping your subscription",
    "pause": "Pausing your subscription",
    "resume": "Resuming your subscription",
    "drop_scheduled_change": "Dropping the planned change",
    "use_method": "Changing how the subscription is paid",
    "collect": "Paying your invoice",
    "remove_method": "Removing a payment method",
    "update_customer": "Saving your billing details",
}


@blueprint.get("/acts/<uuid:intent_id>")
@guard.member("viewer")
def show_act(intent_id: UUID) -> Response:
    """Say how far the act is; the page asks again by itself until the outcome is known."""
    intent = _own(intent_id)
    return page(
        "subscriptions/act.html",
        block="progress",
        intent=intent,
        doing=DOINGS.get(intent.kind, "Your change"),
        back=_back(intent),
    )


@blueprint.post("/acts/<uuid:intent_id>/check")
@guard.member("viewer")
def check_act(intent_id: UUID) -> BaseResponse:
    """Ask Zoho now what became of it."""
    intent = _own(intent_id)
    # When Zoho cannot be asked now, the page still waits, and the worker goes on asking.
    with contextlib.suppress(PortalError):
        intents.resolve(current_services(), acts.ACTS, intent.id)
    return redirect(url_for("subscriptions.show_act", intent_id=intent_id), 303)


def _own(intent_id: UUID) -> Intent:
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        intent = intents.get(conn, intent_id)
    if intent.account_id != signed_in_account().id:
        raise NotFound
    return intent


def _back(intent: Intent) -> str:
    places: dict[str, Any] = {"invoice": "/invoices", "payment_method": "/payment-methods"}
    return str(places.get(intent.subject_kind, "/"))
