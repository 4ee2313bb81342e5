"""Looking at one subscription before doing something with it."""

from typing import Any
from uuid import UUID

from flask import Response, request

from portal.billing import options
from portal.billing.options import Options
from portal.db import transaction
from portal.errors import Conflict
from portal.mirror import acting, bundle
from portal.mirror.situation import away_until
from portal.web import banners
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.pages import page

Row = dict[str, Any]


def own(subscription_id: UUID) -> Row:
    """Return the subscription of the account in sight. Raises :class:`~portal.errors.NotFound`."""
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        return acting.get_subscription(conn, subscription_id, signed_in_account().id)


def own_with_methods(subscription_id: UUID) -> tuple[Row, list[Row]]:
    """Return the subscription and what it could be paid with. Raises :class:`~portal.errors.NotFound`."""
    services, person, account = current_services(), signed_in_session().person, signed_in_account()
    with transaction.as_member(services.pool, person.user_id) as conn:
        row = acting.get_subscription(conn, subscription_id, account.id)
        return row, acting.list_methods(conn, account.id)


def options_of(row: Row) -> Options:
    """Return what may be done with it now."""
    return options.of_subscription(row, current_services().settings)


def demand(allowed: bool, row: Row, otherwise: str) -> None:
    """Refuse an act that is not open: because another is under way, or for the reason given."""
    if allowed:
        return
    if row["live_intent"]:
        raise Conflict(
            "A change to this subscription is still being confirmed. Wait a moment, then look again."
        )
    raise Conflict(otherwise)


def shown(template: str, row: Row, **context: Any) -> Response:
    """Render the page of an act on the subscription, which is closed and says so while Zoho cannot be asked.

    A form that was sent keeps its button beside its answers: it can be sent again when Zoho answers.
    """
    is_away = away_until(bundle.parse_one(row["connection"])) is not None
    return page(
        template,
        subscription=row,
        banners=[banners.away(None)] if is_away else [],
        is_closed=is_away and request.method == "GET",
        **context,
    )
