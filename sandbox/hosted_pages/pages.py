"""Hosted pages as documents: their two ids, their hour of life, their statuses, how the API shows them.

An expired page keeps its status, as Zoho's list of statuses has no word for it; only `expiring_time` tells.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from sandbox import fields
from sandbox.errors import ZohoError, bad
from sandbox.tx import Doc, Tx
from sandbox.world import World

KIND = "hosted_pages"
LIFE = timedelta(hours=1)
WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][^\s\x00-\x20]*)?")
FRESH, READ, SUCCESS, FAILED = "fresh", "read", "success", "failed"
CANCELLED, FORCE_CANCELLED = "cancelled", "force_cancelled"
OPEN = (FRESH, READ, FAILED)
ACTIONS = {
    "newsubscription": ("new_subscription", "new_subscription"),
    "updatesubscription": ("update_subscription", "Update subscription"),
    "updatecard": ("update_card", "update_card"),  # recorded, so no switch changes it
    "buyonetimeaddon": ("one_time_addon", "One time addon"),
    "addpaymentmethod": ("add_payment_method", "Update payment method"),
    "invoicepayment": ("invoice_payment", "Invoice payment"),
    "updatepaymentmethod": ("update_payment_method", "Update payment method"),
}
NO_SUCH_PAGE = ZohoError(1002, "Hosted page does not exist.", 404)


def create(world: World, tx: Tx, kind: str, asked: Doc) -> Doc:
    """A fresh page; what was asked is kept as it came and read again when the person pays."""
    now = world.clock.now()
    doc: Doc = {
        "hostedpage_id": "2-" + secrets.token_hex(48),
        "decrypted_hosted_page_id": tx.next_id(),
        "kind": kind,
        "status": FRESH,
        "created": now.isoformat(),
        "expires": (now + LIFE).isoformat(),
        "redirect_url": "" if kind == "updatepaymentmethod" else redirect_url(asked),  # it takes none
        "asked": asked,
        "tries": {},
    }
    save(tx, doc)
    return doc


def save(tx: Tx, doc: Doc) -> None:
    """Write a page."""
    tx.put(KIND, doc["hostedpage_id"], doc, created=doc["created"], number=doc["decrypted_hosted_page_id"])


def get(tx: Tx, hostedpage_id: str, *, by_number: bool = False) -> Doc:
    """A page by its opaque id; with `by_number` also by the numeric one."""
    doc = tx.get(KIND, hostedpage_id)
    if doc is None and by_number and hostedpage_id.isdigit():
        found = tx.find(KIND, where={"number": hostedpage_id}, limit=1) if tx.count(KIND) else []
        doc = found[0] if found else None
    if doc is None:
        raise NO_SUCH_PAGE
    return doc


def expired(world: World, doc: Doc) -> bool:
    """An hour after creation, by the organisation's clock."""
    return world.clock.now() >= datetime.fromisoformat(doc["expires"])


def redirect_url(asked: Doc) -> str:
    """Where the person goes after paying: a web address, with nothing in it that could end a header."""
    url = fields.string(asked, "redirect_url").strip()
    if url and not WEB_ADDRESS.fullmatch(url):
        raise bad("redirect_url")
    return url


def return_address(doc: Doc) -> str:
    """The merchant's address with `hostedpage_id` appended, by `?` or, after a query, by `&`."""
    parts = urlsplit(doc["redirect_url"])
    query = urlencode({"hostedpage_id": doc["hostedpage_id"]})
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def shown(world: World, doc: Doc) -> Doc:
    """The keys that create, get and list have in common."""
    literal, human = ACTIONS[doc["kind"]]
    return {
        "hostedpage_id": doc["hostedpage_id"],
        "decrypted_hosted_page_id": doc["decrypted_hosted_page_id"],
        "status": doc["status"],
        "url": f"{world.settings.base_url}/hostedpage/{doc['hostedpage_id']}/checkout",
        "action": literal if world.settings.u3_hosted_action == "enum" else human,
        "expiring_time": world.clock.stamp(datetime.fromisoformat(doc["expires"])),
        "created_time": world.clock.stamp(datetime.fromisoformat(doc["created"])),
    }
