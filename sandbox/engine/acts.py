"""Staff acts: what people do in Zoho's own screens (and banks behind them), for `/_control/act` and the
console.

Each act reads what it needs from its request and answers with what it changed; its docstring is its manual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox import catalogue, fields, render
from sandbox.engine import (
    announce,
    changes,
    credits,
    customers,
    extras,
    gateway,
    invoices,
    ledger,
    lifecycle,
    methods,
    payments,
    renewals,
    subscriptions,
    unbilled,
)
from sandbox.errors import bad, refused
from sandbox.money import precision, rounded, text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

Act = Callable[["World", Tx, Doc], Any]


def change_price(world: World, tx: Tx, asked: Doc) -> Doc:
    """plan_code (or addon_code, or the subscription_id that alone pays it), price: what it costs from now
    on; running subscriptions keep their price.
    """
    price = fields.amount_text(asked, "price", "")
    if not price:
        raise bad("price")
    if asked.get("subscription_id"):
        return change_subscription_price(world, tx, asked)
    if asked.get("addon_code"):
        addon = catalogue.named(tx, "addons", asked["addon_code"])
        brackets = [addon["brackets"][0] | {"price": price}, *addon["brackets"][1:]]
        catalogue.save(tx, "addons", addon | {"brackets": brackets, "updated": world.clock.stamp()})
        return render.addon(world, tx, catalogue.named(tx, "addons", asked["addon_code"]))
    plan = catalogue.named(tx, "plans", asked.get("plan_code"))
    catalogue.save(tx, "plans", plan | {"price": price, "updated": world.clock.stamp()})
    return render.plan(world, tx, catalogue.named(tx, "plans", plan["code"]))


def change_subscription_price(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id, price: what the plan costs this subscription from the next term on."""
    sub = subscriptions.get(tx, asked.get("subscription_id"))
    price = fields.amount_text(asked, "price", "")
    if not price:
        raise bad("price")
    sub["plan"] |= {"price": price, "own_price": True}
    return render.subscription(world, tx, subscriptions.save(world, tx, sub))


def void_invoice(world: World, tx: Tx, asked: Doc) -> Doc:
    """invoice_id: void it; what was paid becomes the customer's credit."""
    return render.invoice(world, tx, invoices.void(world, tx, invoices.get(tx, asked.get("invoice_id"))))


def write_off(world: World, tx: Tx, asked: Doc) -> Doc:
    """invoice_id: give up what is left to pay."""
    doc = invoices.write_off(world, tx, invoices.get(tx, asked.get("invoice_id")))
    renewals.after_settlement(world, tx, doc)
    return render.invoice(world, tx, doc)


def refund(world: World, tx: Tx, asked: Doc) -> Doc:
    """payment_id (or the invoice_id that it paid), amount (all that is left if none): give money back
    through the gateway.
    """
    payment = payments.get(tx, asked.get("payment_id") or _paid_by(tx, asked))
    left = payments.refundable(payment)
    amount = rounded(fields.amount(asked, "amount", left) or left, precision(payment["currency"]))
    return render.refund(world, tx, credits.refund_payment(world, tx, payment, amount, "Refund by staff"))


def record_payment(world: World, tx: Tx, asked: Doc) -> Doc:
    """invoice_id, amount (the balance if none): a cheque arrived."""
    doc = invoices.get(tx, asked.get("invoice_id"))
    amount = fields.amount_text(asked, "amount", doc["balance"])
    body = {"customer_id": doc["customer_id"], "amount": amount, "payment_mode": "check"}
    applied = [{"invoice_id": doc["invoice_id"], "amount_applied": amount}]
    return render.payment(world, tx, payments.record(world, tx, body | {"invoices": applied}, "user"))


def cancel(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id, at_end (false if none): cancel a subscription."""
    # `cancel_at_end` is what Zoho's own call says
    at_end = fields.flag(asked, "at_end", default=fields.flag(asked, "cancel_at_end", default=False))
    id_ = fields.required(asked, "subscription_id")
    return render.subscription(world, tx, lifecycle.cancel(world, tx, id_, at_end=at_end, source="user"))


def void_payment(world: World, tx: Tx, asked: Doc) -> Doc:
    """payment_id: take an online payment back at the gateway; what it paid is open again."""
    doc = payments.get(tx, asked.get("payment_id"))
    payments.void(world, tx, doc)
    return {"voided": doc["payment_id"]}


def edit_unbilled_charge(world: World, tx: Tx, asked: Doc) -> Doc:
    """unbilled_charge_id, amount: what a parked charge comes to."""
    doc, amount = unbilled.get(tx, asked.get("unbilled_charge_id")), fields.amount(asked, "amount")
    if amount is None or (exact := rounded(amount, precision(doc["currency"]))) <= 0:
        raise bad("amount")
    return render.unbilled_charge(world, tx, unbilled.reprice(world, tx, doc, exact))


def reactivate(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id, on (now if none): undo a scheduled cancellation; or, on a later day, begin a
    cancelled subscription anew.
    """
    id_, on = fields.required(asked, "subscription_id"), fields.day(asked, "on")
    if on is not None and on > world.clock.today():
        return render.subscription(world, tx, lifecycle.schedule_reactivation(world, tx, id_, on))
    return render.subscription(world, tx, lifecycle.reactivate(world, tx, id_, source="user"))


def change_plan(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id, plan_code, quantity, end_of_term: move a subscription to another plan."""
    plan = {"plan_code": asked.get("plan_code"), "quantity": asked.get("quantity")}
    body = {"plan": plan, "end_of_term": asked.get("end_of_term")}
    sub = changes.update(world, tx, fields.required(asked, "subscription_id"), body, "user")
    return render.subscription(world, tx, sub)


def delete_subscription(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id: forget a subscription; its invoices stay."""
    id_ = fields.required(asked, "subscription_id")
    lifecycle.delete(world, tx, id_, source="user")
    return {"deleted": id_}


def edit_customer(world: World, tx: Tx, asked: Doc) -> Doc:
    """customer_id and any field of a customer, such as display_name or email: change it (no event tells
    of it).
    """
    body = {key: value for key, value in asked.items() if key not in ("kind", "customer_id")}
    return render.customer(
        world, tx, customers.update(world, tx, fields.required(asked, "customer_id"), body)
    )


def delete_customer(world: World, tx: Tx, asked: Doc) -> Doc:
    """customer_id, force (false if none): forget a customer; with force also everything that was billed."""
    id_ = fields.required(asked, "customer_id")
    if fields.flag(asked, "force", default=False):
        for kind in (*customers.BILLED, "refunds", "pending_payments"):
            for each in tx.ids(kind, where={"customer_id": id_}):
                tx.delete(kind, each)
    customers.delete(tx, id_)
    return {"deleted": id_}


def merge_customers(world: World, tx: Tx, asked: Doc) -> Doc:
    """customer_id, into: everything of a customer becomes the other's, and the first is gone."""
    into = customers.merge(tx, fields.required(asked, "customer_id"), fields.required(asked, "into"))
    return render.customer(world, tx, into)


def expire_card(world: World, tx: Tx, asked: Doc) -> Doc:
    """card_id (or the subscription_id or customer_id that it belongs to): the card ran out at the end of
    last month.
    """
    return render.card(
        world, methods.expire(world, tx, _method_id(tx, asked, "card") or fields.required(asked, "card_id"))
    )


def delete_card(world: World, tx: Tx, asked: Doc) -> Doc:
    """card_id or account_id (or the subscription_id or customer_id that it belongs to): remove a payment
    method.
    """
    id_ = _method_id(tx, asked) or fields.required(asked, "card_id")
    methods.delete(world, tx, id_)
    return {"deleted": id_}


def make_backup(world: World, tx: Tx, asked: Doc) -> Doc:
    """card_id (or account_id): the method that a customer has in reserve."""
    id_ = fields.string(asked, "card_id") or fields.required(asked, "account_id")
    doc = methods.make_backup(world, tx, id_)
    return render.card(world, doc) if doc["type"] == "card" else render.bank_account(world, tx, doc)


def next_charge_declines(world: World, tx: Tx, asked: Doc) -> Doc:
    """Reason (do_not_honor if none), card_id, account_id, subscription_id or customer_id (anybody's if
    none): refuse the next charge, once.
    """
    reason = fields.choice(asked, "reason", tuple(gateway.MESSAGES), "do_not_honor")
    if method_id := _method_id(tx, asked):
        doc = methods.get(tx, method_id)
        methods.save(world, tx, doc | {"next_decline": reason})
    else:
        tx.set_meta("next_charge_declines", reason)
    return {"reason": reason, "card_id": method_id}


def charge(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id, amount, description: a one-time charge."""
    amount = fields.amount(asked, "amount")
    if amount is None:
        raise bad("amount")
    id_, what = (
        fields.required(asked, "subscription_id"),
        fields.string(asked, "description", "Charge by staff"),
    )
    return render.invoice(world, tx, extras.charge(world, tx, id_, text(amount), what, source="user"))


def pause(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id: pause it today."""
    id_ = fields.required(asked, "subscription_id")
    return render.subscription(world, tx, lifecycle.pause(world, tx, id_, world.clock.today(), source="user"))


def resume(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id: resume it today."""
    id_ = fields.required(asked, "subscription_id")
    return render.subscription(
        world, tx, lifecycle.resume(world, tx, id_, world.clock.today(), source="user")
    )


def mark_unpaid(world: World, tx: Tx, asked: Doc) -> Doc:
    """subscription_id: dunning is over and the subscription is marked unpaid."""
    sub = subscriptions.get(tx, asked.get("subscription_id"))
    sub["status"] = "unpaid"
    sub.pop("dunning", None)
    subscriptions.save(world, tx, sub)
    announce.subscription(world, tx, "subscription_unpaid", sub)
    return render.subscription(world, tx, sub)


def edit_invoice(world: World, tx: Tx, asked: Doc) -> Doc:
    """invoice_id, due_date: move an invoice's due date."""
    doc, due = invoices.get(tx, asked.get("invoice_id")), fields.day(asked, "due_date")
    if due is None:
        raise bad("due_date")
    doc["due"] = due.isoformat()
    ledger.save_invoice(world, tx, doc)
    announce.invoice(world, tx, "invoice_updated", doc)
    return render.invoice(world, tx, doc)


def _method_id(tx: Tx, asked: Doc, kind: str | None = None) -> str:
    """The payment method that is meant: by its own id, or by whose it is; empty when nothing names one."""
    if named := fields.string(asked, "card_id") or fields.string(asked, "account_id"):
        return named
    if subscription_id := fields.string(asked, "subscription_id"):
        method = methods.find(tx, subscriptions.get(tx, subscription_id).get("method_id"))
    elif customer_id := fields.string(asked, "customer_id"):
        own = methods.of_customer(tx, customers.get(tx, customer_id)["customer_id"], kind)
        method = next(iter(sorted(own, key=lambda each: not each.get("is_primary"))), None)
    else:
        return ""
    if method is None:
        raise refused(gateway.MESSAGES["no_payment_method"])
    return str(method["method_id"])


def _paid_by(tx: Tx, asked: Doc) -> str:
    """The latest payment of an invoice of which something can still be given back."""
    paid = invoices.get(tx, fields.required(asked, "invoice_id"))["payments"]
    docs = [payments.get(tx, each["payment_id"]) for each in reversed(paid)]
    left = [
        doc["payment_id"] for doc in docs if doc["mode"] == "autotransaction" and payments.refundable(doc)
    ]
    if not left:
        raise refused("No online payment of the invoice is left to refund.")
    return str(left[0])


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        change_price,
        change_subscription_price,
        void_invoice,
        write_off,
        refund,
        record_payment,
        void_payment,
        edit_unbilled_charge,
        cancel,
        reactivate,
        change_plan,
        delete_subscription,
        edit_customer,
        delete_customer,
        merge_customers,
        expire_card,
        delete_card,
        make_backup,
        next_charge_declines,
        charge,
        pause,
        resume,
        mark_unpaid,
        edit_invoice,
    )
}
