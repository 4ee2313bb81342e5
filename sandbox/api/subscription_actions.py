"""The small acts on a subscription: dates, notes, references, people."""

from __future__ import annotations

from flask import Response

from sandbox import fields
from sandbox.api.routes import body, delete, done, get, post
from sandbox.engine import customers, lifecycle, subscriptions
from sandbox.envelope import ok
from sandbox.errors import bad, unknown
from sandbox.render import subscription
from sandbox.render.subscriptions import note, notes
from sandbox.tx import Doc, Tx
from sandbox.world import World

ONE = "/subscriptions/<subscription_id>"


@post(ONE + "/postpone")
def postpone(world: World, tx: Tx, subscription_id: str) -> Response:
    """A later billing date."""
    to = fields.day(body(), "renewal_at")
    if to is None:
        raise bad("renewal_at")
    sub = lifecycle.postpone(world, tx, subscription_id, to)
    return ok("Billing date of the subscription has been changed.", subscription=subscription(world, tx, sub))


@post(ONE + "/extend")
def extend(world: World, tx: Tx, subscription_id: str) -> Response:
    """More billing cycles."""
    cycles = fields.whole(body(), "billing_cycles", 0, least=1, most=10_000)
    sub = lifecycle.extend(world, tx, subscription_id, cycles)
    return ok("The subscription has been extended.", subscription=subscription(world, tx, sub))


@post(ONE + "/pause")
def pause(world: World, tx: Tx, subscription_id: str) -> Response:
    """Pause on a day."""
    asked = body()
    on = lifecycle.text_day(asked, "pause_at", world)
    sub = lifecycle.pause(world, tx, subscription_id, on, fields.string(asked, "reason"))
    return ok("The subscription has been paused.", subscription=subscription(world, tx, sub))


@post(ONE + "/resume")
def resume(world: World, tx: Tx, subscription_id: str) -> Response:
    """Resume on a day."""
    on = lifecycle.text_day(body(), "resume_at", world)
    sub = lifecycle.resume(world, tx, subscription_id, on)
    return ok("The subscription has been resumed.", subscription=subscription(world, tx, sub))


@post(ONE + "/autocollect")
def auto_collect(world: World, tx: Tx, subscription_id: str) -> Response:
    """Online or offline."""
    asked = body()
    if asked.get("auto_collect") is None:
        raise bad("auto_collect")
    sub = lifecycle.set_auto_collect(
        world, tx, subscription_id, fields.flag(asked, "auto_collect", default=False)
    )
    return ok("The collection mode has been updated.", subscription=subscription(world, tx, sub))


@post(ONE + "/card")
def attach_card(world: World, tx: Tx, subscription_id: str) -> Response:
    """Another card or bank account of the customer."""
    asked = body()
    method_id = fields.string(asked, "card_id") or fields.required(asked, "account_id")
    wanted = fields.flag(asked, "auto_collect", default=True)
    sub = lifecycle.attach_card(world, tx, subscription_id, method_id, auto_collect=wanted)
    return ok("Card has been associated with the subscription.", subscription=subscription(world, tx, sub))


@delete(ONE + "/card")
def detach_card(world: World, tx: Tx, subscription_id: str) -> Response:
    """No card: offline."""
    lifecycle.detach_card(world, tx, subscription_id)
    return done("Card has been removed from the subscription.")


@post(ONE + "/coupons/<path:coupon_code>")
def take_coupon(world: World, tx: Tx, subscription_id: str, coupon_code: str) -> Response:
    """A coupon for invoices to come."""
    lifecycle.take_coupon(world, tx, subscription_id, coupon_code)
    return done("The coupon has been applied to the subscription.")


@delete(ONE + "/coupons")
def drop_coupon(world: World, tx: Tx, subscription_id: str) -> Response:
    """No coupon any more."""
    lifecycle.drop_coupon(world, tx, subscription_id)
    return done("The coupon has been removed from the subscription.")


@post(ONE + "/reference")
def reference(world: World, tx: Tx, subscription_id: str) -> Response:
    """Another reference."""
    sub = subscriptions.get(tx, subscription_id)
    sub["reference_id"] = fields.string(body(), "reference_id")
    return _saved(world, tx, sub, "Reference has been updated.")


@post(ONE + "/salesperson")
def salesperson(world: World, tx: Tx, subscription_id: str) -> Response:
    """Another salesperson."""
    sub = subscriptions.get(tx, subscription_id)
    sub["salesperson"] = fields.string(body(), "salesperson_name")
    return _saved(world, tx, sub, "Salesperson has been updated.")


@post(ONE + "/contactpersons")
def contact_persons(world: World, tx: Tx, subscription_id: str) -> Response:
    """Other contact persons."""
    sub = subscriptions.get(tx, subscription_id)
    given = fields.objects(body(), "contactpersons")
    sub["persons"] = customers.persons_of(tx, sub["customer_id"], given)
    return _saved(world, tx, sub, "Contact persons have been updated.")


@post(ONE + "/customfields")
def custom_fields(world: World, tx: Tx, subscription_id: str) -> Response:
    """Other custom fields."""
    sub = subscriptions.get(tx, subscription_id)
    given = fields.objects(body(), "custom_fields")
    sub["custom_fields"] = customers.custom_fields(sub.get("custom_fields", []), given)
    subscriptions.save(world, tx, sub)
    first = sub["custom_fields"][0] if sub["custom_fields"] else {"key": "", "value": ""}
    data = {
        "customfield_id": "",
        "index": 1,
        "label": first["key"],
        "value": first["value"],
        "data_type": "string",
    }
    return ok("Custom fields have been updated.", data=data)


@post(ONE + "/lineitems/<path:code>")
def describe_item(world: World, tx: Tx, subscription_id: str, code: str) -> Response:
    """Another description of the plan or of an addon."""
    sub = subscriptions.get(tx, subscription_id)
    text = fields.string(body(), "description")
    held = [sub["plan"], *sub.get("addons", [])]
    chosen = next((each for each in held if each["code"] == code), None)
    if chosen is None:
        raise unknown("plans")
    chosen["description"] = text
    subscriptions.save(world, tx, sub)
    return done("The item description has been updated.")


@post(ONE + "/notes")
def add_note(world: World, tx: Tx, subscription_id: str) -> Response:
    """A note."""
    subscriptions.get(tx, subscription_id)
    id_ = tx.next_id()
    doc = {"note_id": id_, "description": fields.string(body(), "description"), "time": world.clock.stamp()}
    tx.put("notes", id_, doc, subscription_id=subscription_id)
    return ok("Note added.", note=note(doc) | {"notes": [note(doc)]})


@get(ONE + "/notes")
def list_notes(world: World, tx: Tx, subscription_id: str) -> Response:
    """The notes."""
    subscriptions.get(tx, subscription_id)
    return ok(notes=notes(tx, subscription_id))


@delete(ONE + "/notes/<note_id>")
def remove_note(world: World, tx: Tx, subscription_id: str, note_id: str) -> Response:
    """Forget a note."""
    subscriptions.get(tx, subscription_id)
    if note_id not in tx.ids("notes", where={"subscription_id": subscription_id}):
        raise unknown("notes")
    tx.delete("notes", note_id)
    return done("The note has been deleted.")


def _saved(world: World, tx: Tx, sub: Doc, message: str) -> Response:
    return ok(message, subscription=subscription(world, tx, subscriptions.save(world, tx, sub)))
