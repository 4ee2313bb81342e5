"""Sync status: one verdict on top, then the figures, each with a way to the rows behind it."""

from werkzeug.wrappers import Response

from portal.admin import charts
from portal.admin.listing import Listing
from portal.admin.room import blueprint
from portal.admin.staff import reading
from portal.sync import staff_lists, status
from portal.web import guard
from portal.web.pages import page


@blueprint.get("/admin")
@guard.staff
def show_sync_status() -> Response:
    """Say how the synchronisation stands."""
    with reading() as conn:
        figures = status.read_figures(conn)
        counts = status.read_charts(conn)
    drawn = {
        "events": charts.draw("Events kept", "hour", counts["events"]),
        "calls": charts.draw("Calls to Zoho", "hour", counts["calls"]),
        "drift": charts.draw("Differences found", "day", counts["drift"]),
    }
    return page(
        "admin/overview.html",
        "figures",
        said=status.verdict(figures),
        figures=figures,
        charts=drawn,
    )


@blueprint.get("/admin/mail")
@guard.staff
def list_mail() -> Response:
    """List mails with what became of each."""
    listing = Listing()
    with reading() as conn:
        found = staff_lists.list_mail(conn, listing.place())
    mails, ways = listing.shown(found, "admin.list_mail")
    return page("admin/mail.html", mails=mails, **ways)
