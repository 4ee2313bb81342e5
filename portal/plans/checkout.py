"""The page of a purchase under way: back from Zoho, still there, done, or given up."""

from typing import Any
from uuid import UUID

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.billing.catalogue import Choice
from portal.db import transaction
from portal.mirror import shop
from portal.plans.room import blueprint
from portal.sync import checkouts
from portal.sync.checkouts import Checkout
from portal.sync.one_purchase import due_now
from portal.web import guard
from portal.web.choosing import ADDON_PREFIX
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.pages import page


@blueprint.get("/checkouts/<uuid:checkout_id>")
@guard.member("viewer")
def show_checkout(checkout_id: UUID) -> Response:
    """Say how far the attempt is: open, confirming, done, or over."""
    row = _own(checkout_id)
    checkout = Checkout.from_row(row)
    return page(
        "plans/checkout.html",
        block="progress",
        place="plans",
        checkout=checkout,
        bought=row,
        is_finished=not checkout.is_live,
        again=_again(checkout),
        due_now=due_now(checkout.quoted),
    )


@blueprint.get("/checkouts/<uuid:checkout_id>/return")
@guard.member("viewer")
def return_from_hosted_page(checkout_id: UUID) -> BaseResponse:
    """Come back from Zoho. The address proves nothing (RED-03): Zoho is asked about the page we stored."""
    return _asked(checkout_id)


@blueprint.post("/checkouts/<uuid:checkout_id>/check")
@guard.member("viewer")
def check_checkout(checkout_id: UUID) -> BaseResponse:
    """Ask Zoho now."""
    return _asked(checkout_id)


@blueprint.post("/checkouts/<uuid:checkout_id>/cancellation")
@guard.member("billing")
def cancel_checkout(checkout_id: UUID) -> BaseResponse:
    """Give the attempt up; one that turns out to be paid stays bought."""
    _own(checkout_id)
    checkouts.give_up(current_services(), checkout_id)
    return _to_page(checkout_id)


def _asked(checkout_id: UUID) -> BaseResponse:
    _own(checkout_id)
    checkouts.settle(current_services(), checkout_id, source="return")
    return _to_page(checkout_id)


def _to_page(checkout_id: UUID) -> BaseResponse:
    return redirect(url_for("plans.show_checkout", checkout_id=checkout_id), 303)


def _own(checkout_id: UUID) -> dict[str, Any]:
    """Return the attempt with what it bought, if it belongs to the account that is shown (AC-01)."""
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        return shop.get_bought(conn, checkout_id, signed_in_account().id)


def _again(checkout: Checkout) -> str:
    """Return the address of the summary with the same choice."""
    if checkout.kind != "new_subscription":
        return url_for("plans.list_plans")
    choice = Choice.from_json(checkout.choice)
    addons: dict[str, Any] = {f"{ADDON_PREFIX}{code}": quantity for code, quantity in choice.addons}
    return url_for(
        "plans.new_checkout",
        plan=choice.plan_code,
        quantity=choice.quantity,
        coupon=choice.coupon_code,
        **addons,
    )
