"""The overview: what somebody has, what they owe, what happens next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import redirect, url_for
from werkzeug.wrappers import Response

from portal.billing import payment_method
from portal.billing import subscription as rules
from portal.billing.catalogue import Catalogue, Plan
from portal.billing.subscription import NextStep
from portal.mirror import account_pages, situation
from portal.mirror import catalogue as mirror_catalogue
from portal.subscriptions.room import blueprint
from portal.web import guard
from portal.web.current import current_account, signed_in_session
from portal.web.pages import page
from portal.web.reading import frame, freshness, reading

MOST = 5
MOST_PLANS = 4

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One coming event: of which subscription, and charged to what."""

    subscription: Row
    next: NextStep
    charged_to: str


@blueprint.get("/")
@guard.signed_in
def overview() -> Response:
    """Answer the three questions people come with, then show the evidence."""
    if current_account() is None:
        return _nowhere()
    with reading() as (conn, account):
        found = account_pages.get_overview(conn, account.id)
        how = situation.get(conn, account.id)
        is_first_day = not found["subscriptions"] and not found["invoices"]
        plans = for_sale(mirror_catalogue.read(conn).catalogue) if is_first_day else []
    times = [row["synced_at"] for row in (*found["subscriptions"], *found["invoices"])]
    may_act = account.role != "viewer" and not how.is_zoho_away
    return page(
        "subscriptions/overview.html",
        place="overview",
        headline=rules.headline(found["subscriptions"]),
        may_pay=may_act,
        may_buy=may_act,
        is_viewer=account.role == "viewer",
        steps=steps(found["subscriptions"], found["methods"]),
        found=found,
        plans=plans,
        **frame(how),
        **freshness(*times, situation=how),
    )


def for_sale(catalogue: Catalogue) -> list[Plan]:
    """Return some of what can be bought, cheapest first: enough for a first look."""
    active = [plan for plan in catalogue.plans.values() if plan.is_active]
    paid = [plan.interval for plan in active if not plan.is_free]
    shortest = min(paid, key=lambda one: (one.months or 0, one.unit, one.count), default=None)
    shown = [plan for plan in active if plan.is_free or plan.interval == shortest]
    return sorted(shown, key=lambda plan: (plan.price, plan.name))[:MOST_PLANS]


def steps(subscriptions: Sequence[Row], methods: Sequence[Row]) -> list[Step]:
    """Return the next steps that have a date, soonest first."""
    by_id = {method["zoho_id"]: method for method in methods}
    dated = [
        (step.on, Step(row, step, _named(by_id.get(row["payment_method_zoho_id"]))))
        for row in subscriptions
        if (step := rules.next_step(row)).on is not None
    ]
    return [step for _, step in sorted(dated, key=lambda one: one[0])][:MOST]


def _named(method: Row | None) -> str:
    return payment_method.mention(method) if method else ""


def _nowhere() -> Response:
    """Answer somebody who is signed in and belongs to no account: staff, or a member who was removed."""
    if signed_in_session().person.is_staff:
        return redirect(url_for("admin.show_sync_status"), 303)
    return page("subscriptions/no_account.html")
