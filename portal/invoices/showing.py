"""Invoices: find one, look at one, take it away as PDF, take all of them away as CSV."""

from uuid import UUID

from werkzeug.wrappers import Response

from portal.billing.details import billed_to
from portal.billing.invoice import sums
from portal.invoices import csv_export, pdf
from portal.invoices.choosing import FILTERS, ORDERS, STANDINGS, address, chosen
from portal.invoices.payment import is_payable
from portal.invoices.room import blueprint
from portal.mirror import account_pages, invoice_list, situation
from portal.mirror.invoice_list import Edge
from portal.web import guard, paging
from portal.web.current import current_services
from portal.web.forms import query
from portal.web.pages import page
from portal.web.reading import frame, freshness, reading

PAGE_SIZE = 25


@blueprint.get("/invoices")
@guard.member("viewer")
def list_invoices() -> Response:
    """List them as filtered, with sums of all that match."""
    with reading() as (conn, account):
        how = situation.get(conn, account.id)
        choice = chosen(how.today)
        cursor = paging.parse(query("page"), paging.an_amount if choice.order == "amount" else paging.a_day)
        edge = Edge(cursor.id, cursor.value, cursor.direction == "before") if cursor else None
        found = invoice_list.find_page(conn, account.id, choice, edge, PAGE_SIZE)
    shown = paging.cut(found.rows, PAGE_SIZE, cursor, lambda row: row["sort_value"])
    given = {name: query(name) for name in FILTERS if query(name)}
    return page(
        "invoices/list.html",
        "results",
        place="invoices",
        choice=choice,
        given=given,
        standings=STANDINGS,
        orders=ORDERS,
        years=found.years,
        totals=found.totals,
        invoices=shown.rows,
        earlier=address(given, shown.previous),
        later=address(given, shown.next),
        **frame(how),
        **freshness(*(row["synced_at"] for row in shown.rows), situation=how),
    )


@blueprint.get("/invoices/<uuid:invoice_id>")
@guard.member("viewer")
def show(invoice_id: UUID) -> Response:
    """Show lines, taxes, credits and payments, and what is left to pay."""
    with reading() as (conn, account):
        invoice = account_pages.get_invoice(conn, invoice_id, account.id)
        how = situation.get(conn, account.id)
    return page(
        "invoices/show.html",
        place="invoices",
        invoice=invoice,
        sums=sums(invoice),
        billed_to=billed_to(invoice["raw"]),
        may_pay=account.role != "viewer" and is_payable(invoice) and not how.is_zoho_away,
        **frame(how),
        **freshness(invoice["synced_at"], situation=how),
    )


@blueprint.get("/invoices/<uuid:invoice_id>/pdf")
@guard.member("viewer")
@guard.expensive
def download_pdf(invoice_id: UUID) -> Response:
    """Pass Zoho's PDF on."""
    with reading() as (conn, account):
        invoice = account_pages.get_invoice_name(conn, invoice_id, account.id)
    return pdf.answer(current_services().zoho, invoice)


@blueprint.get("/invoices/csv")
@guard.member("viewer")
@guard.expensive
def download_csv() -> Response:
    """Return every invoice that matches the filter, as a spreadsheet reads it."""
    with reading() as (conn, account):
        today = situation.get(conn, account.id).today
        body = csv_export.text(invoice_list.walk(conn, account.id, chosen(today)), today)
    return csv_export.answer(body)
