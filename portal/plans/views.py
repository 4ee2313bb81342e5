"""Choosing and buying: the shop window, the checkout summary, the way to Zoho and back."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.billing import summary
from portal.billing.catalogue import Choice, Plan, Selection, UnknownCoupon
from portal.billing.summary import Summary
from portal.db import transaction
from portal.errors import NotFound, Refused
from portal.mirror import catalogue as mirror_catalogue
from portal.mirror import shop
from portal.mirror.catalogue import CatalogueRead
from portal.plans import offers
from portal.sync import checkouts
from portal.sync.checkouts import Checkout
from portal.web import guard, hosted
from portal.web.choosing import ADDON_PREFIX, ChoiceForm, choice_form
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.forms import query
from portal.web.pages import page

blueprint = Blueprint("plans", __name__)


@blueprint.get("/plans")
@guard.member("viewer")
def list_plans() -> Response:
    """Show what is for sale, with what this account already has."""
    read, owned = _window()
    choices = offers.intervals(read.catalogue)
    wanted = query("interval")
    interval = next((one for one in choices if one.adjective == wanted), choices[0] if choices else None)
    savings = {one: offers.best_saving(read.catalogue, one) for one in choices}
    return page(
        "plans/list.html",
        place="plans",
        intervals=choices,
        interval=interval,
        savings=savings,
        shelves=offers.shelves(read.catalogue, interval, owned) if interval else [],
        as_of=read.read_at,
    )


@blueprint.get("/checkouts/new")
@guard.member("billing")
def new_checkout() -> Response:
    """Show what a choice costs, line by line, before anything is bought."""
    return _show_summary(read_coupon=query("coupon"))


@blueprint.post("/checkouts")
@guard.member("billing")
def create_checkout() -> BaseResponse:
    """Open Zoho's payment page for the choice, once."""
    form, read, plan = _form(request.form.get("plan", ""), request.form, request.form.get("coupon", ""))
    selection = _selection(form, read) if form.validate() else None
    if selection is None:
        return _render(form, read, plan, None, status=422)
    costs = summary.of_purchase(selection, clock.today(read.time_zone))
    if form.stamp.data != stamp(costs):
        form.stamp.data = stamp(costs)
        return _render(form, read, plan, costs, status=409, has_changed=True)
    return hosted.to_page("new_subscription", selection.choice.as_json(), _quoted(selection, costs))


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
    )


@blueprint.get("/checkouts/<uuid:checkout_id>/return")
@guard.member("viewer")
def return_from_hosted_page(checkout_id: UUID) -> BaseResponse:
    """Come back from Zoho. The address proves nothing (RED-03): Zoho is asked about the page we stored."""
    _own(checkout_id)
    checkouts.settle(current_services(), checkout_id, source="return")
    return redirect(url_for("plans.show_checkout", checkout_id=checkout_id), 303)


@blueprint.post("/checkouts/<uuid:checkout_id>/check")
@guard.member("viewer")
def check_checkout(checkout_id: UUID) -> BaseResponse:
    """Ask Zoho now."""
    _own(checkout_id)
    checkouts.settle(current_services(), checkout_id, source="return")
    return redirect(url_for("plans.show_checkout", checkout_id=checkout_id), 303)


@blueprint.post("/checkouts/<uuid:checkout_id>/cancellation")
@guard.member("billing")
def cancel_checkout(checkout_id: UUID) -> BaseResponse:
    """Give the attempt up; one that turns out to be paid stays bought."""
    _own(checkout_id)
    checkouts.give_up(current_services(), checkout_id)
    return redirect(url_for("plans.show_checkout", checkout_id=checkout_id), 303)


def stamp(costs: Summary) -> str:
    """Return what the person saw, so that a changed price refuses the purchase (AC-06)."""
    later = costs.later.total
    return f"{costs.now.total.amount:.6f}/{later.amount:.6f}/{later.currency}"


def _window() -> tuple[CatalogueRead, list[offers.Owned]]:
    services, person, account = current_services(), signed_in_session().person, signed_in_account()
    with transaction.as_member(services.pool, person.user_id) as conn:
        read = mirror_catalogue.read(conn)
        running = shop.list_running(conn, account.id)
    products = {plan.code: plan.product for plan in read.catalogue.plans.values()}
    return read, [
        offers.Owned(row["id"], row["plan_code"], products.get(row["plan_code"], "")) for row in running
    ]


def _show_summary(read_coupon: str) -> Response:
    code = query("plan")
    is_first_look = len(request.args) <= 1
    form, read, plan = _form(code, None if is_first_look else request.args, read_coupon)
    selection = _selection(form, read) if is_first_look or form.validate() else None
    if selection is None:
        return _render(form, read, plan, None, status=422)
    costs = summary.of_purchase(selection, clock.today(read.time_zone))
    form.stamp.data = stamp(costs)
    return _render(form, read, plan, costs)


def _form(code: str, data: object, coupon: str) -> tuple[ChoiceForm, CatalogueRead, Plan]:
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        read = mirror_catalogue.read(conn, coupon.strip()[:100])
    plan = read.catalogue.plans.get(code)
    if plan is None or not plan.is_active:
        raise NotFound("That plan is no longer offered. Choose another one.")
    return choice_form(ChoiceForm, plan, read.catalogue.addons_for(plan), data), read, plan


def _selection(form: ChoiceForm, read: CatalogueRead) -> Selection | None:
    """Look the choice up; what is refused is written at its field."""
    try:
        return read.catalogue.select(form.choice(), clock.today(read.time_zone))
    except UnknownCoupon as refusal:
        form.coupon.errors = [refusal.message]
    except Refused as refusal:
        form.form_errors.append(refusal.message)
    return None


def _render(
    form: ChoiceForm,
    read: CatalogueRead,
    plan: Plan,
    costs: Summary | None,
    *,
    status: int = 200,
    has_changed: bool = False,
) -> Response:
    addons = {addon.code: addon for addon in read.catalogue.addons_for(plan)}
    return page(
        "plans/summary.html",
        block="summary",
        status=status,
        place="plans",
        form=form,
        plan=plan,
        product=read.catalogue.products.get(plan.product, ""),
        addons=addons,
        costs=costs,
        has_changed=has_changed,
        as_of=read.read_at,
    )


def _quoted(selection: Selection, costs: Summary) -> dict[str, Any]:
    """Return what the person was told, for the pages that follow."""
    return {
        "plan_name": selection.plan.name,
        "now": _text(costs.now.total.amount),
        "later": _text(costs.later.total.amount),
        "currency": selection.plan.currency,
        "per": selection.plan.interval.per,
        "trial_ends_on": costs.trial_ends_on.isoformat() if costs.trial_ends_on else None,
    }


def _text(amount: Decimal) -> str:
    return f"{amount:f}"


def _again(checkout: Checkout) -> str:
    """Return the address of the summary with the same choice."""
    if checkout.kind != "new_subscription":
        return url_for("plans.list_plans")
    choice = Choice.from_json(checkout.choice)
    addons = {f"{ADDON_PREFIX}{code}": quantity for code, quantity in choice.addons}
    values = {"plan": choice.plan_code, "quantity": choice.quantity, "coupon": choice.coupon_code, **addons}
    return url_for("plans.new_checkout", _external=False, **values)  # type: ignore[arg-type]


def _own(checkout_id: UUID) -> dict[str, Any]:
    """Return the attempt with what it bought, if it belongs to the account that is shown (AC-01)."""
    services, person, account = current_services(), signed_in_session().person, signed_in_account()
    with transaction.as_member(services.pool, person.user_id) as conn:
        return shop.get_bought(conn, checkout_id, account.id)
