"""A page of Zoho's on which a customer pays or types a card (facts.md 4.2, 4.5).

Creating one answers {"hostedpage": {...}}, reading one answers the same keys flat, with `data` beside
them. What `data` holds is known for purchases only; everywhere else it is a hint (U3).
"""

from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import Id, Moment, Object, Payload, Raw, Text, object_from


class HostedPage(Payload):
    kind: ClassVar[str] = "hosted page"

    zoho_id: Id = Field(validation_alias="hostedpage_id")
    status: Text = ""
    url: Text = ""
    action: Text = ""
    expires_at: Moment = Field(default=None, validation_alias="expiring_time")
    created_at: Moment = Field(default=None, validation_alias="created_time")
    data: Object = Field(default={})

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        data = object_from(row.get("data"))
        # One client's documentation shows data.data; take whichever level names the objects.
        return {**row, "data": object_from(data.get("data")) or data}

    @property
    def subscription_zoho_id(self) -> str:
        """The subscription that this page made or changed, once Zoho says so."""
        return str(object_from(self.data.get("subscription")).get("subscription_id") or "")

    @property
    def invoice_zoho_id(self) -> str:
        return str(object_from(self.data.get("invoice")).get("invoice_id") or "")

    @property
    def customer_zoho_id(self) -> str:
        """The customer whom the page belongs to, once Zoho says so; compare it before believing."""
        subscription = object_from(self.data.get("subscription"))
        customer = object_from(subscription.get("customer"))
        invoice = object_from(self.data.get("invoice"))
        named_ids = (subscription.get("customer_id"), customer.get("customer_id"), invoice.get("customer_id"))
        return next((str(found) for found in named_ids if found), "")
