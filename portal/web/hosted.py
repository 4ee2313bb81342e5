"""The way to one of Zoho's hosted pages, for every room that needs one."""

from typing import Any
from uuid import UUID

from flask import redirect, url_for
from werkzeug.wrappers import Response

from portal.sync import checkouts
from portal.sync.checkouts import PageWish
from portal.web.current import current_services, signed_in_account, signed_in_session


def to_page(
    kind: str, choice: dict[str, Any], quoted: dict[str, Any] | None = None, instead_of: UUID | None = None
) -> Response:
    """Open the page once for this choice and go there; while it is not ready, to ours that waits for it."""
    wish = PageWish(
        kind=kind,
        account_id=signed_in_account().id,
        user_id=signed_in_session().person.user_id,
        choice=choice,
        quoted=quoted or {},
    )
    checkout = checkouts.open_page(current_services(), wish, instead_of)
    if checkout.state == "open" and checkout.hosted_page_url and not checkout.is_page_over:
        return redirect(checkout.hosted_page_url, 303)
    return redirect(url_for("plans.show_checkout", checkout_id=checkout.id), 303)
