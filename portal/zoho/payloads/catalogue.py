"""What is sold: products, plans, addons, coupons. Zoho addresses the last three by their code."""

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
    Part,
    Payload,
    Raw,
    Rows,
    Text,
    Whole,
    named,
    rows_from,
    text_from,
)

# A recurring addon is billed "monthly" where a plan is billed every so many "months" (addons.yml, plans.yml).
_UNITS = {"daily": "days", "weekly": "weeks", "monthly": "months", "yearly": "years"}


class Product(Payload):
    kind: ClassVar[str] = "product"

    zoho_id: Id = Field(validation_alias="product_id")
    name: Text = ""
    description: Text = ""
    status: Text = ""
    redirect_url: Text = ""
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))


class Bracket(Part):
    """A step of a volume, tier or package price."""

    start_quantity: Number = None
    end_quantity: Number = None
    price: Amount = Decimal(0)


class Plan(Payload):
    kind: ClassVar[str] = "plan"

    zoho_id: Id
    code: Id = Field(validation_alias="plan_code")
    product_zoho_id: Text = Field(default="", validation_alias="product_id")
    name: Text = ""
    description: Text = ""
    status: Text = ""
    price: Amount = Field(default=Decimal(0), validation_alias=named("recurring_price", "price"))
    setup_fee: Amount = Decimal(0)
    currency_code: Text = ""
    interval: Whole = 1
    interval_unit: Text = "months"
    billing_cycles: Whole = -1
    trial_days: Whole = Field(default=0, validation_alias=named("trial_period", "trial_days"))
    tax_id: Text = ""
    tax_name: Text = ""
    tax_percentage: Number = None
    pricing_scheme: Text = "unit"
    unit: Text = ""
    price_brackets: Rows = Field(default=[])
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        return {**row, "zoho_id": row.get("plan_id") or row.get("plan_code")}

    @property
    def brackets(self) -> list[Bracket]:
        return Bracket.each(self.price_brackets)


class Addon(Payload):
    kind: ClassVar[str] = "addon"

    zoho_id: Id
    code: Id = Field(validation_alias="addon_code")
    product_zoho_id: Text = Field(default="", validation_alias="product_id")
    name: Text = ""
    description: Text = ""
    status: Text = ""
    type: Text = "recurring"
    price: Amount = Decimal(0)
    currency_code: Text = ""
    interval_unit: Text = ""
    pricing_scheme: Text = "unit"
    unit: Text = Field(default="", validation_alias=named("unit_name", "unit"))
    price_brackets: Rows = Field(default=[])
    applies_to_all_plans: Flag = Field(default=True, validation_alias="applicable_to_all_plans")
    plan_codes: list[str] = Field(default=[])
    tax_id: Text = ""
    tax_name: Text = ""
    tax_percentage: Number = None
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        brackets = rows_from(row.get("price_brackets"))
        first = brackets[0].get("price") if brackets else None
        price = row.get("price", first)
        plans = _codes(row.get("plans"), "plan_code")
        zoho_id = row.get("addon_id") or row.get("addon_code")
        unit = text_from(row.get("interval_unit"))
        return {
            **row,
            "zoho_id": zoho_id,
            "price": price,
            "plan_codes": plans,
            "interval_unit": _UNITS.get(unit, unit),
        }

    @property
    def brackets(self) -> list[Bracket]:
        return Bracket.each(self.price_brackets)


class Coupon(Payload):
    kind: ClassVar[str] = "coupon"

    zoho_id: Id
    code: Id = Field(validation_alias="coupon_code")
    product_zoho_id: Text = Field(default="", validation_alias="product_id")
    name: Text = Field(default="", validation_alias=named("name", "coupon_name"))
    description: Text = ""
    status: Text = ""
    discount_by: Text = "percentage"
    discount_value: Amount = Decimal(0)
    redemption_type: Text = Field(default="one_time", validation_alias=named("redemption_type", "type"))
    duration: Whole = None
    max_redemption: Whole = None
    redemption_count: Whole = None
    expires_on: Day = Field(default=None, validation_alias=named("expiry_at", "expires_at"))
    apply_to_plans: Text = "all"
    plan_codes: list[str] = Field(default=[])
    apply_to_addons: Text = "all"
    addon_codes: list[str] = Field(default=[])
    created_at: Moment = Field(default=None, validation_alias="created_time")
    updated_at: Moment = Field(default=None, validation_alias=named("updated_time", "last_modified_time"))

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        return {
            **row,
            "zoho_id": row.get("coupon_id") or row.get("coupon_code"),
            "plan_codes": _codes(row.get("plans"), "plan_code"),
            "addon_codes": _codes(row.get("addons"), "addon_code"),
        }

    @property
    def applies_to_all_plans(self) -> bool:
        return self.apply_to_plans == "all"

    @property
    def applies_to_all_addons(self) -> bool:
        return self.apply_to_addons in ("all", "all_addons")


def _codes(rows: object, key: str) -> list[str]:
    return [str(row[key]) for row in rows_from(rows) if row.get(key)]
