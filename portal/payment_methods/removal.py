"""Removing a card, with a guard: Zoho would delete one that subscriptions are charged to (facts.md 5.5)."""

from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response

from portal.billing import payment_method
from portal.errors import Conflict, NotFound
from portal.mirror import acting
from portal.payment_methods.room import blueprint
from portal.sync.intents import Intent
from portal.web import guard
from portal.web.acting import ActForm, NotDone, carry_out, find_earlier, new_key, onward
from portal.web.pages import page
from portal.web.reading import reading

Row = dict[str, Any]


@blueprint.get("/payment-methods/<uuid:method_id>/removal")
@guard.member("billing")
def show_removal(method_id: UUID) -> Response:
    """Say what removing it means, or why it cannot be removed."""
    method = _method(method_id)
    form = ActForm(formdata=None)
    form.key.data = new_key()
    return _show(method, form)


@blueprint.post("/payment-methods/<uuid:method_id>/removal")
@guard.member("billing")
def create_removal(method_id: UUID) -> Response:
    """Remove it, once."""
    form = ActForm()
    try:
        method = _method(method_id)
    except NotFound:
        # The first of two clicks has removed it already.
        earlier = find_earlier(form) if form.key.data else None
        if earlier is None or earlier.kind != "remove_method":
            raise
        return _onward(earlier)
    try:
        intent = carry_out(
            form,
            "remove_method",
            lambda: _demand(method),
            request={"customer_id": method["customer_zoho_id"]},
            subject_kind="payment_method",
            subject_zoho_id=method["zoho_id"],
            before={"name": payment_method.name(method)},
        )
    except NotDone as refusal:
        form.form_errors.append(refusal.message)
        form.key.data = new_key()
        return _show(method, form)
    return _onward(intent)


def _onward(intent: Intent) -> Response:
    name = (intent.before or {}).get("name", "The payment method")
    return onward(intent, f"{name} was removed.", url_for("payment_methods.list_payment_methods"))


def is_removable(method: Row) -> bool:
    """Say whether it can go: Zoho removes cards only, and nothing may hang on it."""
    return bool(method["kind"] == "card" and not method["used_by"])


def _demand(method: Row) -> None:
    if not is_removable(method):
        raise Conflict("A subscription is charged to it. Choose another way to pay for that one first.")


def _method(method_id: UUID) -> Row:
    with reading() as (conn, account):
        return acting.get_method(conn, method_id, account.id)


def _show(method: Row, form: ActForm) -> Response:
    return page(
        "payment_methods/removal.html",
        place="payment-methods",
        method=method,
        form=form,
        may=is_removable(method),
    )
