"""Adding and updating a card or bank account: both happen on Zoho's page, never here."""

from uuid import UUID

from werkzeug.wrappers import Response

from portal.errors import Refused
from portal.mirror import acting
from portal.payment_methods.room import blueprint
from portal.web import guard, hosted
from portal.web.reading import reading


@blueprint.post("/payment-methods")
@guard.member("billing")
def create_payment_method() -> Response:
    """Go and enter a new one."""
    return hosted.to_page("add_payment_method", {}, {"plan_name": "A new payment method"})


@blueprint.post("/payment-methods/<uuid:method_id>/update")
@guard.member("billing")
def update_payment_method(method_id: UUID) -> Response:
    """Go and bring one up to date."""
    with reading() as (conn, account):
        method = acting.get_method(conn, method_id, account.id)
    if method["kind"] not in ("card", "bank_account"):
        raise Refused("This one can only be changed where it was made. Write to us if it is wrong.")
    choice = {"method_kind": method["kind"], "method_zoho_id": method["zoho_id"]}
    return hosted.to_page("update_payment_method", choice, {"plan_name": "The new details"})
