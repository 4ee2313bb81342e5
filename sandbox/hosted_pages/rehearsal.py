"""What a page will charge: the act itself, done with a card that works and then rolled back.

So the amounts on the page are the ones that will be charged, whatever rules the engine follows, and a request
that could never succeed is refused when the page is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NoReturn

from sandbox import dates
from sandbox.engine import changes, customers, invoices, methods, pricing, subscriptions
from sandbox.hosted_pages import acts
from sandbox.hosted_pages.amounts import shown
from sandbox.hosted_pages.payment import Card, Entered
from sandbox.money import ZERO, dec, total
from sandbox.tx import Doc, Tx
from sandbox.world import World

NUMBER = "4242424242424242"


@dataclass(frozen=True)
class Line:
    """One line of the summary."""

    name: str
    detail: str
    amount: Decimal


@dataclass(frozen=True)
class Quote:
    """The summary beside the form."""

    customer: Doc
    currency: str
    lines: list[Line] = field(default_factory=list)
    discount: Decimal = ZERO
    coupon: str = ""
    taxes: list[Line] = field(default_factory=list)
    credits: Decimal = ZERO
    credit_left: Decimal = ZERO
    due: Decimal = ZERO
    subscription: Doc | None = None
    methods: list[Doc] = field(default_factory=list)
    invoice: str = ""
    replaces: Doc | None = None


class _Over(Exception):
    """Ends the rehearsal; carries its result past the rollback."""

    def __init__(self, quote: Quote) -> None:
        super().__init__()
        self.quote = quote


def quote(world: World, kind: str, asked: Doc) -> Quote:
    """Rehearse the page. Raises the engine's refusal for what could not be done."""
    try:
        with world.store.transaction() as tx:
            _end(_rehearse(world, tx, kind, asked))
    except _Over as over:
        return over.quote
    raise AssertionError("a rehearsal always ends by rolling back")


def _end(result: Quote) -> NoReturn:
    raise _Over(result)


def _rehearse(world: World, tx: Tx, kind: str, asked: Doc) -> Quote:
    tx.set_meta("next_charge_declines", "")
    later = dates.add(world.clock.today(), 5, "years")
    entered = Entered(card=Card(NUMBER, later.month, later.year, "Rehearsal"))
    held = _held(tx, asked)
    old = asked.get("card_id") or asked.get("account_id") if kind == "updatepaymentmethod" else None
    replaces = methods.find(tx, old)
    done = acts.perform(kind, acts.Task(world, tx, asked, entered))
    customer = customers.get(tx, done.customer_id)
    sub = _as_bought(world, tx, done.subscription_id, customer)
    summed = _summed(tx, customer, sub, [invoices.get(tx, each) for each in done.invoices], held)
    return replace(summed, replaces=replaces)


def _as_bought(world: World, tx: Tx, subscription_id: str, customer: Doc) -> Doc | None:
    """The subscription as it will be; a change for the end of the term is looked at as if it were done."""
    sub = tx.get("subscriptions", subscription_id) if subscription_id else None
    later = changes.preview(world, tx, sub) if sub else None
    if later is None:
        return sub
    sums = pricing.totals(tx, pricing.recurring(tx, later, later["currency"]), customer)
    return later | {"amount": sums["total"], "from": later["term_ends_at"]}


def _held(tx: Tx, asked: Doc) -> list[Doc]:
    """Methods that the person may choose instead of typing; the one in use comes first."""
    customer_id, used = asked.get("customer_id"), ""
    if asked.get("invoice_id"):
        invoice = invoices.get(tx, asked["invoice_id"])
        customer_id, asked = invoice["customer_id"], {"subscription_id": invoice["subscription_id"]}
    if asked.get("subscription_id"):
        sub = subscriptions.get(tx, asked["subscription_id"])
        customer_id, used = sub["customer_id"], sub.get("method_id", "")
    found = methods.of_customer(tx, customer_id) if customer_id else []
    return sorted(found, key=lambda each: each["method_id"] != used)


def _summed(tx: Tx, customer: Doc, sub: Doc | None, raised: list[Doc], held: list[Doc]) -> Quote:
    every = [each for invoice in raised for each in invoice["lines"]]
    paid = {each["payment_id"] for invoice in raised for each in invoice["payments"]}
    return Quote(
        customer=customer,
        currency=customer["currency"],
        lines=[_line(each, customer["currency"]) for each in every],
        discount=total(each["discount"] for each in every),
        coupon=next((invoice["coupon"] for invoice in raised if invoice["coupon"]), ""),
        taxes=[Line(tax["name"], "", dec(tax["amount"])) for invoice in raised for tax in invoice["taxes"]],
        credits=total(each["amount"] for invoice in raised for each in invoice["credits"]),
        credit_left=customers.unused_credits(tx, customer["customer_id"]),
        due=total(payment["amount"] for id_ in paid if (payment := tx.get("payments", id_))),
        subscription=sub,
        methods=held,
        invoice=next((invoice["number"] for invoice in raised), ""),
    )


def _line(each: Doc, currency: str) -> Line:
    count = int(each["quantity"])
    detail = f"{count} × {shown(dec(each['price']), currency)}" if count > 1 else ""
    return Line(each["name"], detail, dec(each["gross"]))
