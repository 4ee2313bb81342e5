"""Billing something beside the term: a one-time charge, a one-time addon."""

from __future__ import annotations

from flask import Response

from sandbox import catalogue, fields
from sandbox.api.routes import body, post
from sandbox.engine import customers, extras
from sandbox.envelope import ok
from sandbox.errors import bad
from sandbox.money import text
from sandbox.render import invoice, unbilled_charge
from sandbox.tx import Doc, Tx
from sandbox.world import World

ONE = "/subscriptions/<subscription_id>"


@post(ONE + "/charge")
def charge(world: World, tx: Tx, subscription_id: str) -> Response:
    """A one-time charge."""
    asked = body()
    amount = fields.amount(asked, "amount")
    if amount is None or amount <= 0:
        raise bad("amount")
    parked = fields.flag(asked, "add_to_unbilled_charges", default=False)
    what, more = fields.string(asked, "description"), customers.item_fields(asked)
    made = extras.charge(world, tx, subscription_id, text(amount), what, more=more, parked=parked)
    return _answer(world, tx, made, "Charge has been added to the subscription.")


@post(ONE + "/buyonetimeaddon")
def buy_addon(world: World, tx: Tx, subscription_id: str) -> Response:
    """One-time addons."""
    asked = body()
    wanted = fields.objects(asked, "addons")
    if not wanted:
        raise bad("addons")
    for each in wanted:
        catalogue.sellable(tx, "addons", each.get("addon_code"))
    parked = fields.flag(asked, "add_to_unbilled_charges", default=False)
    coupon = fields.string(asked, "coupon_code")
    made = extras.buy_addons(world, tx, subscription_id, wanted, coupon=coupon, parked=parked)
    return _answer(world, tx, made, "One time addon has been purchased.")


def _answer(world: World, tx: Tx, made: Doc, message: str) -> Response:
    if "unbilled_charge_id" in made:
        return ok(message, unbilled_charge=unbilled_charge(world, tx, made), invoice={})
    return ok(message, invoice=invoice(world, tx, made))
