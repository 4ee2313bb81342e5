"""Pausing a subscription and going on with it, where the merchant offers that (facts.md 3.6, U18)."""

from datetime import date
from uuid import UUID

from flask import Response
from werkzeug.wrappers import Response as BaseResponse
from wtforms import TextAreaField
from wtforms.validators import Length, Optional

from portal import clock
from portal.subscriptions import looking
from portal.subscriptions.confirming import Question, answer, ask
from portal.subscriptions.looking import Row
from portal.subscriptions.room import blueprint
from portal.web import guard
from portal.web.acting import ActForm


class PauseForm(ActForm):
    """Why; the pause begins at once."""

    reason = TextAreaField(
        "Why do you pause? (optional)",
        validators=[Optional(), Length(max=500, message="Use at most 500 characters.")],
    )


_NOT_PAUSED = "It is not paused, so there is nothing to resume."
_NOT_OFFERED = "It cannot be resumed here. Write to us and we do it for you."


@blueprint.get("/subscriptions/<uuid:subscription_id>/pause")
@guard.member("billing")
def show_pause(subscription_id: UUID) -> Response:
    row = looking.own(subscription_id)
    return ask(row, _pausing(row), PauseForm(formdata=None))


@blueprint.post("/subscriptions/<uuid:subscription_id>/pause")
@guard.member("billing")
def create_pause(subscription_id: UUID) -> BaseResponse:
    row = looking.own(subscription_id)
    return answer(row, _pausing(row), PauseForm())


@blueprint.get("/subscriptions/<uuid:subscription_id>/resumption")
@guard.member("billing")
def show_resumption(subscription_id: UUID) -> Response:
    row = looking.own(subscription_id)
    return ask(row, _resuming(row))


@blueprint.post("/subscriptions/<uuid:subscription_id>/resumption")
@guard.member("billing")
def create_resumption(subscription_id: UUID) -> BaseResponse:
    row = looking.own(subscription_id)
    return answer(row, _resuming(row))


def _pausing(row: Row) -> Question:
    return Question(
        kind="pause",
        template="subscriptions/pause.html",
        done="Your subscription is paused.",
        demand=lambda: looking.demand(looking.options_of(row).pause, row, "It cannot be paused now."),
        request=lambda form: {"pause_at": _today(row).isoformat(), "reason": form.reason.data or ""},
    )


def _resuming(row: Row) -> Question:
    otherwise = _NOT_OFFERED if row["status"] == "paused" else _NOT_PAUSED
    return Question(
        kind="resume",
        template="subscriptions/resumption.html",
        done="Your subscription goes on.",
        demand=lambda: looking.demand(looking.options_of(row).resume, row, otherwise),
        request=lambda _form: {"resume_at": _today(row).isoformat()},
    )


def _today(row: Row) -> date:
    """Zoho's days are days in the organisation's zone."""
    return clock.today(row["organization_zone"] or "UTC", row["organization_offset"])
