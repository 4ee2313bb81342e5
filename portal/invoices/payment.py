"""Paying an open invoice now: with a method on file, or on the hosted page. Never twice.

The form names the amount that the person saw; when the balance has moved since, nothing is charged and
the page shows the new amount (AC-06). While a payment of this invoice is unsettled, or a bank payment is
under way, the door is shut.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField
from wtforms.validators import InputRequired

from portal.billing import payment_method
from portal.billing.invoice import paid
from portal.errors import Conflict
from portal.invoices.room import blueprint
from portal.mirror import acting, situation
from portal.mirror.situation import Situation
from portal.web import filters, guard, hosted
from portal.web.acting import ActForm, NotDone, carry_out, new_key, onward
from portal.web.pages import page
from portal.web.reading import frame, freshness, reading

NEW = "new"
_CHANGED = "The amount has changed since you opened this page. Look at the new one and confirm again."

Row = dict[str, Any]


class PaymentForm(ActForm):
    """What to pay with, and the amount that was on the page."""

    method = RadioField("Pay with", validators=[InputRequired("Select how to pay.")])
    amount = HiddenField()


@dataclass(frozen=True, slots=True)
class Bill:
    """The invoice with the account's methods, and how things stand."""

    invoice: Row
    situation: Situation

    @property
    def methods(self) -> list[Row]:
        """Return what can be charged: an expired card would only be declined."""
        today = self.situation.today
        usable = [one for one in self.invoice["methods"] if one["kind"] in ("card", "bank_account")]
        return [one for one in usable if payment_method.word(one, today).tone != "bad"]

    @property
    def amount(self) -> str:
        """Return the balance as the form carries it."""
        return f"{self.invoice['balance']:f}"


@blueprint.get("/invoices/<uuid:invoice_id>/payment")
@guard.member("billing")
def show_payment(invoice_id: UUID) -> Response:
    """Ask what to pay with, with the amount on the button."""
    bill = _bill(invoice_id)
    _demand(bill.invoice)
    form = _form(bill, PaymentForm(formdata=None))
    # what was not declined for this invoice before is the better guess
    untried = [one["zoho_id"] for one in bill.methods if not one["declined_on"]]
    form.method.data = untried[0] if untried else form.method.choices[0][0]
    return _show(bill, form)


@blueprint.post("/invoices/<uuid:invoice_id>/payment")
@guard.member("billing")
def create_payment(invoice_id: UUID) -> Response:
    """Charge once, or go to the hosted page."""
    bill = _bill(invoice_id)
    form = _form(bill, PaymentForm())
    if not form.validate():
        return _show(bill, form)
    if form.method.data == NEW:
        _demand(bill.invoice)
        return hosted.to_page("invoice_payment", {"invoice_zoho_id": bill.invoice["zoho_id"]}, _quoted(bill))
    return _charge(bill, form)


def _charge(bill: Bill, form: PaymentForm) -> Response:
    invoice = bill.invoice
    method = next(one for one in bill.methods if one["zoho_id"] == form.method.data)
    shown = form.amount.data

    def demand() -> None:
        _demand(invoice)
        if shown != bill.amount:
            raise Conflict(_CHANGED)

    try:
        intent = carry_out(
            form,
            "collect",
            demand,
            request={"method_zoho_id": method["zoho_id"], "method_kind": method["kind"]},
            subject_kind="invoice",
            subject_zoho_id=invoice["zoho_id"],
            before={
                "balance": bill.amount,
                "paid": f"{paid(invoice['raw']):f}",
                "subscription_zoho_ids": invoice["subscription_zoho_ids"],
            },
        )
    except NotDone as refusal:
        form.form_errors.append(f"{refusal.message.rstrip('.')}. Nothing was charged.")
        form.key.data = new_key()
        return _show(bill, form)
    # What was asked for, not what is open now: the second click finds the balance gone.
    asked = (intent.before or {}).get("balance", bill.amount)
    amount = filters.money(Decimal(asked), invoice["currency_code"])
    there = url_for("invoices.show", invoice_id=invoice["id"])
    return onward(intent, f"The payment of {amount} was accepted.", there)


def _bill(invoice_id: UUID) -> Bill:
    with reading() as (conn, account):
        return Bill(acting.get_invoice(conn, invoice_id, account.id), situation.get(conn, account.id))


def _demand(invoice: Row) -> None:
    """Refuse what cannot be paid now, and say why."""
    if invoice["live_intent"] or invoice["is_being_confirmed"]:
        raise Conflict("A payment of this invoice is still being confirmed. Please do not pay it again.")
    if invoice["ach_payment_initiated"] and invoice["balance"]:
        raise Conflict("A bank payment of this invoice is under way. There is nothing more to pay.")
    if not is_payable(invoice):
        raise Conflict("This invoice is settled. There is nothing to pay.")


def is_payable(invoice: Row) -> bool:
    """Say whether money can be paid on an invoice now."""
    is_open = invoice["balance"] > 0 and invoice["status"] not in ("void", "draft", "pending")
    return is_open and not invoice["ach_payment_initiated"] and not invoice["live_intent"]


def _form(bill: Bill, form: PaymentForm) -> PaymentForm:
    known = [(one["zoho_id"], _called(one)) for one in bill.methods]
    form.method.choices = [*known, (NEW, "Another card or bank account, entered on the secure payment page")]
    if not form.is_submitted():
        form.key.data = new_key()
        form.amount.data = bill.amount
    return form


def _called(method: Row) -> str:
    """Name the method, and whether it was declined for this very invoice."""
    name = payment_method.name(method)
    if not method["declined_on"]:
        return name
    return f"{name}, declined on {filters.day(date.fromisoformat(method['declined_on']))}"


def _quoted(bill: Bill) -> dict[str, Any]:
    invoice = bill.invoice
    name = f"Invoice {invoice['number']}"
    return {"plan_name": name, "now": bill.amount, "currency": invoice["currency_code"]}


def _show(bill: Bill, form: PaymentForm) -> Response:
    return page(
        "invoices/payment.html",
        place="invoices",
        invoice=bill.invoice,
        form=form,
        **frame(bill.situation),
        **freshness(bill.invoice["synced_at"], situation=bill.situation),
    )
