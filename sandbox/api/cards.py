"""Cards and bank accounts: read and delete; they are only ever added on hosted pages."""

from __future__ import annotations

from flask import Response

from sandbox.api.routes import delete, done, get
from sandbox.engine import customers, methods
from sandbox.envelope import ok
from sandbox.render import bank_account, card, card_row
from sandbox.tx import Tx
from sandbox.world import World


@get("/customers/<customer_id>/cards")
def listed(world: World, tx: Tx, customer_id: str) -> Response:
    """The active cards of a customer."""
    customers.get(tx, customer_id)
    found = methods.of_customer(tx, customer_id, "card")
    return ok(cards=[card_row(world, doc) for doc in found])


@get("/customers/<customer_id>/cards/<card_id>")
def one(world: World, tx: Tx, customer_id: str, card_id: str) -> Response:
    """One card."""
    customers.get(tx, customer_id)
    return ok(card=card(world, methods.get(tx, card_id, "card", customer_id)))


@delete("/customers/<customer_id>/cards/<card_id>")
def remove(world: World, tx: Tx, customer_id: str, card_id: str) -> Response:
    """Delete a card here and at the gateway, even under a running subscription."""
    customers.get(tx, customer_id)
    methods.delete(world, tx, card_id, "card", customer_id)
    return done("The card has been deleted.")


@get("/customers/<customer_id>/bankaccounts/<account_id>")
def one_account(world: World, tx: Tx, customer_id: str, account_id: str) -> Response:
    """One bank account, in a list as the specs have it."""
    customers.get(tx, customer_id)
    doc = methods.get(tx, account_id, "bank", customer_id)
    return ok(bank_accounts=[bank_account(world, tx, doc)])
