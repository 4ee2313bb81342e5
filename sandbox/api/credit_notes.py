"""Credit notes and the refunds paid from them."""

from __future__ import annotations

from flask import Response, request

from sandbox import documents, fields
from sandbox.api.invoice_actions import _recipients as recipients
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post
from sandbox.engine import credits, customers, invoice_items, invoices, ledger, renewals
from sandbox.envelope import ok
from sandbox.errors import bad, refused, unknown
from sandbox.money import precision, rounded
from sandbox.render import credit_note, refund, values
from sandbox.tx import Doc, Tx
from sandbox.world import World

LIST = Listing(
    "credit_notes",
    "Status",
    {"All": {}, "Open": {"open": 1}, "Closed": {"open": 0, "state": "open"}, "Void": {"state": "void"}},
    {"created_time": "seq", "date": "date", "creditnote_number": "number"},
)
ONE = "/creditnotes/<creditnote_id>"


@post("/creditnotes")
def create(world: World, tx: Tx) -> Response:
    """A new credit note."""
    asked = body()
    customer = customers.get(tx, asked.get("customer_id"))
    lines = invoice_items.read_lines(tx, asked, customer, "creditnote_items")
    more: Doc = fields.kept(asked, ("reference_number", "notes", "terms"))
    if day := fields.day(asked, "date"):
        more["date"] = day.isoformat()
    if fields.flag(asked, "ignore_auto_number_generation", default=False) and asked.get("creditnote_number"):
        more["number"] = fields.string(asked, "creditnote_number", longest=100)
    if asked.get("custom_fields") is not None:
        more["custom_fields"] = customers.custom_fields([], fields.objects(asked, "custom_fields"))
    doc = credits.create(world, tx, customer, lines, more=more)
    return ok("Credit note has been created.", 201, credit_note=credit_note(world, tx, doc))


@get("/creditnotes")
def listed(world: World, tx: Tx) -> Response:
    """Every credit note, or those of a customer."""
    customer_id = request.args.get("customer_id")
    found, context = LIST.page(tx, {"customer_id": customer_id} if customer_id else None)
    return ok(creditnotes=[credit_note(world, tx, doc) for doc in found], page_context=context)


@get("/creditnotes/refunds/<refund_id>")
def one_refund(world: World, tx: Tx, refund_id: str) -> Response:
    """One refund."""
    doc = tx.get("refunds", refund_id)
    if doc is None:
        raise unknown("refunds")
    return ok(refund=refund(world, tx, doc))


@get(ONE)
def one(world: World, tx: Tx, creditnote_id: str) -> Response:
    """One credit note."""
    doc = credits.get(tx, creditnote_id)
    if request.args.get("accept", "").lower() == "pdf":
        return documents.answer(documents.credit_note_pdf(world, tx, doc), f"{doc['number']}.pdf")
    return ok(credit_note=credit_note(world, tx, doc))


@delete(ONE)
def remove(world: World, tx: Tx, creditnote_id: str) -> Response:
    """Forget a credit note of which nothing was used."""
    credits.delete(world, tx, credits.get(tx, creditnote_id))
    return done("The credit note has been deleted.")


@post(ONE + "/email")
def email(world: World, tx: Tx, creditnote_id: str) -> Response:
    """Mail it."""
    credits.get(tx, creditnote_id)
    recipients(body())
    return done("Your credit note has been sent.")


@post(ONE + "/void")
def void(world: World, tx: Tx, creditnote_id: str) -> Response:
    """Void it."""
    credits.void(world, tx, credits.get(tx, creditnote_id))
    return done("The credit note has been marked as void.")


@post(ONE + "/converttoopen")
def convert_to_open(world: World, tx: Tx, creditnote_id: str) -> Response:
    """Undo voiding."""
    credits.open_again(world, tx, credits.get(tx, creditnote_id))
    return done("The status of the credit note has been changed to open.")


@post(ONE + "/invoices")
def apply(world: World, tx: Tx, creditnote_id: str) -> Response:
    """Put it on invoices of the same customer."""
    given, shown = fields.objects(body(), "invoices"), []
    if not given:
        raise bad("invoices")
    for each in given:
        note, invoice = credits.get(tx, creditnote_id), invoices.get(tx, each.get("invoice_id"))
        if note["customer_id"] != invoice["customer_id"]:
            raise refused("The invoice belongs to another customer.")
        amount = fields.amount(each, "amount_applied")
        if amount is None:
            raise bad("amount_applied")
        applied = ledger.apply_credit(world, tx, note, invoice, rounded(amount, precision(note["currency"])))
        renewals.after_settlement(world, tx, invoice)
        shown.append(
            {"invoice_id": invoice["invoice_id"], "amount_applied": values.number(world, applied["amount"])}
        )
    return ok("Credits have been applied to the invoices.", invoices=shown)


@post(ONE + "/refunds")
def refund_note(world: World, tx: Tx, creditnote_id: str) -> Response:
    """Pay out part of it."""
    asked, note = body(), credits.get(tx, creditnote_id)
    amount = fields.amount(asked, "amount")
    if amount is None:
        raise bad("amount")
    exact = rounded(amount, precision(note["currency"]))
    made = credits.refund_note(world, tx, note, exact, fields.string(asked, "description"))
    return ok("The refund has been recorded.", 201, refund=refund(world, tx, made))
