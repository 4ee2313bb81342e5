"""From a verified body to the row that is kept: identity, subject, age, and no card number in it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prometheus_client import Counter

from portal import card_numbers, clock, money
from portal.config import Settings
from portal.sync import feed
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject
from portal.zoho import events, signature

# Without a time stamp in the signature a captured delivery can be sent again for ever. An old one is
# taken (Zoho's "Resend" is legitimate) but done last, and it is only a hint anyway (WH-08).
LATE = timedelta(hours=72)
EARLY = timedelta(minutes=10)

RECEIVED = Counter(
    "portal_webhooks_total", "Webhook deliveries kept, by event type and novelty", ["event_type", "is_new"]
)


def read(
    settings: Settings, raw: bytes, told: Mapping[str, Any], *, secret_used: int, sender: str
) -> Delivery:
    """Build the row of a verified delivery."""
    hint = events.parse(dict(told))
    subjects = [Subject(kind, zoho_id) for kind, zoho_id in hint.objects]
    flags = []
    if hint.event_time is not None:
        age = clock.now() - hint.event_time
        flags = ["late"] if age > LATE else ["early"] if age < -EARLY else []
    if not hint.is_known:
        flags.append("unknown_type")
    if secret_used > 0:
        flags.append("previous_secret")
    return Delivery(
        dedupe_key=_dedupe_key(settings, hint.event_id, raw),
        event_id=hint.event_id,
        event_type=card_numbers.mask(hint.event_type),
        event_time=hint.event_time,
        subjects=subjects,
        body=_storable(raw, told),
        secret_used=secret_used,
        flags=flags,
        sender=sender,
    )


def count(found: Delivery, *, is_new: bool) -> None:
    """Count it for the metrics; unknown names share one label, so that nobody can make up thousands."""
    known = found.event_type in events.EVENT_TYPES
    label = found.event_type if known else "unknown" if found.event_type else "workflow"
    RECEIVED.labels(event_type=label, is_new=str(is_new).lower()).inc()


def _storable(raw: bytes, told: Mapping[str, Any]) -> bytes:
    """Return the very bytes, or, where a card number was in them, JSON without it (PCI-01)."""
    clean = card_numbers.mask_within(told)
    return raw if clean == told else json.dumps(clean, default=money.as_json, ensure_ascii=False).encode()


def _dedupe_key(settings: Settings, event_id: str, raw: bytes) -> str:
    """Return Zoho's event id, or the hash of what was signed where there is none (workflow webhooks)."""
    if event_id:
        return feed.dedupe_key(settings.zoho_organization_id, event_id)
    return "sha256:" + hashlib.sha256(signature.string_to_sign(raw)).hexdigest()
