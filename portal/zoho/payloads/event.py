"""An entry of Zoho's event log (facts.md 7.3, 7.7).

The list has no payload; the detail has one, as an object or as JSON text. `event_time` is a date or a
moment; where it is only a date, the payload's `created_time` gives the moment.
"""

import json
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from portal.zoho.payloads.base import Day, Id, Moment, Object, Payload, Raw, Rows, Text, object_from


class Event(Payload):
    kind: ClassVar[str] = "event"

    zoho_id: Id = Field(validation_alias="event_id")
    type: Text = Field(default="", validation_alias="event_type")
    at: Moment = None
    on: Day = Field(default=None, validation_alias="event_time")
    source: Text = Field(default="", validation_alias="event_source")
    payload: Object = Field(default={})
    deliveries: Rows = Field(default=[], validation_alias="webhooks")

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        payload = payload_from(row.get("payload"))
        at = row.get("event_time")
        if len(str(at or "")) <= len("2023-08-02"):
            at = row.get("created_time") or payload.get("created_time")
        return {**row, "payload": payload, "at": at}

    @property
    def was_delivered(self) -> bool | None:
        """Whether every webhook of this event arrived, by Zoho's own account; None when it does not say."""
        statuses = [str(row.get("status", "")) for row in self.deliveries]
        return all(status == "success" for status in statuses) if statuses else None


def payload_from(value: object) -> Raw:
    """Read an event's payload, which is an object or the text of one."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value, parse_float=Decimal)
        except (ValueError, RecursionError):
            return {}
    return object_from(value)
