"""The shop window."""

from flask import Response

from portal.billing import options
from portal.db import transaction
from portal.mirror import catalogue as mirror_catalogue
from portal.mirror import shop
from portal.mirror.catalogue import CatalogueRead
from portal.plans import offers
from portal.plans.room import blueprint
from portal.web import banners, guard
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.forms import query
from portal.web.pages import page


@blueprint.get("/plans")
@guard.member("viewer")
def list_plans() -> Response:
    """Show what is for sale, with what this account already has."""
    read, owned = _window()
    role = signed_in_account().role
    choices = offers.intervals(read.catalogue)
    wanted = query("interval")
    interval = next((one for one in choices if one.adjective == wanted), choices[0] if choices else None)
    savings = {one: offers.best_saving(read.catalogue, one) for one in choices}
    return page(
        "plans/list.html",
        place="plans",
        intervals=choices,
        interval=interval,
        savings=savings,
        shelves=offers.shelves(read.catalogue, interval, owned) if interval else [],
        as_of=read.read_at,
        is_viewer=role == "viewer",
        may_buy=role != "viewer" and not read.is_zoho_away,
        banners=[banners.away(read.read_at)] if read.is_zoho_away else [],
    )


def _window() -> tuple[CatalogueRead, list[offers.Owned]]:
    services, person, account = current_services(), signed_in_session().person, signed_in_account()
    with transaction.as_member(services.pool, person.user_id) as conn:
        read = mirror_catalogue.read(conn)
        running = shop.list_running(conn, account.id)
    products = {plan.code: plan.product for plan in read.catalogue.plans.values()}
    return read, [
        offers.Owned(
            row["id"],
            row["plan_code"],
            products.get(row["plan_code"], ""),
            may_change=options.of_subscription(row, services.settings).change_plan,
        )
        for row in running
    ]
