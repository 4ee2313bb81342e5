"""Acts on an invoice: open, void, write off, collect, credit, mail."""

from __future__ import annotations

from flask import Response, request

from sandbox import fields
from sandbox.api.routes import body, delete, done, post
from sandbox.engine import announce, collection, credits, invoice_items, invoices, ledger, methods, renewals
from sandbox.envelope import failed, ok
from sandbox.errors import GATEWAY, REFUSED, bad, refused
from sandbox.money import dec, text
from sandbox.render import collected, invoice
from sandbox.tx import Doc, Tx
from sandbox.world import World

ONE = "/invoices/<invoice_id>"


@post(ONE + "/converttoopen")
def convert_to_open(world: World, tx: Tx, invoice_id: str) -> Response:
    """Draft, pending or void becomes open."""
    invoices.open_again(world, tx, invoices.get(tx, invoice_id))
    return done("Status of the invoice has been changed to open.")


@post(ONE + "/void")
def void(world: World, tx: Tx, invoice_id: str) -> Response:
    """Void; what was paid becomes the customer's credit."""
    invoices.void(world, tx, invoices.get(tx, invoice_id), "api")
    return done("The invoice has been marked as void.")


@post(ONE + "/email")
def email(world: World, tx: Tx, invoice_id: str) -> Response:
    """Mail it (the sandbox only remembers that)."""
    doc, asked = invoices.get(tx, invoice_id), body()
    _recipients(asked)
    doc["emailed"] = True
    ledger.save_invoice(world, tx, doc)
    announce.activity(world, tx, invoice_id, "Invoice emailed.")
    return done("Your invoice has been sent.")


@post(ONE + "/collect")
def collect(world: World, tx: Tx, invoice_id: str) -> Response:
    """Charge a card or a bank account of the customer now; a refusal is stored and answered as switch U12
    says.
    """
    doc, asked = invoices.get(tx, invoice_id), body()
    kind = "card" if asked.get("card_id") else "bank"
    method_id = fields.required(asked, "card_id" if kind == "card" else "account_id")
    methods.get(tx, method_id, kind, doc["customer_id"])
    payment = collection.charge_invoice(world, tx, invoice_id, method_id, "api")
    after = invoices.get(tx, invoice_id)
    if payment["status"] == "failure" and world.settings.u12_collect_decline != "payment_200":
        told = payment["auto"]["error_message"]
        generic = world.settings.u12_collect_decline == "generic_400"
        return failed(REFUSED, "The payment could not be recorded.") if generic else failed(GATEWAY, told)
    if payment["status"] == "success":
        renewals.after_settlement(world, tx, after)
    return ok("The customer payment has been recorded.", payment=collected(world, tx, payment, after))


@post(ONE + "/writeoff")
def write_off(world: World, tx: Tx, invoice_id: str) -> Response:
    """Give up the balance."""
    doc = invoices.write_off(world, tx, invoices.get(tx, invoice_id), fields.string(body(), "reason"))
    renewals.after_settlement(world, tx, doc)
    return done("The invoice has been written off.")


@post(ONE + "/cancelwriteoff")
def cancel_write_off(world: World, tx: Tx, invoice_id: str) -> Response:
    """Ask for it again."""
    invoices.cancel_write_off(world, tx, invoices.get(tx, invoice_id))
    return done("The write off done for this invoice has been cancelled.")


@post(ONE + "/credits")
def apply_credits(world: World, tx: Tx, invoice_id: str) -> Response:
    """Use credit notes of the same customer."""
    given, shown = fields.objects(body(), "apply_creditnotes"), []
    if not given:
        raise bad("apply_creditnotes")
    for each in given:
        doc, note = invoices.get(tx, invoice_id), credits.get(tx, each.get("creditnote_id"))
        if note["customer_id"] != doc["customer_id"]:
            raise refused("The credit note belongs to another customer.")
        amount = fields.amount(each, "amount_applied")
        if amount is None:
            raise bad("amount_applied")
        applied = ledger.apply_credit(world, tx, note, doc, amount)
        shown.append(_credit(world, applied, invoice_id))
    renewals.after_settlement(world, tx, invoices.get(tx, invoice_id))
    return ok("Credits have been applied to the invoice.", apply_creditnotes=shown)


@post(ONE + "/lineitems")
def add_items(world: World, tx: Tx, invoice_id: str) -> Response:
    """More lines."""
    doc = invoice_items.add_lines(world, tx, invoices.get(tx, invoice_id), body())
    return ok("Items have been added to the invoice.", invoice=invoice(world, tx, doc))


@delete(ONE + "/lineitems/<item_id>")
def remove_item(world: World, tx: Tx, invoice_id: str, item_id: str) -> Response:
    """One line less."""
    invoice_items.remove_line(world, tx, invoices.get(tx, invoice_id), item_id)
    return done("The item has been removed from the invoice.")


@post(ONE + "/attachment")
def attach(world: World, tx: Tx, invoice_id: str) -> Response:
    """A file beside it; only its name is kept."""
    doc = invoices.get(tx, invoice_id)
    file = request.files.get("attachment")
    doc["attachment"] = (file.filename if file else None) or "attachment"
    ledger.save_invoice(world, tx, doc)
    return done("Your file has been successfully attached to the invoice.")


def _recipients(asked: Doc) -> None:
    given = asked.get("to_mail_ids")
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise bad("to_mail_ids")


def _credit(world: World, applied: Doc, invoice_id: str) -> Doc:
    from sandbox.render import values

    return {
        "creditnotes_invoice_id": applied["id"],
        "creditnote_id": applied["creditnote_id"],
        "invoice_id": invoice_id,
        "amount_applied": values.number(world, text(dec(applied["amount"]))),
        "date": applied["date"],
        "date_formatted": applied["date"],
    }
