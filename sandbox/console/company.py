"""The company: overview, customers, subscriptions, invoices, and the calls that came in."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue

from sandbox import events
from sandbox.calls import CallLog
from sandbox.console import offers
from sandbox.console.shell import PER_PAGE, page_number
from sandbox.control.state import counts, rendered
from sandbox.control.state import listed as all_of
from sandbox.engine import methods
from sandbox.store import Doc, Tx
from sandbox.supabase_auth import demo_totp_code
from sandbox.webhooks import schedule
from sandbox.world import World, current

blueprint = Blueprint("console_company", __name__, url_prefix="/console")
KINDS = {"customers": "customer", "subscriptions": "subscription", "invoices": "invoice"}
# What hangs on what: the column of the other kind that names this one.
BELOW = {
    "customers": (("subscriptions", "customer_id"), ("invoices", "customer_id")),
    "subscriptions": (("invoices", "subscription_id"),),
    "invoices": (),
}


@blueprint.get("")
def overview() -> ResponseReturnValue:
    world = current()
    with world.store.read() as tx:
        latest = tx.find(events.KIND, desc=True, limit=8) if schedule.has_any(tx, events.KIND) else []
        states = _tally(world, tx)
    log: CallLog = current_app.extensions["sandbox_calls"]
    return render_template(
        "console/overview.html",
        counts=counts(world),
        states=states,
        latest=latest,
        calls=log.newest(8),
        code=demo_totp_code(),
        settings=world.settings,
    )


@blueprint.get("/<any(customers, subscriptions, invoices):kind>")
def listed(kind: str) -> ResponseReturnValue:
    world, page = current(), page_number()
    status = request.args.get("status", "")
    with world.store.read() as tx:
        where = _states(world)[kind].get(status) if status else None
        found = tx.find(kind, where=where, desc=True, limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
        rows = [rendered(world, tx, kind, doc) for doc in found[:PER_PAGE]]
        total = tx.count(kind, where=where)
    more = len(found) > PER_PAGE
    here = {"rows": rows, "total": total, "page": page, "more": more, "status": status}
    return render_template(f"console/{kind}.html", **here)


@blueprint.get("/<any(customers, subscriptions, invoices):kind>/<subject_id>")
def shown(kind: str, subject_id: str) -> ResponseReturnValue:
    world = current()
    with world.store.read() as tx:
        doc = tx.get(kind, subject_id)
        if doc is None:
            abort(404)
        subject = rendered(world, tx, kind, doc)
        below = {name: _below(world, tx, name, column, subject_id) for name, column in BELOW[kind]}
        held = methods.of_customer(tx, subject_id) if kind == "customers" else []
    return render_template(
        f"console/{KINDS[kind]}.html",
        subject=subject,
        below=below,
        acts=offers.of(kind, subject),
        methods=[offers.method(doc) for doc in held],
    )


@blueprint.get("/catalogue")
def catalogue() -> ResponseReturnValue:
    world = current()
    with world.store.read() as tx:
        shelves = {kind: all_of(world, tx, kind, 1, PER_PAGE) for kind in ("plans", "addons", "coupons")}
    return render_template("console/catalogue.html", **shelves)


@blueprint.get("/pages")
def hosted_pages() -> ResponseReturnValue:
    world = current()
    with world.store.read() as tx:
        found = tx.find("hosted_pages", desc=True, limit=PER_PAGE)
        rows = [rendered(world, tx, "hosted_pages", doc) for doc in found]
    return render_template("console/pages.html", rows=rows)


@blueprint.get("/calls")
def calls() -> ResponseReturnValue:
    log: CallLog = current_app.extensions["sandbox_calls"]
    lane = request.args.get("lane", "")
    found = log.newest(200, lane)
    return render_template("console/calls.html", calls=found, summary=log.summary([]), lane=lane)


def _below(world: World, tx: Tx, kind: str, column: str, subject_id: str) -> list[Doc]:
    if not schedule.has_any(tx, kind):
        return []
    found = tx.find(kind, where={column: subject_id}, desc=True, limit=PER_PAGE)
    return [rendered(world, tx, kind, doc) for doc in found]


def _states(world: World) -> dict[str, dict[str, Doc]]:
    """The states that want to be seen, each as what the store is asked for."""
    today = world.clock.today().isoformat()
    seen = (
        *("live", "trial", "future", "dunning", "unpaid", "non_renewing", "paused", "cancelled"),
        *("cancelled_from_dunning", "expired", "trial_expired", "creation_failed"),
    )
    return {
        "customers": {},
        "subscriptions": {status: {"status": status} for status in seen},
        "invoices": {
            "paid": {"state": "open", "open": 0},
            "sent": {"open": 1, "partial": 0, "due": (">=", today)},
            "overdue": {"open": 1, "due": ("<", today)},
            "partially_paid": {"open": 1, "partial": 1, "due": (">=", today)},
            "void": {"state": "void"},
        },
    }


def _tally(world: World, tx: Tx) -> dict[str, dict[str, int]]:
    """How many are in each state; states that nobody is in are left out."""
    return {
        kind: {name: n for name, where in states.items() if (n := tx.count(kind, where=where))}
        for kind, states in _states(world).items()
        if schedule.has_any(tx, kind)
    }
