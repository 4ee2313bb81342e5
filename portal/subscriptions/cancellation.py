"""Cancelling a subscription, and keeping it after all."""

from uuid import UUID

from flask import Response, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import RadioField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from portal.subscriptions import looking
from portal.subscriptions.confirming import Question, answer, ask
from portal.subscriptions.looking import Row
from portal.subscriptions.room import blueprint
from portal.web import guard
from portal.web.acting import ActForm, NotDone, carry_out, new_key, onward

AT_END, NOW = "end", "now"
_NOT_OPEN = "This subscription cannot be cancelled here. Write to us if you want to end it."
_NOT_ENDING = "This subscription is not about to end, so there is nothing to undo."


class CancellationForm(ActForm):
    """When to end, and why (the reason stays with us: facts.md U10)."""

    when = RadioField("When should it end?", validators=[InputRequired("Select when it should end.")])
    reason = TextAreaField(
        "Why do you cancel? (optional)",
        validators=[Optional(), Length(max=1000, message="Use at most 1,000 characters.")],
    )


@blueprint.get("/subscriptions/<uuid:subscription_id>/cancellation")
@guard.member("billing")
@guard.fresh
def show_cancellation(subscription_id: UUID) -> Response:
    """Say what ends when, and what stays, before anything happens."""
    row = looking.own(subscription_id)
    looking.demand(looking.options_of(row).cancel, row, _NOT_OPEN)
    return _render(_form(row), row)


@blueprint.post("/subscriptions/<uuid:subscription_id>/cancellation")
@guard.member("billing")
@guard.fresh
def create_cancellation(subscription_id: UUID) -> BaseResponse:
    """Cancel, at the end of the term or now."""
    row = looking.own(subscription_id)
    form = _form(row)
    if not form.validate():
        return _render(form, row)
    try:
        intent = carry_out(
            form,
            "cancel",
            lambda: _demand(row, form.when.data),
            request={"at_end": form.when.data == AT_END, "reason": form.reason.data or ""},
            subject_kind="subscription",
            subject_zoho_id=row["zoho_id"],
        )
    except NotDone as refusal:
        form.form_errors.append(refusal.message)
        form.key.data = new_key()
        return _render(form, row)
    return onward(intent, "Your subscription is cancelled.", _back(subscription_id))


@blueprint.get("/subscriptions/<uuid:subscription_id>/cancellation/undo")
@guard.member("billing")
def show_cancellation_undo(subscription_id: UUID) -> Response:
    """Ask whether it should go on."""
    row = looking.own(subscription_id)
    return ask(row, _keeping(row))


@blueprint.post("/subscriptions/<uuid:subscription_id>/cancellation/undo")
@guard.member("billing")
def undo_cancellation(subscription_id: UUID) -> BaseResponse:
    """Let it go on."""
    row = looking.own(subscription_id)
    return answer(row, _keeping(row))


def _keeping(row: Row) -> Question:
    return Question(
        kind="reactivate",
        template="subscriptions/cancellation_undo.html",
        done="Your subscription goes on.",
        demand=lambda: looking.demand(looking.options_of(row).keep, row, _NOT_ENDING),
        request=lambda _form: {},
    )


def _form(row: Row) -> CancellationForm:
    form = CancellationForm()
    open_now = looking.options_of(row)
    choices = []
    if open_now.cancel_at_end:
        choices.append(SelectChoice(AT_END, "At the end of the paid term"))
    if open_now.cancel_now:
        choices.append(SelectChoice(NOW, "Now"))
    # A repeated sending finds the subscription already ending; it must still reach its own intent.
    form.when.choices = choices or [SelectChoice(AT_END, ""), SelectChoice(NOW, "")]
    if not form.is_submitted():
        form.key.data = new_key()
        form.when.data = choices[0].value if choices else None
    return form


def _demand(row: Row, when: str) -> None:
    may = looking.options_of(row)
    looking.demand(may.cancel_at_end if when == AT_END else may.cancel_now, row, _NOT_OPEN)


def _render(form: CancellationForm, row: Row) -> Response:
    return looking.shown("subscriptions/cancellation.html", row, form=form, may=looking.options_of(row))


def _back(subscription_id: UUID) -> str:
    return url_for("subscriptions.show", subscription_id=subscription_id)
