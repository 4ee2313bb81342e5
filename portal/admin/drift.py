"""Differences that reconciliation found: look, repair, acknowledge; and reconcile now, with progress."""

from itertools import groupby, islice
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.admin.listing import Listing
from portal.admin.room import blueprint
from portal.admin.staff import note, reading, staff_id, wake
from portal.db.transaction import Conn
from portal.errors import NotFound, Refused
from portal.jobs import tasks
from portal.sync import drift, runs, staff_lists, status
from portal.sync.kinds import KINDS
from portal.web import guard
from portal.web.forms import query
from portal.web.pages import page

PAGE_SIZE = 20  # findings, each with its fields and its buttons: more than anybody repairs at a sitting


@blueprint.get("/admin/drift")
@guard.staff
def list_drift() -> Response:
    """List findings, one object with all its fields each; without a choice, those that are not repaired."""
    listing = Listing()
    standing = "all" if query("standing") == "all" else "open"
    most = (PAGE_SIZE + 1) * drift.MOST_FIELDS  # enough that no finding of the page is cut short
    with reading() as conn:
        found = staff_lists.list_drift(conn, listing.place(most), standing=standing)
    size = sum(len(list(rows)) for _, rows in islice(groupby(found, _finding), PAGE_SIZE))
    given = "all" if standing == "all" else ""
    shown, ways = listing.shown(found, "admin.list_drift", size, standing=given)
    findings = [sorted(rows, key=lambda row: row["field"]) for _, rows in groupby(shown, _finding)]
    return page("admin/drift.html", "results", findings=findings, standing=standing, **ways)


@blueprint.post("/admin/drift/<uuid:drift_id>/acknowledgement")
@guard.staff
@guard.fresh
def create_acknowledgement(drift_id: UUID) -> Response:
    """Note that somebody has seen the finding that this difference belongs to."""
    with reading() as conn:
        _get(conn, drift_id)
        drift.acknowledge(conn, drift_id, staff_id())
        note(conn, "drift:acknowledge", "drift", str(drift_id))
    flash("Noted.")
    return redirect(url_for("admin.list_drift"), 303)


@blueprint.post("/admin/drift/<uuid:drift_id>/repair")
@guard.staff
@guard.fresh
def create_repair(drift_id: UUID) -> Response:
    """Read the object from Zoho again."""
    with reading() as conn:
        row = _get(conn, drift_id)
        if row["object_kind"] not in KINDS:
            raise Refused("Reading again does not repair this. Talk to the customer, then mark it as seen.")
        note(conn, "drift:repair", row["object_kind"], row["object_zoho_id"])
    kind, zoho_id = row["object_kind"], row["object_zoho_id"]
    wake(tasks.read_again, once=f"read:{kind}:{zoho_id}", kind=kind, zoho_id=zoho_id)
    flash("The object is read from Zoho again; the difference closes when that is done.")
    return redirect(url_for("admin.list_drift"), 303)


@blueprint.get("/admin/runs")
@guard.staff
def list_runs() -> Response:
    """List reconciliations, the last first."""
    listing = Listing()
    with reading() as conn:
        found = staff_lists.list_runs(conn, listing.place())
    listed, ways = listing.shown(found, "admin.list_runs")
    return page("admin/runs.html", runs=listed, **ways)


@blueprint.get("/admin/runs/<uuid:run_id>")
@guard.staff
def show_run(run_id: UUID) -> Response:
    """Show how far a reconciliation has come; asks for itself again while it runs."""
    with reading() as conn:
        run = status.find_run(conn, run_id)
    if run is None:
        raise NotFound
    return page("admin/run.html", "progress", run=run)


@blueprint.post("/admin/runs")
@guard.staff
@guard.fresh
def create_run() -> Response:
    """Compare everything with Zoho now."""
    options = {"thorough": True} if request.form.get("thorough") else {}
    with reading() as conn:
        run_id = runs.request(conn, "full", staff_id(), options)
        if run_id is not None:
            note(conn, "run:request", "sync_run", str(run_id), **options)
    if run_id is None:
        flash("A comparison is under way already.")
        return redirect(url_for("admin.list_runs"), 303)
    wake(tasks.compare_all, once="asked:compare")
    return redirect(url_for("admin.show_run", run_id=run_id), 303)


def _finding(row: status.Row) -> tuple[Any, ...]:
    """Say what a row belongs to: what one run found of one object, whose rows stand side by side."""
    return row["object_kind"], row["object_zoho_id"], row["run_id"]


def _get(conn: Conn, drift_id: UUID) -> status.Row:
    found = status.find_drift(conn, drift_id)
    if found is None:
        raise NotFound
    return found
