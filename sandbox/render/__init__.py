"""From documents to Zoho's shapes.  One truth is stored; its two or three appearances are made here."""

from sandbox.render.invoices import full as invoice
from sandbox.render.invoices import row as invoice_row
from sandbox.render.invoices import written as invoice_written
from sandbox.render.items import addon, coupon, plan, product
from sandbox.render.payments import (
    bank_account,
    card,
    card_row,
    collected,
    credit_note,
    payment,
    refund,
    unbilled_charge,
)
from sandbox.render.people import customer, customer_row, person
from sandbox.render.subscriptions import full as subscription
from sandbox.render.subscriptions import row as subscription_row

__all__ = [
    "addon",
    "bank_account",
    "card",
    "card_row",
    "collected",
    "coupon",
    "credit_note",
    "customer",
    "customer_row",
    "invoice",
    "invoice_row",
    "invoice_written",
    "payment",
    "person",
    "plan",
    "product",
    "refund",
    "subscription",
    "subscription_row",
    "unbilled_charge",
]
