"""Taking money: charging a stored method for an invoice, and bank payments that settle days later."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox import dates
from sandbox.engine import announce, gateway, ledger, methods
from sandbox.errors import Declined, refused
from sandbox.money import dec, text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def charge_invoice(world: World, tx: Tx, invoice_id: str, method_id: str, source: str = "user") -> Doc:
    """Charge what is left of an invoice; the payment that comes back says `success`, `failure` or `pending`.

    A success or a failure is announced here.  Who calls decides what follows from it (dunning, a refusal).
    """
    from sandbox.engine import invoices

    invoice = invoices.get(tx, invoice_id)
    if invoice["state"] != "open" or dec(invoice["balance"]) <= 0:
        raise refused("The invoice has no balance to collect.")
    if invoice.get("ach_payment_id"):
        raise refused("A bank payment for the invoice is in progress.")
    method = methods.find(tx, method_id)
    if method is None:
        return _fail(world, tx, invoice, None, gateway.Outcome("no_payment_method"), source)
    outcome = gateway.charge(world, tx, method)
    if outcome.pending:
        return _pend(world, tx, invoice, method)
    if outcome.reason:
        return _fail(world, tx, invoice, method, outcome, source)
    payment = new_payment(world, tx, invoice, dec(invoice["balance"]), mode="autotransaction")
    payment["auto"] = auto(tx, method)
    ledger.apply_payment(world, tx, payment, invoice, dec(invoice["balance"]))
    announce.payment(world, tx, "payment_thankyou", payment, source)
    return payment


def charge_subscription(world: World, tx: Tx, sub: Doc, invoice_id: str, source: str = "user") -> Doc:
    """Charge the subscription's method; whether the customer's backup is tried after it is a switch."""
    payment = charge_invoice(world, tx, invoice_id, sub.get("method_id", ""), source)
    if payment["status"] != "failure" or world.settings.backup_method == "ignored":
        return payment
    backup = methods.backup(tx, sub["customer_id"])
    if backup is None or backup["method_id"] == sub.get("method_id"):
        return payment
    return charge_invoice(world, tx, invoice_id, backup["method_id"], source)


def new_payment(
    world: World, tx: Tx, payer: Doc, amount: Decimal, *, mode: str, status: str = "success"
) -> Doc:
    """A payment of an invoice's (or a customer's) payer, not applied to anything yet."""
    return {
        "payment_id": tx.next_id(),
        "number": tx.next_number("") if status == "success" else "",
        "customer_id": payer["customer_id"],
        "customer_name": payer.get("customer_name") or payer.get("display_name", ""),
        "currency": payer["currency"],
        "mode": mode,
        "amount": text(amount),
        "refunded": "0",
        "status": status,
        "date": world.clock.today().isoformat(),
        "reference": payer.get("number", "") if "invoice_id" in payer else "",
        "invoices": [],
        "created": world.clock.stamp(),
    }


def auto(tx: Tx, method: Doc, outcome: gateway.Outcome | None = None) -> Doc:
    """What the gateway says about its transaction."""
    made: Doc = {
        "autotransaction_id": tx.next_id(),
        "gateway": method["gateway"],
        "transaction_id": tx.next_id()[-11:],
        "method_id": method["method_id"],
        "type": method["type"],
        "last_four": method["last_four"],
    }
    if method["type"] == "card":
        made |= {"expiry_month": method["expiry_month"], "expiry_year": method["expiry_year"]}
    if outcome and outcome.reason:
        made |= {"error_code": outcome.reason, "error_message": outcome.message}
    return made


def declined(payment: Doc) -> Declined:
    """The refusal that a failed payment becomes where it may leave nothing behind."""
    auto = payment["auto"]
    return Declined(auto["error_code"], auto["error_message"], auto.get("method_id", ""))


def settle_bank_payments(world: World, tx: Tx, today: date) -> list[Doc]:
    """The job's look at pending bank payments; gives back the invoices that came out of it."""
    done = []
    for payment in tx.find("pending_payments", where={"settles": ("<=", today.isoformat())}):
        invoice = tx.get("invoices", payment["pending_invoice"])
        if invoice is None:
            tx.delete("pending_payments", payment["payment_id"])
        else:
            _settle(world, tx, payment, invoice)
            done.append(invoice)
    return done


def _settle(world: World, tx: Tx, payment: Doc, invoice: Doc) -> None:
    tx.delete("pending_payments", payment["payment_id"])
    invoice.pop("ach_payment_id", None)
    payment["date"] = world.clock.today().isoformat()
    if payment["returned"]:
        outcome = gateway.Outcome("account_returned")
        payment["status"] = "failure"
        payment["auto"] |= {"error_code": outcome.reason, "error_message": outcome.message}
        ledger.save_payment(world, tx, payment)
        ledger.save_invoice(world, tx, invoice)
        announce.declined(world, tx, payment, invoice, _subscription(tx, invoice))
        return
    payment["status"], payment["number"] = "success", tx.next_number("")
    left = min(dec(payment["amount"]), dec(invoice["balance"]))
    if left > 0 and invoice["state"] == "open":
        ledger.apply_payment(world, tx, payment, invoice, left)
    else:
        ledger.save_payment(world, tx, payment)
        ledger.save_invoice(world, tx, invoice)
    announce.payment(world, tx, "payment_thankyou", payment)


def _pend(world: World, tx: Tx, invoice: Doc, method: Doc) -> Doc:
    payment = new_payment(
        world, tx, invoice, dec(invoice["balance"]), mode="autotransaction", status="pending"
    )
    slow = method["gateway"] == "authorize_net"
    days = world.settings.ach_days if slow else world.settings.ach_days_elsewhere
    settles = dates.add(world.clock.today(), days, "days")
    payment |= {
        "auto": auto(tx, method),
        "settles": settles.isoformat(),
        "returned": method["behaviour"] == "returned",
        "pending_invoice": invoice["invoice_id"],
    }
    invoice["ach_payment_id"] = payment["payment_id"]
    ledger.save_invoice(world, tx, invoice)
    return ledger.save_payment(world, tx, payment)


def _fail(
    world: World, tx: Tx, invoice: Doc, method: Doc | None, outcome: gateway.Outcome, source: str
) -> Doc:
    payment = new_payment(
        world, tx, invoice, dec(invoice["balance"]), mode="autotransaction", status="failure"
    )
    if method:
        payment["auto"] = auto(tx, method, outcome)
    else:
        payment["auto"] = {
            "autotransaction_id": tx.next_id(),
            "gateway": world.settings.gateway,
            "transaction_id": "",
        }
        payment["auto"] |= {"error_code": outcome.reason, "error_message": outcome.message}
    payment["failed_invoice"] = invoice["invoice_id"]
    ledger.save_payment(world, tx, payment)
    announce.declined(world, tx, payment, invoice, _subscription(tx, invoice), source)
    return payment


def _subscription(tx: Tx, invoice: Doc) -> Doc | None:
    return tx.get("subscriptions", invoice["subscription_id"]) if invoice["subscription_id"] else None
