"""An invoice, which Zoho writes in two shapes (facts.md 6.1), and its lines.

GET answers `number`, `invoice_date`, `updated_time`; POST and PUT answer `invoice_number`, `date`,
`last_modified_time`; list rows carry both numbers. One model reads all three. A list row has no lines
and no payments: `is_complete` tells whether what was read is the whole invoice.
"""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import (
    Address,
    Amount,
    Day,
    Flag,
    Id,
    Moment,
    Number,
    Part,
    Payload,
    Raw,
    Rows,
    Sum,
    Text,
    named,
    rows_from,
)


class InvoiceLine(Part):
    zoho_id: Text = Field(default="", validation_alias=named("item_id", "line_item_id"))
    code: Text = ""
    name: Text = ""
    description: Text = ""
    product_type: Text = ""
    price: Amount = Field(default=Decimal(0), validation_alias=named("price", "rate"))
    quantity: Amount = Decimal(1)
    discount_amount: Amount = Decimal(0)
    tax_name: Text = ""
    tax_percentage: Number = None
    item_total: Amount = Decimal(0)


class InvoicePayment(Part):
    """A payment as an invoice lists it."""

    payment_zoho_id: Text = Field(default="", validation_alias="payment_id")
    mode: Text = Field(default="", validation_alias="payment_mode")
    amount: Amount = Decimal(0)
    paid_on: Day = Field(default=None, validation_alias="date")


class Invoice(Payload):
    kind: ClassVar[str] = "invoice"

    zoho_id: Id = Field(validation_alias="invoice_id")
    customer_zoho_id: Text = Field(default="", validation_alias="customer_id")
    number: Text = Field(default="", validation_alias=named("number", "invoice_number"))
    status: Text = ""
    transaction_type: Text = ""
    invoice_date: Day = Field(default=None, validation_alias=named("invoice_date", "date"))
    due_date: Day = None
    sub_total: Number = None
    tax_total: Number = None
    discount_total: Number = Field(default=None, validation_alias=named("discount_total", "discount_amount"))
    total: Sum
    balance: Sum
    payment_made: Amount = Decimal(0)
    credits_applied: Amount = Decimal(0)
    write_off_amount: Amount = Decimal(0)
    currency_code: Text = ""
    ach_payment_initiated: Flag = False
    payment_expected_on: Day = Field(default=None, validation_alias="payment_expected_date")
    subscription_zoho_ids: list[str] = Field(default=[])
    reference_number: Text = Field(default="", validation_alias=named("reference_number", "reference_id"))
    billing_address: Address = Field(default={})
    shipping_address: Address = Field(default={})
    line_rows: Rows = Field(default=[], validation_alias=named("invoice_items", "line_items"))
    tax_rows: Rows = Field(default=[], validation_alias="taxes")
    coupon_rows: Rows = Field(default=[], validation_alias="coupons")
    credit_rows: Rows = Field(default=[], validation_alias="credits")
    payment_rows: Rows = Field(default=[], validation_alias="payments")
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))
    is_complete: bool = False

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        several = [part.get("subscription_id") for part in rows_from(row.get("subscriptions"))]
        ids = [str(found) for found in several or [row.get("subscription_id")] if found]
        return {
            **row,
            "number": row.get("number") or row.get("invoice_number"),
            "subscription_zoho_ids": ids,
            "is_complete": "invoice_items" in row or "line_items" in row,
        }

    @property
    def lines(self) -> list[InvoiceLine]:
        return InvoiceLine.each(self.line_rows)

    @property
    def payments(self) -> list[InvoicePayment]:
        return InvoicePayment.each(self.payment_rows)
