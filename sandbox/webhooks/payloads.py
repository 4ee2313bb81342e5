"""What is sent to an endpoint: the event envelope, or the record of a workflow action (facts 7.3, 7.5).

Workflow payloads come as default JSON (the record under its module's name), as
raw JSON written by staff, or as form pairs; the latter two fill placeholders such
as `${INVOICE.INVOICE_ID}` from the record.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from sandbox import events
from sandbox.store import Doc
from sandbox.webhooks import signing
from sandbox.world import World

PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\.([A-Z_]+)\}")
JSON_TYPES = {
    "json": "application/json",
    "charset": "application/json;charset=UTF-8",
    "form": "application/x-www-form-urlencoded;charset=UTF-8",
}


@dataclass(frozen=True)
class Message:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def message(world: World, endpoint: Doc, event: Doc) -> Message:
    """Build and sign what the endpoint gets for this event."""
    url = _with_query(endpoint, event)
    body, content_type = _body(world, endpoint, event)
    headers = {"Content-Type": content_type} | endpoint["headers"]
    if endpoint["secret"]:
        form, raw_query = endpoint["payload_type"] == "form", world.settings.u14_query_values == "raw"
        signed = signing.string_to_sign(url, body, form=form, raw_query=raw_query)
        headers[signing.HEADER] = signing.signature(endpoint["secret"], signed, world.settings.u14_signature)
    return Message(endpoint["method"], url, headers, body)


def _body(world: World, endpoint: Doc, event: Doc) -> tuple[bytes, str]:
    json_type = JSON_TYPES[world.settings.u14_content_type]
    if endpoint["payload"] == "event":
        return _json(events.envelope(world, event)), json_type
    if endpoint["payload_type"] == "form":
        spaces = quote if world.settings.u14_form_spaces == "percent" else quote_plus
        pairs = urlencode(form_pairs(endpoint, event), quote_via=spaces)
        return pairs.encode(), "application/x-www-form-urlencoded"
    if endpoint["payload_type"] == "raw":
        return filled(endpoint["raw"], event, quoted=True).encode(), json_type
    return _json(event["data"]), json_type


def form_pairs(endpoint: Doc, event: Doc) -> dict[str, str]:
    """The pairs that staff chose, or the plain values of the record."""
    if endpoint["form"]:
        return {key: filled(str(text), event) for key, text in endpoint["form"].items()}
    record: Doc = next(iter(event["data"].values()), {})
    plain = {key: value for key, value in record.items() if isinstance(value, str | int | float)}
    return {key: _text(value) for key, value in plain.items()}


def filled(text: str, event: Doc, *, quoted: bool = False) -> str:
    """Replace placeholders; one that names nothing becomes empty, as a mail merge does."""

    def value(match: re.Match[str]) -> str:
        found = _text(event["data"].get(match[1].lower(), {}).get(match[2].lower(), ""))
        return json.dumps(found, ensure_ascii=False)[1:-1] if quoted else found

    return PLACEHOLDER.sub(value, text)


def _with_query(endpoint: Doc, event: Doc) -> str:
    url: str = endpoint["url"]
    pairs = {key: filled(str(text), event) for key, text in endpoint["query"].items()}
    if not pairs:
        return url
    return url + ("&" if urlsplit(url).query else "?") + urlencode(pairs)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
