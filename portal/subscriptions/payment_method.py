"""Choosing which card a subscription is charged to, among those on file, or a new one at Zoho."""

from uuid import UUID

from flask import Response
from werkzeug.wrappers import Response as BaseResponse
from wtforms import RadioField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired

from portal.billing import payment_method as words
from portal.subscriptions import looking
from portal.subscriptions.confirming import Question, answer, ask
from portal.subscriptions.looking import Row
from portal.subscriptions.room import blueprint
from portal.web import guard, hosted
from portal.web.acting import ActForm

NEW = "new"
_NOT_OPEN = "How this subscription is paid cannot be changed now."


class MethodForm(ActForm):
    """A card on file, or a new one."""

    method = RadioField("Pay with", validators=[InputRequired("Select how to pay.")])


@blueprint.get("/subscriptions/<uuid:subscription_id>/payment-method")
@guard.member("billing")
def show_payment_method(subscription_id: UUID) -> Response:
    row, methods = looking.own_with_methods(subscription_id)
    form = _form(MethodForm(formdata=None), methods)
    form.method.data = row["payment_method_zoho_id"] or NEW
    return ask(row, _question(row), form)


@blueprint.post("/subscriptions/<uuid:subscription_id>/payment-method")
@guard.member("billing")
def choose_payment_method(subscription_id: UUID) -> BaseResponse:
    row, methods = looking.own_with_methods(subscription_id)
    form = _form(MethodForm(), methods)
    if form.method.data == NEW:
        looking.demand(looking.options_of(row).choose_method, row, _NOT_OPEN)
        choice = {"subscription_zoho_id": row["zoho_id"]}
        return hosted.to_page("update_card", choice, {"plan_name": row["plan_name"]})
    return answer(row, _question(row), form)


def _form(form: MethodForm, methods: list[Row]) -> MethodForm:
    # Zoho attaches cards by id; a bank account is attached on its own page (facts.md 3.6, 5.5).
    cards = [
        SelectChoice(method["zoho_id"], words.name(method)) for method in methods if method["kind"] == "card"
    ]
    other = SelectChoice(NEW, "Another card or bank account, entered on the secure payment page")
    form.method.choices = [*cards, other]
    return form


def _question(row: Row) -> Question:
    return Question(
        kind="use_method",
        template="subscriptions/payment_method.html",
        done="The subscription is charged to the chosen card from now on.",
        demand=lambda: looking.demand(looking.options_of(row).choose_method, row, _NOT_OPEN),
        request=lambda form: {"method_zoho_id": form.method.data},
    )
