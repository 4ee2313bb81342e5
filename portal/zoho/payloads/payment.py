"""Money that moved: payments and credit notes (facts.md 5.2, 6.2)."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import (
    Amount,
    Day,
    Id,
    LastFour,
    Moment,
    Part,
    Payload,
    Raw,
    Rows,
    Sum,
    Text,
    named,
    object_from,
)


class Applied(Part):
    """The share of a payment or credit note that went to one invoice."""

    invoice_zoho_id: Text = Field(default="", validation_alias="invoice_id")
    invoice_number: Text = Field(default="", validation_alias=named("invoice_number", "number"))
    amount: Amount = Field(
        default=Decimal(0), validation_alias=named("amount_applied", "amount", "credited_amount")
    )


class GatewayCharge(Part):
    """What the payment gateway said (`autotransaction`)."""

    gateway: Text = Field(default="", validation_alias=named("payment_gateway", "gateway"))
    transaction_id: Text = Field(default="", validation_alias="gateway_transaction_id")
    error_code: Text = Field(default="", validation_alias="gateway_error_code")
    error_message: Text = Field(default="", validation_alias="gateway_error_message")
    payment_method_zoho_id: Text = Field(default="", validation_alias=named("card_id", "account_id"))
    last_four: LastFour = Field(default="", validation_alias="last_four_digits")


class Payment(Payload):
    kind: ClassVar[str] = "payment"

    zoho_id: Id = Field(validation_alias="payment_id")
    customer_zoho_id: Text = Field(default="", validation_alias="customer_id")
    number: Text = Field(default="", validation_alias="payment_number")
    mode: Text = Field(default="", validation_alias="payment_mode")
    status: Text = ""
    amount: Sum
    amount_refunded: Amount = Decimal(0)
    currency_code: Text = ""
    paid_on: Day = Field(default=None, validation_alias="date")
    reference_number: Text = ""
    charge: GatewayCharge = Field(default=GatewayCharge(), validation_alias="autotransaction")
    applied_rows: Rows = Field(default=[], validation_alias="invoices")
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        return {**row, "autotransaction": object_from(row.get("autotransaction"))}

    @property
    def applied(self) -> list[Applied]:
        return Applied.each(self.applied_rows)


class CreditNote(Payload):
    kind: ClassVar[str] = "credit_note"

    zoho_id: Id = Field(validation_alias="creditnote_id")
    customer_zoho_id: Text = Field(default="", validation_alias="customer_id")
    number: Text = Field(default="", validation_alias=named("creditnote_number", "number"))
    status: Text = ""
    issued_on: Day = Field(default=None, validation_alias=named("date", "creditnote_date"))
    total: Sum
    balance: Sum
    currency_code: Text = ""
    reference_number: Text = ""
    line_rows: Rows = Field(default=[], validation_alias="creditnote_items")
    applied_rows: Rows = Field(default=[], validation_alias="invoices")
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))

    @property
    def applied(self) -> list[Applied]:
        return Applied.each(self.applied_rows)
