"""A subscription as list row, as detail and as the plan for the end of the term (facts.md 3.3).

List rows lack the customer object, the card, the addons and the plan; `is_complete` tells them apart.
"""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import (
    Amount,
    Day,
    Flag,
    Id,
    Moment,
    Number,
    Object,
    Part,
    Payload,
    Raw,
    Rows,
    Sum,
    Text,
    Whole,
    named,
    object_from,
)
from portal.zoho.payloads.customer import BankAccount, Card


class SubscriptionPlan(Part):
    code: Text = Field(default="", validation_alias="plan_code")
    name: Text = ""
    price: Amount = Decimal(0)
    quantity: Amount = Decimal(1)
    setup_fee: Amount = Decimal(0)
    total: Number = None
    description: Text = Field(default="", validation_alias=named("description", "plan_description"))
    tax_name: Text = ""
    tax_percentage: Number = None
    pricing_scheme: Text = "unit"


class SubscriptionAddon(Part):
    code: Text = Field(default="", validation_alias="addon_code")
    name: Text = ""
    price: Amount = Decimal(0)
    quantity: Amount = Decimal(1)
    total: Number = None
    type: Text = "recurring"


class Subscription(Payload):
    kind: ClassVar[str] = "subscription"

    zoho_id: Id = Field(validation_alias="subscription_id")
    customer_zoho_id: Text = Field(default="", validation_alias="customer_id")
    number: Text = Field(default="", validation_alias="subscription_number")
    name: Text = ""
    status: Text = ""
    sub_total: Number = None
    amount: Sum
    currency_code: Text = ""
    interval: Whole = 1
    interval_unit: Text = "months"
    auto_collect: Flag = False
    coupon_code: Text = ""
    reference_id: Text = ""
    created_on: Day = Field(default=None, validation_alias=named("created_at", "created_date"))
    activated_on: Day = Field(default=None, validation_alias="activated_at")
    starts_on: Day = Field(default=None, validation_alias=named("start_date", "starts_at"))
    trial_starts_on: Day = Field(default=None, validation_alias="trial_starts_at")
    trial_ends_on: Day = Field(default=None, validation_alias="trial_ends_at")
    current_term_starts_on: Day = Field(default=None, validation_alias="current_term_starts_at")
    current_term_ends_on: Day = Field(default=None, validation_alias="current_term_ends_at")
    next_billing_on: Day = Field(default=None, validation_alias="next_billing_at")
    last_billing_on: Day = Field(default=None, validation_alias="last_billing_at")
    expires_on: Day = Field(default=None, validation_alias="expires_at")
    cancelled_on: Day = Field(default=None, validation_alias=named("cancelled_at", "canceled_at"))
    scheduled_cancellation_on: Day = Field(default=None, validation_alias="scheduled_cancellation_date")
    pause_on: Day = Field(default=None, validation_alias=named("pause_date", "pause_at"))
    resume_on: Day = Field(default=None, validation_alias=named("resume_date", "resume_at"))
    remaining_billing_cycles: Whole = None
    has_scheduled_change: Flag = Field(default=False, validation_alias="is_scheduled_update")
    changes_apply_on: Day = Field(default=None, validation_alias="apply_changes_on")
    child_invoice_zoho_id: Text = Field(default="", validation_alias="child_invoice_id")
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))
    plan: SubscriptionPlan
    addon_rows: Rows = Field(default=[], validation_alias="addons")
    card_row: Object = Field(default={}, validation_alias="card")
    bank_account_row: Object = Field(default={}, validation_alias="bank_account")
    is_complete: bool = False

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        plan = object_from(row.get("plan"))
        customer, coupon = object_from(row.get("customer")), object_from(row.get("coupon"))
        named_in_list = {"plan_code": row.get("plan_code"), "name": row.get("plan_name")}
        return {
            **row,
            "customer_id": row.get("customer_id") or customer.get("customer_id"),
            "coupon_code": coupon.get("coupon_code") or row.get("coupon_code"),
            "plan": plan or named_in_list,
            "is_complete": bool(plan),
        }

    @property
    def addons(self) -> list[SubscriptionAddon]:
        return SubscriptionAddon.each(self.addon_rows)

    @property
    def payment_method_zoho_id(self) -> str:
        """The card or bank account that is charged; "" for an offline subscription."""
        card, account = self.card_row.get("card_id"), self.bank_account_row.get("account_id")
        return str(card or account or "")

    @property
    def card(self) -> Card | None:
        return Card.parse(self.card_row) if self.card_row.get("card_id") else None

    @property
    def bank_account(self) -> BankAccount | None:
        return BankAccount.parse(self.bank_account_row) if self.bank_account_row.get("account_id") else None


class ScheduledChange(Part):
    """What becomes of a subscription at the end of its term."""

    subscription_zoho_id: Text = Field(default="", validation_alias="subscription_id")
    plan: SubscriptionPlan = SubscriptionPlan()
    addon_rows: Rows = Field(default=[], validation_alias="addons")
    amount: Number = None
    applies_on: Day = Field(default=None, validation_alias=named("apply_changes_on", "next_billing_at"))
    raw: Raw = Field(default_factory=dict, repr=False)

    @property
    def addons(self) -> list[SubscriptionAddon]:
        return SubscriptionAddon.each(self.addon_rows)
