"""The checkout summary, and buying what it shows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.billing import summary
from portal.billing.catalogue import Plan, Selection, UnknownCoupon
from portal.billing.summary import Summary
from portal.db import transaction
from portal.errors import NotFound, Refused
from portal.mirror import catalogue as mirror_catalogue
from portal.mirror import shop
from portal.mirror.catalogue import CatalogueRead
from portal.plans import buying
from portal.plans.buying import Buyer, PurchaseForm, purchase_form
from portal.plans.room import blueprint
from portal.sync.checkouts import AnotherPurchase, Attempt
from portal.web import banners, guard, hosted
from portal.web.acting import NotDone, new_key, onward
from portal.web.choosing import asks_for_amounts, shown_again
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.forms import query
from portal.web.pages import page


@dataclass(frozen=True, slots=True)
class Counter:
    """What a purchase stands on: the plan, the catalogue, the buyer, the form."""

    plan: Plan
    read: CatalogueRead
    buyer: Buyer
    form: PurchaseForm


@blueprint.get("/checkouts/new")
@guard.member("billing")
def new_checkout() -> Response:
    """Show what a choice costs, line by line, before anything is bought."""
    is_first_look = len(request.args) <= 1
    counter = _counter(query("plan"), None if is_first_look else request.args, query("coupon"))
    selection = _selection(counter) if is_first_look or counter.form.validate() else None
    if selection is None:
        return _render(counter, None, status=422)
    costs = summary.of_purchase(selection, counter.read.today)
    counter.form.stamp.data = stamp(costs)
    return _render(counter, costs)


@blueprint.post("/checkouts")
@guard.member("billing")
def create_checkout() -> BaseResponse:
    """Buy the choice once: through Zoho's payment page, or with what is on file."""
    if asks_for_amounts():
        return shown_again("plans.new_checkout")
    counter = _counter(request.form.get("plan", ""), request.form, request.form.get("coupon", ""))
    form = counter.form
    selection = _selection(counter) if form.validate() else None
    if selection is None:
        return _render(counter, None, status=422)
    costs = summary.of_purchase(selection, counter.read.today)
    if form.stamp.data != stamp(costs):
        form.stamp.data = stamp(costs)
        form.key.data = new_key()
        return _render(counter, costs, status=409, has_changed=True)
    try:
        return _buy(counter, selection, costs)
    except AnotherPurchase as other:
        form.key.data = new_key()
        return _render(counter, costs, status=409, left=other.attempt)
    except (NotDone, Refused) as refusal:
        form.form_errors.append(refusal.message)
        form.key.data = new_key()
        return _render(counter, costs)


def _buy(counter: Counter, selection: Selection, costs: Summary) -> BaseResponse:
    if buying.needs_page(counter.form, costs):
        buying.demand_new(counter.buyer, selection, on_page=True)
        choice, quoted = selection.choice.as_json(), _quoted(selection, costs)
        return hosted.to_page("new_subscription", choice, quoted, buying.left_behind(counter.form))
    intent = buying.subscribe(counter.form, selection, counter.buyer, costs)
    return onward(intent, f"You now have {counter.plan.name}.", url_for("subscriptions.overview"))


def stamp(costs: Summary) -> str:
    """Return what the person saw, so that a changed price refuses the purchase (AC-06)."""
    later = costs.later.total
    return f"{costs.now.total.amount:.6f}/{later.amount:.6f}/{later.currency}"


def _counter(code: str, data: Any, coupon: str) -> Counter:
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        read = mirror_catalogue.read(conn, coupon.strip()[:100])
        found = shop.get_buyer(conn, signed_in_account().id)
    plan = read.catalogue.plans.get(code)
    if plan is None or not plan.is_active:
        raise NotFound("That plan is no longer offered. Choose another one.")
    unconfirmed = [*found["paid_on_page"], *found["asked_for"]]
    buyer = Buyer(found["running"], found["methods"], found["under_way"], unconfirmed, found["currency"])
    form = purchase_form(plan, read.catalogue.addons_for(plan), buyer, data)
    if not form.key.data:
        form.key.data = new_key()
    return Counter(plan, read, buyer, form)


def _selection(counter: Counter) -> Selection | None:
    """Look the choice up; what is refused is written at its field."""
    try:
        buying.demand_currency(counter.buyer, counter.plan)
        return counter.read.catalogue.select(counter.form.choice(), counter.read.today)
    except UnknownCoupon as refusal:
        counter.form.coupon.errors = [refusal.message]
    except Refused as refusal:
        counter.form.form_errors.append(refusal.message)
    return None


def _render(
    counter: Counter,
    costs: Summary | None,
    *,
    status: int = 200,
    has_changed: bool = False,
    left: Attempt | None = None,
) -> Response:
    plan, read = counter.plan, counter.read
    if left is None and costs is not None:
        left = buying.find_left(counter.form, counter.buyer, costs)
    counter.form.instead_of.data = str(left.id) if left else ""
    return page(
        "plans/summary.html",
        block="summary",
        status=status,
        place="plans",
        form=counter.form,
        plan=plan,
        product=read.catalogue.products.get(plan.product, ""),
        addons={addon.code: addon for addon in read.catalogue.addons_for(plan)},
        costs=costs,
        already=counter.buyer.running_on(plan),
        needs_page=costs is not None and buying.needs_page(counter.form, costs),
        has_changed=has_changed,
        left=left,
        as_of=read.read_at,
        is_closed=read.is_zoho_away,
        banners=[banners.away(read.read_at)] if read.is_zoho_away else [],
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
