"""The list of subscriptions, and the page of one."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response

from portal.billing import subscription as rules
from portal.billing.statuses import RUNNING
from portal.mirror import account_pages, situation
from portal.subscriptions.possibilities import possibilities
from portal.subscriptions.room import blueprint
from portal.web import guard, paging
from portal.web.current import current_services
from portal.web.forms import query
from portal.web.pages import page
from portal.web.reading import frame, freshness, reading

PAGE_SIZE = 25

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """A change that was chosen and comes later."""

    plan_name: str
    on: date | None


@blueprint.get("/subscriptions")
@guard.member("viewer")
def list_subscriptions() -> Response:
    """List them all, newest first, also those that are over."""
    cursor = paging.parse(query("page"), paging.a_day)
    with reading() as (conn, account):
        edge = (cursor.value, cursor.id) if cursor else None
        found = account_pages.list_subscriptions(conn, account.id, edge=edge, limit=PAGE_SIZE + 1)
        how = situation.get(conn, account.id)
    shown = paging.cut(found, PAGE_SIZE, cursor, lambda row: row["created_on"] or date.min)
    return page(
        "subscriptions/list.html",
        place="overview",
        subscriptions=shown.rows,
        earlier=url_for(".list_subscriptions") if cursor else None,
        later=url_for(".list_subscriptions", page=shown.next) if shown.next else None,
        **frame(how),
        **freshness(*(row["synced_at"] for row in shown.rows), situation=how),
    )


@blueprint.get("/subscriptions/<uuid:subscription_id>")
@guard.member("viewer")
def show(subscription_id: UUID) -> Response:
    """Show what it costs, what comes next, and what can be done."""
    with reading() as (conn, account):
        row = account_pages.get_subscription(conn, subscription_id, account.id)
        how = situation.get(conn, account.id)
    return page(
        "subscriptions/show.html",
        place="overview",
        subscription=row,
        is_over=row["status"] not in RUNNING,
        step=rules.next_step(row),
        scheduled=scheduled_change(row),
        acts=possibilities(row, current_services().settings, account.role, is_closed=how.is_zoho_away),
        **frame(how),
        **freshness(row["synced_at"], situation=how),
    )


def scheduled_change(row: Row) -> ScheduledChange | None:
    """Return what a subscription changes to at the end of its term, if Zoho says that it does."""
    if not row["has_scheduled_change"]:
        return None
    plan = (row["scheduled_change"] or {}).get("plan")
    details = plan if isinstance(plan, dict) else {}
    name = details.get("name") or details.get("plan_code") or ""
    return ScheduledChange(str(name), row["current_term_ends_on"] or row["next_billing_on"])
