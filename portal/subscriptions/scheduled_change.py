"""A change that waits for the end of the term: what it is, and dropping it."""

from typing import Any
from uuid import UUID

from flask import Response, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.subscriptions import looking
from portal.subscriptions.confirming import Question, answer, ask
from portal.subscriptions.looking import Row
from portal.subscriptions.room import blueprint
from portal.subscriptions.showing import scheduled_change
from portal.web import guard


@blueprint.get("/subscriptions/<uuid:subscription_id>/scheduled-change")
@guard.member("billing")
def show_scheduled_change(subscription_id: UUID) -> Response:
    row = looking.own(subscription_id)
    return ask(row, _question(row), **_shown(row))


@blueprint.post("/subscriptions/<uuid:subscription_id>/scheduled-change/removal")
@guard.member("billing")
def drop_scheduled_change(subscription_id: UUID) -> BaseResponse:
    row = looking.own(subscription_id)
    return answer(row, _question(row), **_shown(row))


def _shown(row: Row) -> dict[str, Any]:
    removal = url_for("subscriptions.drop_scheduled_change", subscription_id=row["id"])
    return {"scheduled": scheduled_change(row), "action": removal}


def _question(row: Row) -> Question:
    return Question(
        kind="drop_scheduled_change",
        template="subscriptions/scheduled_change.html",
        done="The planned change is dropped. Your plan stays as it is.",
        demand=lambda: looking.demand(
            looking.options_of(row).drop_scheduled_change, row, "No change is planned for this subscription."
        ),
        request=lambda _form: {},
    )
