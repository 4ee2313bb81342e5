"""Changing plan, quantity or addons: choose, see the estimate with its arithmetic, confirm.

The estimate comes from Zoho's documented rule (:mod:`portal.billing.quote`). Where it cannot be computed
the change waits for the end of the term, or goes through Zoho's own page, which shows the amount.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.billing import quote
from portal.billing.catalogue import Plan, Selection
from portal.billing.interval import Interval
from portal.billing.quote import Item, NoQuote, Quote, Running, Target
from portal.errors import NotFound, Refused
from portal.subscriptions import change_page, looking
from portal.subscriptions.change_form import ChangeForm, change_form
from portal.subscriptions.change_page import Situation
from portal.subscriptions.room import blueprint
from portal.web import guard, hosted
from portal.web.acting import NotDone, carry_out, find_earlier, new_key, onward
from portal.web.choosing import asks_for_amounts, shown_again
from portal.web.current import current_services
from portal.web.forms import query

NOW, AT_END = "now", "end"
_NOT_OPEN = "The plan of this subscription cannot be changed now."
_SAME = "That is what you have already. Change something first, or go back."


@blueprint.get("/subscriptions/<uuid:subscription_id>/plan-change")
@guard.member("billing")
def show_plan_change(subscription_id: UUID) -> Response:
    """Choose a plan, or see what the chosen one costs."""
    situation = change_page.read(subscription_id)
    looking.demand(looking.options_of(situation.row).change_plan, situation.row, _NOT_OPEN)
    code = query("plan")
    if not code:
        return looking.shown(
            "subscriptions/plan_choice.html", situation.row, offers=change_page.offers(situation)
        )
    is_first_look = len(request.args) <= 1
    form = _form(situation, code, None if is_first_look else request.args)
    return (
        _show(form, situation, code)
        if is_first_look or form.validate()
        else _render(form, situation, code, None)
    )


@blueprint.post("/subscriptions/<uuid:subscription_id>/plan-change")
@guard.member("billing")
def create_plan_change(subscription_id: UUID) -> BaseResponse:
    """Change the plan as confirmed; a changed price refuses and shows the new estimate (AC-06)."""
    if asks_for_amounts():
        return shown_again("subscriptions.show_plan_change", subscription_id=subscription_id)
    situation = change_page.read(subscription_id)
    code = request.form.get("plan", "")
    form = _form(situation, code, request.form)
    earlier = find_earlier(form)
    if earlier is not None and earlier.state not in ("refused", "abandoned"):
        # The first click may have made the change already; what is there now is no reason to refuse this one.
        return onward(earlier, "Your plan is changed.", _back(situation))
    if not form.validate():
        return _render(form, situation, code, None)
    try:
        selection = _select(form, situation)
        estimate = _estimate(selection, situation, form.when.data)
    except Refused as refusal:
        form.form_errors.append(refusal.message)
        return _render(form, situation, code, None)
    if form.stamp.data != change_page.stamp(estimate):
        form.stamp.data = change_page.stamp(estimate)
        form.key.data = new_key()
        return _render(form, situation, code, estimate, status=409, has_changed=True)
    if _needs_page(estimate, situation, form.when.data):
        looking.demand(looking.options_of(situation.row).change_plan, situation.row, _NOT_OPEN)
        return _to_hosted_page(selection, situation)
    return _change(form, selection, situation, estimate)


def _change(
    form: ChangeForm, selection: Selection, situation: Situation, estimate: Quote | None
) -> BaseResponse:
    row = situation.row
    try:
        intent = carry_out(
            form,
            "change_plan",
            lambda: looking.demand(looking.options_of(row).change_plan, row, _NOT_OPEN),
            request={"choice": selection.choice.as_json(), "end_of_term": form.when.data == AT_END},
            subject_kind="subscription",
            subject_zoho_id=row["zoho_id"],
            before={"plan_code": row["plan_code"], "child_invoice": row["child_invoice_zoho_id"]},
        )
    except NotDone as refusal:
        form.form_errors.append(refusal.message)
        form.key.data = new_key()
        return _render(form, situation, selection.plan.code, estimate)
    done = (
        "The change is planned for the end of the term."
        if form.when.data == AT_END
        else "Your plan is changed."
    )
    return onward(intent, done, _back(situation))


def _back(situation: Situation) -> str:
    return url_for("subscriptions.show", subscription_id=situation.row["id"])


def _show(form: ChangeForm, situation: Situation, code: str) -> Response:
    try:
        selection = _select(form, situation)
        estimate = _estimate(selection, situation, form.when.data)
    except Refused as refusal:
        form.form_errors.append(refusal.message)
        return _render(form, situation, code, None)
    form.stamp.data = change_page.stamp(estimate)
    return _render(form, situation, code, estimate)


def _form(situation: Situation, code: str, data: Any) -> ChangeForm:
    plan = situation.catalogue.plans.get(code)
    if plan is None or not plan.is_active or plan.product != (situation.row["product"] or plan.product):
        raise NotFound("That plan is no longer offered. Choose another one.")
    form = change_form(situation.row, plan, situation.catalogue.addons_for(plan), data)
    if not form.key.data:
        form.key.data = new_key()
    return form


def _select(form: ChangeForm, situation: Situation) -> Selection:
    """Look the choice up. Raises :class:`Refused` when it cannot be had, or is what is there already."""
    choice = form.choice()
    selection = situation.catalogue.select(choice, situation.today)
    if choice == change_page.present_choice(situation.row):
        raise Refused(_SAME)
    _demand_direction(selection, situation)
    return selection


def _demand_direction(selection: Selection, situation: Situation) -> None:
    rules = current_services().settings
    is_up = quote.is_upgrade(_running(situation), _target(selection))
    if is_up and not rules.allow_upgrade:
        raise Refused("Moving to a larger plan is not offered here. Write to us and we do it for you.")
    if not is_up and not rules.allow_downgrade:
        raise Refused("Moving to a smaller plan is not offered here. Write to us and we do it for you.")


def _estimate(selection: Selection, situation: Situation, when: str) -> Quote | None:
    """Compute the estimate; None where the documents leave it open and Zoho's page must tell."""
    running, target = _running(situation), _target(selection)
    try:
        if when == AT_END:
            return quote.change_at_term_end(running, target)
        return quote.change_now(running, target, situation.today)
    except NoQuote:
        return None


def _needs_page(estimate: Quote | None, situation: Situation, when: str) -> bool:
    """Money moves now and there is nothing to charge, or nobody can say how much: Zoho's page asks."""
    if when == AT_END:
        return False
    if estimate is None:
        return True
    has_method = situation.row["auto_collect"] and situation.row["payment_method_zoho_id"]
    return bool(estimate.due_today) and not has_method and not current_services().settings.pay_by_invoice


def _to_hosted_page(selection: Selection, situation: Situation) -> BaseResponse:
    choice = {**selection.choice.as_json(), "subscription_zoho_id": situation.row["zoho_id"]}
    return hosted.to_page("update_subscription", choice, {"plan_name": selection.plan.name})


def _running(situation: Situation) -> Running:
    row = situation.row
    tax = _percentage(situation.present_plan, row["raw"])
    plan = Item(row["plan_code"], row["plan_name"], row["plan_price"], row["quantity"], tax)
    addons = tuple(
        Item(
            addon["code"],
            addon["name"],
            Decimal(addon["price"]),
            Decimal(addon["quantity"]),
            _percentage_of_addon(situation, addon["code"], tax),
        )
        for addon in row["addons"]
        if addon["type"] != "one_time"
    )
    raw = row["raw"]
    return Running(
        status=row["status"],
        currency=row["currency_code"],
        interval=Interval(row["interval"], row["interval_unit"]),
        starts=row["current_term_starts_on"],
        ends=row["current_term_ends_on"] or row["next_billing_on"],
        items=(plan, *addons),
        coupon_code=row["coupon_code"],
        has_scheduled_change=row["has_scheduled_change"],
        can_prorate=raw.get("can_prorate") is not False,
        is_simple_pricing=(row["pricing_scheme"] or "unit") in ("unit", "flat")
        and all(_is_simple(situation, addon["code"]) for addon in row["addons"]),
        is_inclusive_tax=raw.get("is_inclusive_tax") is True,
        rounds_tax_once=raw.get("tax_rounding") in (None, "", "entity_level"),
    )


def _target(selection: Selection) -> Target:
    plan = selection.plan
    tax = plan.tax_percentage or Decimal(0)
    items = (Item(plan.code, plan.name, plan.price, Decimal(selection.choice.quantity), tax),)
    chosen = [
        (
            addon,
            Item(addon.code, addon.name, addon.price, Decimal(quantity), addon.tax_percentage or Decimal(0)),
        )
        for addon, quantity in selection.addons
    ]
    return Target(
        currency=plan.currency,
        interval=plan.interval,
        items=items + tuple(item for addon, item in chosen if addon.is_recurring),
        one_time=tuple(item for addon, item in chosen if not addon.is_recurring),
        setup_fee=plan.setup_fee,
        coupon_code=selection.choice.coupon_code,
        is_simple_pricing=plan.pricing.is_simple
        and all(addon.pricing.is_simple for addon, _ in selection.addons),
    )


def _is_simple(situation: Situation, code: str) -> bool:
    """Whether an addon that is running costs so much each; one that is sold no more is taken for one."""
    addon = situation.catalogue.addons.get(code)
    return addon is None or addon.pricing.is_simple


def _percentage(plan: Plan | None, raw: dict[str, Any]) -> Decimal:
    given = (raw.get("plan") or {}).get("tax_percentage")
    if given not in (None, ""):
        return Decimal(str(given))
    return (plan.tax_percentage if plan else None) or Decimal(0)


def _percentage_of_addon(situation: Situation, code: str, of_plan: Decimal) -> Decimal:
    """Return the tax of a running addon, which the catalogue tells; one that left it goes with the plan."""
    addon = situation.catalogue.addons.get(code)
    return of_plan if addon is None else addon.tax_percentage or Decimal(0)


def _render(
    form: ChangeForm,
    situation: Situation,
    code: str,
    estimate: Quote | None,
    *,
    status: int = 200,
    has_changed: bool = False,
) -> Response:
    plan = situation.catalogue.plans[code]
    return looking.shown(
        "subscriptions/plan_change.html",
        situation.row,
        block="estimate",
        status=status,
        form=form,
        plan=plan,
        addons={addon.code: addon for addon in situation.catalogue.addons_for(plan)},
        estimate=estimate,
        has_changed=has_changed,
        needs_page=not form.errors and _needs_page(estimate, situation, form.when.data),
    )
