"""Acts that need nothing but a yes: one page that says what happens, one button."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.subscriptions import looking
from portal.subscriptions.looking import Row
from portal.web.acting import ActForm, NotDone, carry_out, new_key, onward


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the act's kind, its request to Zoho, the template that says what happens.

    The template extends subscriptions/question.html, whose form is sent to the page's own address or to
    ``action`` of the context.
    """

    kind: str
    template: str
    done: str
    demand: Callable[[], None]
    request: Callable[[Any], dict[str, Any]]


def ask(row: Row, question: Question, form: ActForm | None = None, **context: Any) -> Response:
    """Show the question. Raises what ``demand`` raises when the act is not open."""
    question.demand()
    return _show(row, question, form or ActForm(formdata=None), context)


def answer(row: Row, question: Question, form: ActForm | None = None, **context: Any) -> BaseResponse:
    """Carry out the yes."""
    form = form or ActForm()
    if not form.validate():
        return _show(row, question, form, context)
    try:
        intent = carry_out(
            form,
            question.kind,
            question.demand,
            request=question.request(form),
            subject_kind="subscription",
            subject_zoho_id=row["zoho_id"],
        )
    except NotDone as refusal:
        form.form_errors.append(refusal.message)
        form.key.data = ""
        return _show(row, question, form, context)
    return onward(intent, question.done, url_for("subscriptions.show", subscription_id=row["id"]))


def _show(row: Row, question: Question, form: ActForm, context: dict[str, Any]) -> Response:
    form.key.data = form.key.data or new_key()
    return looking.shown(question.template, row, form=form, **{"action": request.path, **context})
