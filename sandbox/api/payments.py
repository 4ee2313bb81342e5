"""Payments and their refunds."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sandbox import fields
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.engine import credits, payments
from sandbox.envelope import ok
from sandbox.errors import bad
from sandbox.money import precision, rounded
from sandbox.render import payment, refund
from sandbox.tx import Tx
from sandbox.world import World

LIST = Listing("payments", sorts={"created_time": "seq", "date": "date", "payment_number": "seq"})


@post("/payments")
def create(world: World, tx: Tx) -> Response:
    """Record a payment; nothing is charged."""
    doc = payments.record(world, tx, body())
    return ok("The payment from the customer has been recorded.", 201, payment=payment(world, tx, doc))


@get("/payments")
def listed(world: World, tx: Tx) -> Response:
    """Every payment that succeeded or failed.  What `filter_by` may be is not known (facts 2.5): a switch
    says whether one is ignored or refused.
    """
    if request.args.get("filter_by") and world.settings.payments_filter == "refused":
        raise bad("filter_by")
    where: dict[str, Any] = {}
    if customer_id := request.args.get("customer_id"):
        where["customer_id"] = customer_id
    found, context = LIST.page(tx, where)
    return ok(payments=[payment(world, tx, doc) for doc in found], page_context=context)


@get("/payments/<payment_id>")
def one(world: World, tx: Tx, payment_id: str) -> Response:
    """One payment."""
    return ok(payment=payment(world, tx, payments.get(tx, payment_id)))


@put("/payments/<payment_id>")
def update(world: World, tx: Tx, payment_id: str) -> Response:
    """Change a payment."""
    doc = payments.update(world, tx, payment_id, body())
    return ok("The payment details have been updated.", payment=payment(world, tx, doc))


@delete("/payments/<payment_id>")
def remove(world: World, tx: Tx, payment_id: str) -> Response:
    """Forget a payment."""
    payments.delete(world, tx, payment_id)
    return done("The payment has been deleted.")


@post("/payments/<payment_id>/refunds")
def refund_payment(world: World, tx: Tx, payment_id: str) -> Response:
    """Give back part of a gateway payment."""
    asked, doc = body(), payments.get(tx, payment_id)
    amount = fields.amount(asked, "amount")
    if amount is None:
        raise bad("amount")
    exact = rounded(amount, precision(doc["currency"]))
    made = credits.refund_payment(world, tx, doc, exact, fields.string(asked, "description"))
    return ok("The refund has been recorded.", 201, refund=refund(world, tx, made))
