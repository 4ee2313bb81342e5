"""Payment methods: cards and bank accounts of a customer, kept as last four digits and a behaviour."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox import dates
from sandbox.engine import announce, gateway
from sandbox.errors import Declined, bad, refused, unknown
from sandbox.fields import as_id
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

CARD_DIGITS = range(12, 20)
MONTHS = range(1, 13)


def add_card(
    world: World,
    tx: Tx,
    customer_id: str,
    number: str,
    expiry_month: int,
    expiry_year: int,
    *,
    name: str = "",
    address: Doc | None = None,
    attempt: int = 1,
) -> Doc:
    """Store a card after a verification charge that is given back; a refused one is not stored (`Declined`).

    `attempt` counts the tries with the same number, for the card that works only at the second.
    """
    digits = "".join(letter for letter in number if letter.isdigit())
    if len(digits) not in CARD_DIGITS or expiry_month not in MONTHS:
        raise bad("card_number" if expiry_month in MONTHS else "expiry_month")
    behaviour = gateway.card_behaviour(digits, name)
    method = _new(world, tx, customer_id, "card", digits[-4:], behaviour)
    first, _, last = name.partition(" ")
    method |= {"expiry_month": expiry_month, "expiry_year": expiry_year, "brand": gateway.brand(digits)}
    method |= {"first_name": first, "last_name": last, "address": address or {}}
    reason = behaviour.partition(":")[2]
    if gateway.expired(world, method):
        reason = "card_expired"
    elif behaviour == "second_try":
        reason = "processing_error" if attempt == 1 else ""
        method["charges"] = 1  # its refused first try was the verification
    if reason and world.settings.u17_test_cards == "by_number":
        raise Declined(reason, gateway.MESSAGES[reason])
    return _added(world, tx, method)


def add_bank_account(
    world: World,
    tx: Tx,
    customer_id: str,
    routing: str,
    account: str,
    *,
    name: str = "",
    kind: str = "checking",
) -> Doc:
    """Store a bank account; nothing tells now whether its payments will come through."""
    if len(routing) != len("110000000") or not routing.isdigit():
        raise bad("routing_number")
    if not account.isdigit() or len(account) not in range(4, 18):
        raise bad("account_number")
    method = _new(world, tx, customer_id, "bank", account[-4:], gateway.bank_behaviour(account))
    return _added(world, tx, method | {"holder": name, "account_type": kind})


def get(tx: Tx, method_id: object, kind: str | None = None, customer_id: str | None = None) -> Doc:
    """An active payment method; of another customer or deleted is as good as none."""
    doc = tx.get("methods", as_id(method_id))
    wrong = doc is None or doc["status"] != "active" or (kind and doc["type"] != kind)
    if doc is None or wrong or (customer_id and doc["customer_id"] != customer_id):
        raise unknown("bank_accounts" if kind == "bank" else "cards")
    return doc


def find(tx: Tx, method_id: object) -> Doc | None:
    """An active payment method, or None."""
    doc = tx.get("methods", as_id(method_id))
    return doc if doc and doc["status"] == "active" else None


def of_customer(tx: Tx, customer_id: str, kind: str | None = None) -> list[Doc]:
    """A customer's active methods, oldest first."""
    where = {"customer_id": customer_id, "status": "active"} | ({"type": kind} if kind else {})
    return tx.find("methods", where=where)


def backup(tx: Tx, customer_id: str) -> Doc | None:
    """The customer's backup method, if there is one."""
    return next((each for each in of_customer(tx, customer_id) if each.get("is_backup")), None)


def make_backup(world: World, tx: Tx, method_id: str) -> Doc:
    """Staff act: the one backup method of its customer; the primary one cannot be it."""
    chosen = get(tx, method_id)
    if chosen.get("is_primary"):
        raise refused("The primary payment method cannot be the backup.")
    for each in of_customer(tx, chosen["customer_id"]):
        save(world, tx, each | {"is_backup": each["method_id"] == method_id})
    announce.method(world, tx, "payment_method_updated", get(tx, method_id))
    return get(tx, method_id)


def update_card(
    world: World, tx: Tx, method_id: str, number: str, expiry_month: int, expiry_year: int, *, name: str = ""
) -> Doc:
    """Edit a card in place (hosted page `updatepaymentmethod`): same id, new number and expiry."""
    old = get(tx, method_id, "card")
    fresh = add_card(
        world, tx, old["customer_id"], number, expiry_month, expiry_year, name=name or _holder(old)
    )
    tx.delete("methods", fresh["method_id"])
    kept = {
        key: old[key]
        for key in ("method_id", "customer_id", "created", "is_primary", "is_backup")
        if key in old
    }
    doc = save(world, tx, fresh | kept)
    announce.method(world, tx, "payment_method_updated", doc)
    return doc


def delete(
    world: World, tx: Tx, method_id: str, kind: str | None = None, customer_id: str | None = None
) -> None:
    """Remove a method here and at the gateway.  Whether subscriptions that used it stay online, and fail to
    charge, is a switch.
    """
    from sandbox.engine import subscriptions

    doc = get(tx, method_id, kind, customer_id)
    doc["status"] = "deleted"
    save(world, tx, doc)
    if world.settings.deleted_method == "goes_offline":
        for sub in tx.find("subscriptions", where={"method_id": method_id}):
            subscriptions.save(world, tx, sub | {"method_id": "", "auto_collect": False})
    if doc["type"] == "card":
        announce.method(world, tx, "card_deleted", doc)
    announce.method(world, tx, "payment_method_deleted", doc)


def save(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a method with the day on which its expiry matters."""
    doc["updated"] = world.clock.stamp()
    tx.put(
        "methods",
        doc["method_id"],
        doc,
        customer_id=doc["customer_id"],
        type=doc["type"],
        status=doc["status"],
        notice_on=_notice_day(world, doc),
    )
    return doc


def expire(world: World, tx: Tx, method_id: str) -> Doc:
    """Staff act: the card ran out last month."""
    doc = get(tx, method_id, "card")
    last = dates.add(world.clock.today().replace(day=1), -1, "months")
    doc |= {"expiry_month": last.month, "expiry_year": last.year, "noticed": "expired"}
    save(world, tx, doc)
    announce.method(world, tx, "card_expired", doc)
    return doc


def notices(world: World, tx: Tx, today: date) -> None:
    """The job's look at cards: 15 days before the end, and the day after it."""
    for doc in tx.find("methods", where={"notice_on": ("<=", today.isoformat()), "status": "active"}):
        last = dates.month_end(doc["expiry_year"], doc["expiry_month"])
        doc["noticed"] = "expired" if today > last else "expiring"
        save(world, tx, doc)
        announce.method(world, tx, "card_expired" if today > last else "card_expiring", doc)


def _new(world: World, tx: Tx, customer_id: str, kind: str, last_four: str, behaviour: str) -> Doc:
    return {
        "method_id": tx.next_id(),
        "customer_id": customer_id,
        "type": kind,
        "status": "active",
        "last_four": last_four,
        "behaviour": behaviour,
        "gateway": world.settings.gateway,
        "created": world.clock.stamp(),
        "is_primary": not of_customer(tx, customer_id),
    }


def _added(world: World, tx: Tx, method: Doc) -> Doc:
    save(world, tx, method)
    announce.method(world, tx, "payment_method_added", method)
    return method


def _notice_day(world: World, doc: Doc) -> str:
    if doc["type"] != "card" or doc["status"] != "active" or doc.get("noticed") == "expired":
        return "9999-12-31"
    last = dates.month_end(doc["expiry_year"], doc["expiry_month"])
    ahead = -world.settings.card_expiring_days if doc.get("noticed") != "expiring" else 1
    return dates.add(last, ahead, "days").isoformat()


def _holder(doc: Doc) -> str:
    return f"{doc.get('first_name', '')} {doc.get('last_name', '')}".strip()
