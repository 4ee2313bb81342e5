"""Cards and bank accounts on file, and what each pays for."""

from werkzeug.wrappers import Response

from portal.mirror import account_pages, situation
from portal.payment_methods.room import blueprint
from portal.web import guard
from portal.web.pages import page
from portal.web.reading import frame, freshness, reading


@blueprint.get("/payment-methods")
@guard.member("viewer")
def list_payment_methods() -> Response:
    """List what is on file, with warnings before a card ends."""
    with reading() as (conn, account):
        rows = account_pages.list_payment_methods(conn, account.id)
        how = situation.get(conn, account.id)
    times = [row["read_at"] or row["synced_at"] for row in rows]
    return page(
        "payment_methods/list.html",
        place="payment-methods",
        methods=[row for row in rows if row["id"]],
        may_change=account.role != "viewer" and not how.is_zoho_away,
        **frame(how),
        **freshness(*times, situation=how),
    )
