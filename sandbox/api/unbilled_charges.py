"""Unbilled charges: read, delete, make an invoice of."""

from __future__ import annotations

from flask import Response

from sandbox.api.routes import delete, done, get, post
from sandbox.engine import unbilled
from sandbox.envelope import ok
from sandbox.render import invoice, unbilled_charge
from sandbox.tx import Tx
from sandbox.world import World

ONE = "/unbilledcharges/<unbilled_charge_id>"


@get(ONE)
def one(world: World, tx: Tx, unbilled_charge_id: str) -> Response:
    """One unbilled charge."""
    return ok(unbilled_charge=unbilled_charge(world, tx, unbilled.get(tx, unbilled_charge_id)))


@delete(ONE)
def remove(world: World, tx: Tx, unbilled_charge_id: str) -> Response:
    """Forget one that was not invoiced."""
    unbilled.delete(world, tx, unbilled.get(tx, unbilled_charge_id))
    return done("The unbilled charge has been deleted.")


@post(ONE + "/createinvoice")
def create_invoice(world: World, tx: Tx, unbilled_charge_id: str) -> Response:
    """Invoice it now."""
    doc = unbilled.to_invoice(world, tx, unbilled.get(tx, unbilled_charge_id))
    return ok("An invoice has been created.", 201, invoice=invoice(world, tx, doc))
