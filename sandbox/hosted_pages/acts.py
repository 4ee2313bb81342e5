"""What each of the seven pages does once the person has paid: one transaction, all or nothing.

`perform` raises `Declined` when the gateway refuses; the caller rolls back, so a declined try leaves no
customer, no subscription and no card behind.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox import fields
from sandbox.engine import (
    changes,
    collection,
    customers,
    extras,
    gateway,
    invoices,
    lifecycle,
    methods,
    renewals,
    subscriptions,
)
from sandbox.errors import Declined, bad, refused
from sandbox.hosted_pages.payment import Entered
from sandbox.money import dec
from sandbox.tx import Doc, Tx
from sandbox.world import World

NOT_FOR_ENGINE = (
    "redirect_url", "additional_param", "payment_gateways", "customer", "hostedpage_settings_id",
)  # fmt: skip
GATEWAYS = (
    "test_gateway", "payflow_pro", "stripe", "2checkout", "authorize_net", "payments_pro", "forte",
    "worldpay", "wepay",
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """What came of it; empty ids where a page has no such result."""

    customer_id: str
    method_id: str = ""
    subscription_id: str = ""
    invoices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """One page's work: the world to change, what the merchant asked, what the person entered."""

    world: World
    tx: Tx
    asked: Doc
    entered: Entered


def perform(kind: str, task: Task) -> Done:
    """Do what the page is for."""
    customer_id = payer(task)
    before = set(task.tx.ids("invoices", where={"customer_id": customer_id}))
    done = ACTS[kind](task, customer_id)
    fresh = [
        each for each in task.tx.ids("invoices", where={"customer_id": customer_id}) if each not in before
    ]
    return Done(done.customer_id, done.method_id, done.subscription_id, done.invoices or fresh)


def payer(task: Task) -> str:
    """The customer of the page; a `customer` object makes a new one each time, as Zoho does (facts 10.9)."""
    asked = task.asked
    if asked.get("subscription_id"):
        return str(subscriptions.get(task.tx, asked["subscription_id"])["customer_id"])
    if asked.get("invoice_id"):
        return str(invoices.get(task.tx, asked["invoice_id"])["customer_id"])
    if method_id := asked.get("card_id") or asked.get("account_id") or asked.get("paypal_id"):
        return str(methods.get(task.tx, method_id)["customer_id"])
    if asked.get("customer_id"):
        return str(customers.get(task.tx, asked["customer_id"])["customer_id"])
    made = customers.create(task.world, task.tx, fields.inner(asked, "customer"), "hosted_page")
    return str(made["customer_id"])


def _new_subscription(task: Task, customer_id: str) -> Done:
    method = _method(task, customer_id)
    body = _body(task.asked) | {"customer_id": customer_id, "auto_collect": True} | _attached(method)
    sub = subscriptions.create(task.world, task.tx, body, "user")
    _refuse_unpaid(task.tx, sub["subscription_id"])
    return Done(customer_id, method["method_id"], sub["subscription_id"])


def _update_subscription(task: Task, customer_id: str) -> Done:
    sub_id = str(task.asked["subscription_id"])
    method = _attach(task, customer_id)
    before = _open(task.tx, sub_id)
    changes.update(task.world, task.tx, sub_id, _body(task.asked), "user")
    _refuse_unpaid(task.tx, sub_id, before)
    return Done(customer_id, method["method_id"], sub_id)


def _update_card(task: Task, customer_id: str) -> Done:
    """A new method for one subscription; whether an unpaid one is charged at once is switch U8."""
    collect = fields.flag(task.asked, "auto_collect", default=True)
    method = _attach(task, customer_id, collect=collect)
    return Done(customer_id, method["method_id"], str(task.asked["subscription_id"]))


def _attach(task: Task, customer_id: str, *, collect: bool = True) -> Doc:
    """The page's subscription is charged to the page's method from now on."""
    method = _method(task, customer_id)
    lifecycle.attach_card(
        task.world, task.tx, task.asked["subscription_id"], method["method_id"], auto_collect=collect
    )
    return method


def _one_time_addon(task: Task, customer_id: str) -> Done:
    sub_id = str(task.asked["subscription_id"])
    wanted = fields.objects(task.asked, "addons")
    if not wanted:
        raise bad("addons")
    method = _attach(task, customer_id)
    coupon = fields.string(task.asked, "coupon_code")
    invoice = extras.buy_addons(task.world, task.tx, sub_id, wanted, coupon=coupon, source="user")
    _refuse_unpaid(task.tx, sub_id, _open(task.tx, sub_id) - {invoice["invoice_id"]})
    return Done(customer_id, method["method_id"], sub_id, [invoice["invoice_id"]])


def _add_method(task: Task, customer_id: str) -> Done:
    return Done(customer_id, _method(task, customer_id)["method_id"])


def _pay_invoice(task: Task, customer_id: str) -> Done:
    invoice = invoices.get(task.tx, task.asked["invoice_id"])
    if dec(invoice["balance"]) <= 0:
        raise refused("The invoice has already been paid.")
    method = _method(task, customer_id)
    collection.charge_invoice(task.world, task.tx, invoice["invoice_id"], method["method_id"])
    paid = invoices.get(task.tx, invoice["invoice_id"])
    if dec(paid["balance"]) > 0 and not paid.get("ach_payment_id"):
        raise _declined(task.tx, paid)
    renewals.after_settlement(task.world, task.tx, paid)
    return Done(customer_id, method["method_id"], paid["subscription_id"], [paid["invoice_id"]])


def _edit_method(task: Task, customer_id: str) -> Done:
    """A card keeps its id and gets a new number; a bank account is replaced by a new one."""
    old = methods.get(task.tx, task.asked.get("card_id") or task.asked.get("account_id"))
    card = task.entered.card
    if old["type"] == "card" and card:
        methods.update_card(
            task.world, task.tx, old["method_id"], card.number, card.month, card.year, name=card.holder
        )
        return Done(customer_id, old["method_id"])
    return Done(customer_id, _method(task, customer_id)["method_id"])


def _method(task: Task, customer_id: str) -> Doc:
    """The method that the person entered, or the one on file that they chose."""
    entered = task.entered
    customer = customers.get(task.tx, customer_id)
    if entered.bank and not takes_bank(customer):
        raise refused("Bank accounts are not enabled for the customer.")
    if entered.address.get("street") and not customer.get("billing_address"):
        customers.update(task.world, task.tx, customer_id, {"billing_address": entered.address})
    if entered.on_file:
        return methods.get(task.tx, entered.on_file, customer_id=customer_id)
    world = _at_gateway(task)
    if entered.card:
        card = entered.card
        return methods.add_card(
            world, task.tx, customer_id, card.number, card.month, card.year,
            name=card.holder, address=entered.address, attempt=entered.attempt,
        )  # fmt: skip
    if entered.bank:
        bank = entered.bank
        return methods.add_bank_account(
            world, task.tx, customer_id, bank.routing, bank.account, name=bank.holder, kind=bank.kind
        )
    raise bad("payment_method")


def _at_gateway(task: Task) -> World:
    """The world with the gateway that the page names; of several the last one counts (facts 4.7)."""
    named = [
        fields.string(each, "payment_gateway") for each in fields.objects(task.asked, "payment_gateways")
    ]
    if not named or named[-1] not in GATEWAYS:
        return task.world
    there = copy.copy(task.world)
    there.settings = task.world.settings.model_copy(update={"gateway": named[-1]})
    return there


def takes_bank(customer: Doc) -> bool:
    """Paying by bank is switched on or off for each customer (facts 5.3)."""
    return bool(customer.get("ach_supported", True) and customer.get("can_add_bank_account", True))


def _body(asked: Doc) -> Doc:
    return {name: value for name, value in asked.items() if name not in NOT_FOR_ENGINE}


def _attached(method: Doc) -> Doc:
    return {"card_id" if method["type"] == "card" else "account_id": method["method_id"]}


def _open(tx: Tx, subscription_id: str) -> set[str]:
    return {each["invoice_id"] for each in invoices.open_of_subscription(tx, subscription_id)}


def _refuse_unpaid(tx: Tx, subscription_id: str, before: set[str] | None = None) -> None:
    """A new invoice that is still open, with no bank payment under way, means that the charge was refused."""
    for invoice in invoices.open_of_subscription(tx, subscription_id):
        if invoice["invoice_id"] not in (before or set()) and not invoice.get("ach_payment_id"):
            raise _declined(tx, invoice)


def _declined(tx: Tx, invoice: Doc) -> Declined:
    """What the gateway said of the charge that left the invoice open."""
    where = {"customer_id": invoice["customer_id"], "status": "failure"}
    for payment in tx.find("payments", where=where, desc=True, limit=1):
        if payment.get("failed_invoice") == invoice["invoice_id"]:
            return collection.declined(payment)
    return Declined("do_not_honor", gateway.MESSAGES["do_not_honor"])


ACTS: dict[str, Callable[[Task, str], Done]] = {
    "newsubscription": _new_subscription,
    "updatesubscription": _update_subscription,
    "updatecard": _update_card,
    "buyonetimeaddon": _one_time_addon,
    "addpaymentmethod": _add_method,
    "invoicepayment": _pay_invoice,
    "updatepaymentmethod": _edit_method,
}
