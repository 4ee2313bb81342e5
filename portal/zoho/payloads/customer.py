"""A customer, and what a customer pays with: cards and bank accounts (facts.md 5.1)."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import (
    Address,
    Amount,
    Flag,
    Id,
    LastFour,
    Moment,
    Month,
    Payload,
    Text,
    Year,
    named,
)


class Customer(Payload):
    kind: ClassVar[str] = "customer"

    zoho_id: Id = Field(validation_alias=named("customer_id", "contact_id"))
    display_name: Text = Field(default="", validation_alias=named("display_name", "customer_name"))
    company_name: Text = ""
    first_name: Text = ""
    last_name: Text = ""
    email: Text = ""
    phone: Text = ""
    status: Text = ""
    currency_code: Text = ""
    tax_id: Text = Field(default="", validation_alias=named("tax_reg_no", "gst_no", "vat_reg_no", "tax_id"))
    billing_address: Address = Field(default={})
    shipping_address: Address = Field(default={})
    outstanding: Amount = Field(
        default=Decimal(0), validation_alias=named("outstanding", "outstanding_receivable_amount")
    )
    unused_credits: Amount = Field(
        default=Decimal(0), validation_alias=named("unused_credits", "unused_credits_receivable_amount")
    )
    ach_supported: Flag = False
    can_add_card: Flag = True
    can_add_bank_account: Flag = False
    reference_id: Text = ""
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))


class Card(Payload):
    """A saved card: brand, last four and expiry are all that Zoho tells (PCI-05)."""

    kind: ClassVar[str] = "card"

    zoho_id: Id = Field(validation_alias="card_id")
    customer_zoho_id: Text = Field(default="", validation_alias="customer_id")
    status: Text = "active"
    last_four: LastFour = Field(default="", validation_alias=named("last_four_digits", "last_four"))
    expiry_month: Month = None
    expiry_year: Year = None
    brand: Text = Field(default="", validation_alias=named("card_type", "brand"))
    gateway: Text = Field(default="", validation_alias=named("payment_gateway", "gateway"))
    is_primary: Flag = Field(default=False, validation_alias=named("is_primary", "is_primary_associated"))
    is_backup: Flag = Field(default=False, validation_alias=named("is_backup", "is_backup_associated"))
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))


class BankAccount(Payload):
    kind: ClassVar[str] = "bank account"

    zoho_id: Id = Field(validation_alias="account_id")
    customer_zoho_id: Text = Field(default="", validation_alias="customer_id")
    status: Text = "active"
    last_four: LastFour = Field(default="", validation_alias=named("last_four_digits", "last_four"))
    gateway: Text = Field(default="", validation_alias=named("gateway", "payment_gateway"))
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("last_modified_time", "updated_time"))
