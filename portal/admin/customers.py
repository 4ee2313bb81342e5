"""Customers as the mirror has them, each value with where it came from, and reading one again."""

from uuid import UUID

import structlog
from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.admin.listing import Listing
from portal.admin.room import blueprint
from portal.admin.staff import note, reading, staff_id, wake
from portal.db.transaction import Conn
from portal.errors import NotFound
from portal.jobs import tasks
from portal.sync import staff_lists, status
from portal.web import guard
from portal.web.forms import query
from portal.web.pages import page

log = structlog.get_logger()


@blueprint.get("/admin/customers")
@guard.staff
def list_customers() -> Response:
    """Find customers by name, e-mail address or Zoho's id."""
    listing, q = Listing(), query("q", limit=100)
    with reading() as conn:
        found = staff_lists.list_customers(conn, listing.place(), q)
    customers, ways = listing.shown(found, "admin.list_customers", q=q)
    return page("admin/customers.html", "results", q=q, customers=customers, **ways)


@blueprint.get("/admin/customers/<uuid:customer_id>")
@guard.staff
def show_customer(customer_id: UUID) -> Response:
    """Show what the mirror holds of one customer."""
    with reading() as conn:
        customer = _get(conn, customer_id)
    log.info("staff read customer", user=str(staff_id()), customer=customer["zoho_id"])
    return page("admin/customer.html", customer=customer)


@blueprint.post("/admin/customers/<uuid:customer_id>/refresh")
@guard.staff
@guard.fresh
def create_refresh(customer_id: UUID) -> Response:
    """Read the customer and its belongings from Zoho again."""
    with reading() as conn:
        customer = _get(conn, customer_id)
        note(conn, "customer:refresh", "customer", customer["zoho_id"])
    zoho_id = customer["zoho_id"]
    wake(tasks.read_again, once=f"read:customer:{zoho_id}", kind="customer", zoho_id=zoho_id)
    flash("The customer is read from Zoho again. Reload in a moment.")
    return redirect(url_for("admin.show_customer", customer_id=customer_id), 303)


def _get(conn: Conn, customer_id: UUID) -> status.Row:
    found = status.find_customer(conn, customer_id)
    if found is None:
        raise NotFound
    return found
