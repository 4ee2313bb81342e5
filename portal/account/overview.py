"""The account page, and looking at another of one's accounts."""

from uuid import UUID

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.account.room import blueprint
from portal.db.transaction import as_web
from portal.errors import NotFound
from portal.people import sessions
from portal.web import guard
from portal.web.current import current_services, signed_in_session
from portal.web.pages import page


@blueprint.get("/account")
@guard.signed_in
def show() -> Response:
    return page("account/show.html", place="account")


@blueprint.post("/account/choice")
@guard.signed_in
def switch() -> AnyResponse:
    """Look at another of one's accounts from now on, in this browser."""
    live = signed_in_session()
    try:
        wanted = UUID(request.form.get("account_id", ""))
    except ValueError:
        raise NotFound from None
    with as_web(current_services().pool, live.person.user_id) as conn:
        if not sessions.choose_account(conn, live.id, wanted):
            raise NotFound
    return redirect("/", 303)
