"""Telling the outside what happened: events with the object as the API would show it at this moment.

Where nobody has recorded the key of a payload (`facts.md` U2) a switch says which one is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import render
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def subscription(world: World, tx: Tx, event_type: str, sub: Doc, source: str = "user") -> None:
    """An event about a subscription."""
    if not sub.get("backdated"):
        world.emit(tx, event_type, {"subscription": render.subscription(world, tx, sub)}, source)


def invoice(world: World, tx: Tx, event_type: str, doc: Doc, source: str = "user") -> None:
    """An event about an invoice."""
    if doc["date"] >= world.clock.today().isoformat() or event_type != "invoice_notification":
        data = {"invoice": render.invoice(world, tx, doc)}
        for name in _invoice_names(world, event_type):
            world.emit(tx, name, data, source)


def payment(world: World, tx: Tx, event_type: str, doc: Doc, source: str = "user") -> None:
    """Thanks for a payment, or what became of one."""
    world.emit(tx, event_type, {"payment": _paid(world, tx, doc)}, source)


def declined(world: World, tx: Tx, doc: Doc, invoice_doc: Doc, sub: Doc | None, source: str = "user") -> None:
    """A payment failed; which objects are told is switch U2."""
    wanted = world.settings.u2_payment_declined_key
    data: Doc = {}
    if wanted in ("payment", "all") or (wanted == "subscription" and sub is None):
        data["payment"] = _paid(world, tx, doc)
    if wanted in ("subscription", "all") and sub is not None:
        data["subscription"] = render.subscription(world, tx, sub)
    if wanted in ("invoice", "all"):
        data["invoice"] = render.invoice(world, tx, invoice_doc)
    world.emit(tx, "payment_declined", data, source)


def refund(world: World, tx: Tx, doc: Doc, payment_doc: Doc | None, source: str = "user") -> None:
    """Money went back."""
    if world.settings.u2_payment_refunded_key == "payment" and payment_doc is not None:
        data = {"payment": render.payment(world, tx, payment_doc)}
    else:
        data = {"refund": render.refund(world, tx, doc)}
    world.emit(tx, "payment_refunded" if payment_doc else "creditnote_refunded", data, source)


def credit_note(world: World, tx: Tx, event_type: str, doc: Doc, source: str = "user") -> None:
    """An event about a credit note."""
    world.emit(
        tx, event_type, {world.settings.u2_credit_note_key: render.credit_note(world, tx, doc)}, source
    )


def method(world: World, tx: Tx, event_type: str, doc: Doc, source: str = "user") -> None:
    """An event about a card or a bank account."""
    if doc["type"] == "card":
        data: Doc = {world.settings.u2_card_key: render.card(world, doc)}
    else:
        data = {"bank_account": render.bank_account(world, tx, doc)}
    world.emit(tx, event_type, data, source)


def unbilled(world: World, tx: Tx, event_type: str, doc: Doc, source: str = "user") -> None:
    """An event about unbilled charges."""
    world.emit(tx, event_type, {"unbilled_charge": render.unbilled_charge(world, tx, doc)}, source)


def activity(world: World, tx: Tx, subject_id: str, description: str) -> None:
    """A line of the subject's recent activities."""
    id_ = tx.next_id()
    doc = {"activity_id": id_, "description": description, "time": world.clock.stamp()}
    tx.put("activities", id_, doc, subject=subject_id)


def _paid(world: World, tx: Tx, doc: Doc) -> Doc:
    """A payment whose invoices name their subscriptions: a client of workflow webhooks reads them there
    (facts 7.5).
    """
    shown = render.payment(world, tx, doc)
    for each in shown["invoices"]:
        subscription_id = (tx.get("invoices", each["invoice_id"]) or {}).get("subscription_id")
        each["subscription_ids"] = [subscription_id] if subscription_id else []
    return shown


def _invoice_names(world: World, event_type: str) -> tuple[str, ...]:
    if event_type != "invoice_notification":
        return (event_type,)
    chosen = world.settings.invoice_event
    return ("invoice_notification", "invoice_created") if chosen == "both" else (chosen,)
