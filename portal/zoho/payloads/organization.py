"""A Zoho organisation: the merchant (facts.md 2.1)."""

from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import Flag, Id, Number, Payload, Text, Whole


class Organization(Payload):
    kind: ClassVar[str] = "organization"

    zoho_id: Id = Field(validation_alias="organization_id")
    name: Text = ""
    currency_code: Text = ""
    price_precision: Whole = 2
    time_zone: Text = "UTC"
    mode: Text = ""
    country: Text = ""
    language_code: Text = ""
    is_default: Flag = Field(default=False, validation_alias="is_default_org")
    is_active: Flag = Field(default=True, validation_alias="is_org_active")


class Tax(Payload):
    kind: ClassVar[str] = "tax"

    zoho_id: Id = Field(validation_alias="tax_id")
    name: Text = Field(default="", validation_alias="tax_name")
    percentage: Number = Field(default=None, validation_alias="tax_percentage")
