"""How a choice is paid: on Zoho's page, with what is on file, by invoice, or not at all.

Only the first needs the hosted page. The others are acts: recorded, sent once, looked up by their key.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wtforms import HiddenField, RadioField
from wtforms.fields import SelectChoice

from portal.billing import payment_method as words
from portal.billing.catalogue import Addon, Plan, Selection
from portal.billing.summary import Summary
from portal.errors import Refused
from portal.sync import checkouts
from portal.sync.checkouts import Attempt, hash_of
from portal.sync.intents import Intent
from portal.web.acting import carry_out
from portal.web.choosing import ChoiceForm, choice_form
from portal.web.current import current_services, signed_in_account, signed_in_session

ON_PAGE, BY_INVOICE, NOTHING_TO_PAY = "page", "invoice", "nothing"


class PurchaseForm(ChoiceForm):
    """A choice, how it is paid, and which unfinished purchase the person was told of."""

    instead_of = HiddenField()
    payment = RadioField("How do you want to pay?", validate_choice=True, default=ON_PAGE)


@dataclass(frozen=True, slots=True)
class Buyer:
    """What the account has running, what it could pay with, its unfinished purchase, and what is paid or
    asked for and not yet known to be there.
    """

    running: list[dict[str, Any]]
    methods: list[dict[str, Any]]
    under_way: dict[str, Any] | None
    unconfirmed: list[dict[str, Any]]
    # "" while there is no customer at Zoho; then it is fixed (facts.md 10, gotcha 23).
    currency: str

    def running_on(self, plan: Plan) -> dict[str, Any] | None:
        """Return the running subscription to this very plan."""
        return next((one for one in self.running if one["plan_code"] == plan.code), None)


def purchase_form(plan: Plan, addons: list[Addon], buyer: Buyer, data: Any = None) -> PurchaseForm:
    """Build the form with the ways to pay that are open to this buyer."""
    form = choice_form(PurchaseForm, plan, addons, data)
    ways = [SelectChoice(method["zoho_id"], words.name(method)) for method in buyer.methods]
    ways.append(SelectChoice(ON_PAGE, "Card or bank account, entered on the secure payment page"))
    if current_services().settings.pay_by_invoice:
        ways.append(SelectChoice(BY_INVOICE, "By invoice"))
    form.payment.choices = ways
    if data is None or form.payment.data is None:
        form.payment.data = ways[0].value
    return form


def find_left(form: PurchaseForm, buyer: Buyer, costs: Summary) -> Attempt | None:
    """Return the unfinished purchase that this one would leave; not one of this very choice on its page."""
    other = buyer.under_way
    if other is None:
        return None
    if needs_page(form, costs) and other["choice_hash"] == hash_of(form.choice().as_json()):
        return None
    return Attempt(other["id"], other["state"], other["quoted"])


def left_behind(form: PurchaseForm) -> UUID | None:
    """Return the unfinished purchase that the person leaves for this one."""
    try:
        return UUID(form.instead_of.data or "")
    except ValueError:
        return None


def needs_page(form: PurchaseForm, costs: Summary) -> bool:
    """Tell whether Zoho's page is needed: it is not for a free plan, nor where a way to pay is known."""
    return form.payment.data == ON_PAGE and not is_free(costs)


def is_free(costs: Summary) -> bool:
    """Tell whether nothing is charged, now or later."""
    return not costs.now.total and not costs.later.total


def subscribe(form: PurchaseForm, selection: Selection, buyer: Buyer, costs: Summary) -> Intent:
    """Create the subscription without a page, once. Raises NotDone with Zoho's reason."""
    account = signed_in_account()
    choice = selection.choice.as_json()
    method = next((one for one in buyer.methods if one["zoho_id"] == form.payment.data), None)
    if method is None and form.payment.data not in (BY_INVOICE, ON_PAGE):
        raise Refused("That way to pay is no longer on file. Choose another one.")

    def demand() -> None:
        demand_new(buyer, selection, on_page=False)
        person = signed_in_session().person.user_id
        checkouts.make_way(current_services(), account.id, person, left_behind(form))

    return carry_out(
        form,
        "create_subscription",
        demand,
        request={
            "choice": choice,
            "method_kind": method["kind"] if method and not is_free(costs) else "",
            "method_zoho_id": method["zoho_id"] if method and not is_free(costs) else "",
        },
        # Two tabs with the same choice are one purchase while the first is under way.
        subject_kind="purchase",
        subject_zoho_id=f"{account.id}:{hashlib.sha256(json.dumps(choice).encode()).hexdigest()[:16]}",
    )


def demand_currency(buyer: Buyer, plan: Plan) -> None:
    """Refuse a plan whose price is in another currency than the account is billed in: nobody could say it."""
    if buyer.currency and buyer.currency != plan.currency:
        raise Refused(
            f"{plan.name} is priced in {plan.currency}, and your account is billed in {buyer.currency}."
            " Choose another plan, or write to us."
        )


def demand_new(buyer: Buyer, selection: Selection, *, on_page: bool) -> None:
    """Refuse to sell the same plan twice: more of it is a change of quantity, once it is there."""
    plan = selection.plan
    if buyer.running_on(plan) is not None:
        raise Refused(f"You already have {plan.name}. To get more of it, change its quantity.")
    for one in buyer.unconfirmed:
        # The same choice through the page leads to the attempt that is being confirmed.
        is_this = on_page and one["on_page"] and one["choice"] == selection.choice.as_json()
        if one["choice"]["plan"] == plan.code and not is_this:
            raise Refused(f"Your purchase of {plan.name} is still being confirmed. Wait, then look again.")
