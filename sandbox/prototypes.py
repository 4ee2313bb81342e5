"""Patterns for generated customers: the engine bills one, and its documents are turned into texts with
marks.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

from sandbox.engine import customers, lifecycle, methods, subscriptions
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

NAME, EMAIL = "Prototype Prototypesson", "prototype@prototype.example"
CARD, LAST_YEAR = "4111111111111111", 5
STATUSES = ("live", "cancelled", "non_renewing")
NUMBER = re.compile(r'"#(%\(\w+\)s)"')
# fields that a mark replaces, by kind; a mark with # stands for a bare number
MARKED: dict[str, dict[str, str]] = {
    "customers": {"number": "customer_number", "created": "created", "updated": "created"},
    "contact_persons": {"created": "created", "updated": "created"},
    "methods": {"created": "created", "updated": "updated", "charges": "#done"},
    "subscriptions": {
        "number": "subscription_number",
        "created": "created",
        "updated": "updated",
        "created_at": "first",
        "starts_at": "first",
        "anchor": "first",
        "activated_at": "first",
        "term_starts_at": "starts",
        "last_billing_at": "starts",
        "term_ends_at": "ends",
        "next_billing_at": "ends",
        "cancels_at": "ends",
        "cancelled_at": "starts",
        "index": "#index",
        "cycles_done": "#done",
    },
    "invoices": {
        "number": "invoice_number",
        "type": "kind",
        "date": "day",
        "due": "day",
        "created": "created",
        "updated": "updated",
    },
    "payments": {
        "number": "payment_number",
        "date": "day",
        "reference": "invoice_number",
        "created": "created",
        "updated": "updated",
    },
}
COLUMNS: dict[str, dict[str, str]] = {
    "subscriptions": {"due": "due", "cancelled": "starts"},
    "invoices": {"due": "day", "date": "day"},
}


class Patterns:
    """The documents of one plan as texts with marks, and their columns beside them."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        self._columns: dict[tuple[str, str], dict[str, Any]] = {}
        self._ids = {
            "customers": "customer",
            "contact_persons": "person",
            "methods": "method",
            "subscriptions": "subscription",
            "invoices": "invoice",
            "payments": "payment",
        }

    def add(self, kind: str, status: str, doc: Doc, columns: Doc, ids: dict[str, str]) -> None:
        """Turn a document of the prototype into a pattern."""
        marked = {
            name: f"#%({mark[1:]})s" if mark[0] == "#" else f"%({mark})s"
            for name, mark in MARKED[kind].items()
        }
        doc = _escaped(doc) | {name: mark for name, mark in marked.items() if name in doc}
        self._texts[kind, status] = NUMBER.sub(r"\1", _replaced(json.dumps(doc, separators=(",", ":")), ids))
        shown = {
            name: _replaced(value, ids) if isinstance(value, str) else value
            for name, value in columns.items()
        }
        own = {name: mark for name, mark in marked.items() if name in shown and mark[0] != "#"}
        own |= {name: f"%({mark})s" for name, mark in COLUMNS.get(kind, {}).items() if shown.get(name)}
        if status == "cancelled" and kind == "subscriptions":
            own["due"] = subscriptions.NEVER
        self._columns[kind, status] = shown | own

    def columns(self, kind: str) -> list[str]:
        """The columns of a kind, in order."""
        return list(self._columns[kind, "live"])

    def row(self, kind: str, status: str, marks: dict[str, str]) -> tuple[Any, ...]:
        """One document with its columns, as a bulk load takes it."""
        key = (kind, status if kind == "subscriptions" else "live")
        values = [value % marks if type(value) is str else value for value in self._columns[key].values()]
        return marks[self._ids[kind]], self._texts[key] % marks, *values


def patterns(world: World, tx: Tx, plan: str) -> Patterns:
    """Bill one customer of a plan, take its documents as patterns, and forget it again."""
    quiet = copy.copy(world)
    quiet.silent = True
    made = Patterns()
    person = {"display_name": NAME, "first_name": NAME, "email": EMAIL}
    customer = customers.create(quiet, tx, person, "user")
    id_ = customer["customer_id"]
    card = methods.add_card(quiet, tx, id_, CARD, 12, world.clock.today().year + LAST_YEAR, name=NAME)
    body = {
        "customer_id": id_,
        "card_id": card["method_id"],
        "plan": {"plan_code": plan, "exclude_trial": True},
    }
    sub = subscriptions.create(quiet, tx, body | {"plan": body["plan"] | {"exclude_setup_fee": True}}, "user")
    ids = _ids(tx, customer, card, sub)
    for kind in MARKED:
        doc, columns = _row(tx, kind, id_)
        made.add(kind, "live", doc, columns, ids)
    lifecycle.cancel(quiet, tx, sub["subscription_id"], at_end=True)
    made.add("subscriptions", "non_renewing", *_row(tx, "subscriptions", id_), ids)
    lifecycle.cancel(quiet, tx, sub["subscription_id"], at_end=False)
    made.add("subscriptions", "cancelled", *_row(tx, "subscriptions", id_), ids)
    _forget(tx, id_, sub["subscription_id"])
    return made


def _ids(tx: Tx, customer: Doc, card: Doc, sub: Doc) -> dict[str, str]:
    invoice = tx.find("invoices", where={"subscription_id": sub["subscription_id"]})[0]
    payment = tx.find("payments", where={"customer_id": customer["customer_id"]})[0]
    return {
        customer["customer_id"]: "customer",
        customer["person_id"]: "person",
        card["method_id"]: "method",
        sub["subscription_id"]: "subscription",
        invoice["invoice_id"]: "invoice",
        invoice["lines"][0]["item_id"]: "item",
        payment["payment_id"]: "payment",
        payment["invoices"][0]["id"]: "application",
        payment["auto"]["autotransaction_id"]: "auto",
        payment["auto"]["transaction_id"]: "auto",
        NAME: "name",
        EMAIL: "email",
    }


def _row(tx: Tx, kind: str, customer_id: str) -> tuple[Doc, Doc]:
    """A document of the prototype with its columns."""
    names = tx.columns(kind)
    found = [row for row in tx.rows(kind, names) if customer_id in (row[0], row[1].get("customer_id"))]
    _, doc, *values = found[-1]
    return doc, dict(zip(names, values, strict=True))


def _forget(tx: Tx, customer_id: str, subscription_id: str) -> None:
    for kind in ("invoices", "payments", "subscriptions", "methods", "contact_persons"):
        for id_ in tx.ids(kind, where={"customer_id": customer_id}):
            tx.delete(kind, id_)
    for id_ in tx.ids("activities", where={"subject": subscription_id}):
        tx.delete("activities", id_)
    tx.delete("customers", customer_id)


def _escaped(doc: Doc) -> Doc:
    made: Doc = json.loads(json.dumps(doc).replace("%", "%%"))
    return made


def _replaced(text: str, ids: dict[str, str]) -> str:
    for known, mark in ids.items():
        text = text.replace(known, f"%({mark})s")
    return text
