"""What is for sale, and the organisation that sells it: small lists, read as a whole.

A plan, addon or coupon that is not in its list any more is asked for by its code before it is marked as
gone: pages can shift while they are read, and an empty list must never close the shop.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from psycopg import sql

from portal import clock
from portal.db import transaction
from portal.mirror import organization, rows, taxes
from portal.mirror.rows import Row, Stamp, Written
from portal.sync import columns
from portal.zoho import errors

if TYPE_CHECKING:
    from portal.services import Services
    from portal.zoho.client import ZohoClient
    from portal.zoho.reader import Page

log = structlog.get_logger()

_MISSING = sql.SQL("""
select zoho_id, {key} as key from billing.{table} where gone_at is null and not zoho_id = any(%(found)s)
""")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One list of the catalogue. ``key`` is the column by which Zoho addresses an entry."""

    kind: str
    table: str
    key: str
    page: Callable[["ZohoClient", int], "Page[Any]"]
    fetch: Callable[["ZohoClient", str], Any]
    columns: Callable[[Any], Row]


SHELVES: tuple[Shelf, ...] = (
    Shelf(
        "product",
        "products",
        "zoho_id",
        lambda zoho, page: zoho.list_products(page),
        lambda zoho, key: zoho.fetch_product(key),
        columns.product,
    ),
    Shelf(
        "plan",
        "plans",
        "code",
        lambda zoho, page: zoho.list_plans(page),
        lambda zoho, key: zoho.fetch_plan(key),
        columns.plan,
    ),
    Shelf(
        "addon",
        "addons",
        "code",
        lambda zoho, page: zoho.list_addons(page),
        lambda zoho, key: zoho.fetch_addon(key),
        columns.addon,
    ),
    Shelf(
        "coupon",
        "coupons",
        "code",
        lambda zoho, page: zoho.list_coupons(page),
        lambda zoho, key: zoho.fetch_coupon(key),
        columns.coupon,
    ),
)


def refresh_all(services: "Services", *, source: str) -> dict[str, list[Written]]:
    """Bring organisation and catalogue level; return what was written, by kind."""
    refresh_organization(services)
    refresh_taxes(services)
    return {shelf.kind: refresh_shelf(services, shelf, source=source) for shelf in SHELVES}


def refresh_organization(services: "Services") -> None:
    """Read currency, precision and time zone of the organisation that the settings name."""
    wanted = services.settings.zoho_organization_id
    for found in services.zoho.lane("reconcile").fetch_organizations():
        if found.zoho_id == wanted:
            with transaction.as_worker(services.pool) as conn:
                organization.upsert(conn, columns.organization(found))


def refresh_taxes(services: "Services") -> None:
    """Read the tax rates. They only make estimates better, so a refusal (scope, feature) is no failure."""
    try:
        found = services.zoho.lane("reconcile").fetch_taxes()
    except (errors.Rejected, errors.Unauthorized) as refusal:
        log.warning("taxes not readable", reason=str(refusal))
        return
    with transaction.as_worker(services.pool) as conn:
        taxes.replace_all(conn, [columns.tax(one) for one in found])


def refresh_shelf(services: "Services", shelf: Shelf, *, source: str) -> list[Written]:
    """Bring one list of the catalogue level, entries that left included."""
    zoho = services.zoho.lane("reconcile")
    stamp = Stamp(source, clock.now())
    found = _read(zoho, shelf)
    missing = transaction.worker_does(services.pool, _missing(shelf), {"found": list(found)})
    gone = [row for row in missing if _has_left(zoho, shelf, row, found)]
    told = [(shelf.columns(one), replace(stamp, zoho_updated_at=one.updated_at)) for one in found.values()]
    with transaction.as_worker(services.pool) as conn:
        written = rows.upsert_list(conn, shelf.table, told)
        written += [rows.mark_gone(conn, shelf.table, row["zoho_id"], stamp) for row in gone]
    return [one for one in written if one.changed]


def _read(zoho: "ZohoClient", shelf: Shelf) -> dict[str, Any]:
    found: dict[str, Any] = {}
    page, more = 1, True
    while more:
        listed = shelf.page(zoho, page)
        found |= {model.zoho_id: model for model in listed.items}
        if listed.unreadable:
            log.warning("entries of the catalogue not readable", kind=shelf.kind, ids=listed.unreadable)
        page, more = page + 1, listed.has_more
    return found


def _has_left(zoho: "ZohoClient", shelf: Shelf, row: Row, found: dict[str, Any]) -> bool:
    try:
        model = shelf.fetch(zoho, row["key"])
    except errors.NotFound:
        return True
    except (errors.Rejected, errors.BadAnswer) as problem:
        # It stays as we know it: neither a riddle nor an unknown "no" closes the shop for the others.
        log.warning("entry not readable", kind=shelf.kind, key=row["key"], error=repr(problem))
        return False
    if model.zoho_id == row["zoho_id"]:
        found[model.zoho_id] = model
        return False
    return True  # the code belongs to another entry now


@cache
def _missing(shelf: Shelf) -> sql.Composed:
    return _MISSING.format(key=sql.Identifier(shelf.key), table=sql.Identifier(shelf.table))
