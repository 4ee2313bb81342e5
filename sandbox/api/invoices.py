"""Invoices: create, list, read (also as PDF), change, delete.

Reading and acts answer in one shape, POST and PUT in another, as Zoho's do.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sandbox import documents, fields
from sandbox.api.paging import Listing
from sandbox.api.routes import any_body, body, delete, done, get, post, put
from sandbox.api.subscriptions import activities_of
from sandbox.engine import customers, invoice_items, invoices, ledger
from sandbox.envelope import ok
from sandbox.errors import BAD_VALUE, ZohoError, bad
from sandbox.render import invoice, invoice_row, invoice_written, values
from sandbox.tx import Doc, Tx
from sandbox.world import World

SORTS = {
    "created_time": "seq",
    "number": "number",
    "invoice_number": "number",
    "date": "date",
    "invoice_date": "date",
    "due_date": "due",
    "total": "total",
    "balance": "balance",
    "customer_name": "customer_name",
}

SEARCHED = ("number", "reference_number", "customer_name")

# what this operation alone tells about a custom field
FIELD_SETTINGS = {
    "is_custom_field": True,
    "is_inherited_value": False,
    "is_mandatory": False,
    "is_mandatory_in_hp": False,
    "is_mandatory_in_sales_item": False,
    "show_in_hp": False,
    "help_text": "",
    "max_length": 255,
    "pii_type": "non_pii",
}


def _listing(world: World) -> Listing:
    today = world.clock.today().isoformat()
    unpaid = (
        {"open": 1}
        if world.settings.u20_unpaid_filter == "all_open"
        else {"open": 1, "partial": 0, "due": (">=", today)}
    )
    filters: dict[str, dict[str, Any]] = {
        "All": {},
        "Sent": {"open": 1, "due": (">=", today), "partial": 0},
        "Draft": {"state": "draft"},
        "OverDue": {"open": 1, "due": ("<", today)},
        "Paid": {"state": "open", "open": 0},
        "PartiallyPaid": {"open": 1, "partial": 1, "due": (">=", today)},
        "Void": {"state": "void"},
        "Unpaid": unpaid,
        "Pending": {"state": "pending"},
        "Viewed": {"state": "viewed"},
        "Date.PaymentExpectedDate": {},
    }
    return Listing("invoices", "Status", filters, SORTS)


@post("/invoices")
def create(world: World, tx: Tx) -> Response:
    """A new invoice by hand."""
    doc = invoice_items.create(world, tx, body(), own_number=_asked("ignore_auto_number_generation"))
    if _asked("send"):
        doc["emailed"] = True
        ledger.save_invoice(world, tx, doc)
    return ok("The invoice has been created.", 201, invoice=invoice_written(world, tx, doc))


@get("/invoices")
def listed(world: World, tx: Tx) -> Response:
    """Every invoice, filtered and searched."""
    where: dict[str, Any] = {}
    for name in ("customer_id", "subscription_id"):
        if given := request.args.get(name):
            where[name] = given
    if text := request.args.get("search_text", ""):
        known = [name for name in SEARCHED if name in tx.columns("invoices")]
        where["|".join(known) or "id"] = ("contains", text)
    found, context = _listing(world).page(tx, where)
    return ok(invoices=[invoice_row(world, tx, doc) for doc in found], page_context=context)


@get("/invoices/<invoice_id>")
def one(world: World, tx: Tx, invoice_id: str) -> Response:
    """One invoice: JSON, or with `accept=pdf` its document."""
    doc = invoices.get(tx, invoice_id)
    wanted = request.args.get("accept", "json").lower()
    if wanted not in ("json", "pdf", "html"):
        raise ZohoError(BAD_VALUE, "Invalid value passed for accept", 406)
    if wanted == "pdf":
        return documents.answer(documents.invoice_pdf(world, tx, doc), f"{doc['number']}.pdf")
    if wanted == "html":
        return Response(documents.invoice_html(world, tx, doc), mimetype="text/html")
    return ok(invoice=invoice(world, tx, doc))


@put("/invoices/<invoice_id>")
def update(world: World, tx: Tx, invoice_id: str) -> Response:
    """Change an invoice; lines that are left out are removed."""
    own = _asked("ignore_auto_number_generation")
    doc = invoice_items.update(world, tx, invoices.get(tx, invoice_id), body(), own_number=own)
    return ok("Invoice information has been updated.", invoice=invoice_written(world, tx, doc))


@delete("/invoices/<invoice_id>")
def remove(world: World, tx: Tx, invoice_id: str) -> Response:
    """Forget an invoice to which nothing was applied."""
    invoices.delete(tx, invoices.get(tx, invoice_id))
    return done("The invoice has been deleted.")


@get("/invoices/<invoice_id>/recentactivities")
def activities(world: World, tx: Tx, invoice_id: str) -> Response:
    """What was done with an invoice."""
    invoices.get(tx, invoice_id)
    return ok(activities=activities_of(tx, invoice_id))


@put("/invoices/<invoice_id>/address")
def address(world: World, tx: Tx, invoice_id: str) -> Response:
    """Other addresses on this invoice."""
    doc, asked = invoices.get(tx, invoice_id), body()
    shown: Doc = {}
    for name in ("billing_address", "shipping_address"):
        if asked.get(name) is not None:
            doc[name] = fields.kept(fields.inner(asked, name), customers.ADDRESS)
        shown[name] = values.address(doc.get(name, {}))
    ledger.save_invoice(world, tx, doc)
    return ok("Invoice address has been updated.", invoice_address=shown)


@post("/invoices/<invoice_id>/customfields")
def custom_fields(world: World, tx: Tx, invoice_id: str) -> Response:
    """Other custom fields."""
    doc = invoices.get(tx, invoice_id)
    given = fields.objects(body(), "custom_fields")
    doc["custom_fields"] = customers.custom_fields(doc.get("custom_fields", []), given)
    ledger.save_invoice(world, tx, doc)
    shown = [each | FIELD_SETTINGS for each in values.custom_fields(doc)[0]]
    return ok("Custom fields have been updated.", custom_fields=shown)


@put("/invoice/<invoice_id>/customfields")
def custom_fields_by_id(world: World, tx: Tx, invoice_id: str) -> Response:
    """The same under the singular path, with a bare list."""
    doc, given = invoices.get(tx, invoice_id), any_body()
    listed_fields = given.get("custom_fields") if isinstance(given, dict) else given
    if not isinstance(listed_fields, list) or not all(isinstance(each, dict) for each in listed_fields):
        raise bad("custom_fields")
    doc["custom_fields"] = customers.custom_fields(doc.get("custom_fields", []), listed_fields)
    ledger.save_invoice(world, tx, doc)
    return done("Custom fields have been updated.")


def _asked(name: str) -> bool:
    return request.args.get(name, "").lower() == "true"
