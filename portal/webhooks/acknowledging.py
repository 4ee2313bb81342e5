"""Verify, read, commit, and only then say yes: what becomes of a delivery once its body is here.

200  it is committed (WH-05); nothing else happens in the request
400  signed, but not what Zoho sends
401  not signed by one of our secrets
503  no secret is configured, or the database cannot keep it now (Zoho's log shows it as failed)
"""

from dataclasses import dataclass, field

import psycopg
import structlog

from portal.services import Services
from portal.webhooks import body, delivery, refusals
from portal.webhooks.keeping import Keeper
from portal.zoho import signature

log = structlog.get_logger()

RETRY_AFTER_SECONDS = "30"
keeper = Keeper()


@dataclass(frozen=True, slots=True)
class Answer:
    """What Zoho is told, in plain text."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


def acknowledge(services: Services, raw: bytes, header: str | None, sender: str) -> Answer:
    """Keep what Zoho tells us; ``header`` is the signature, ``sender`` where it came from."""
    secrets = [secret.get_secret_value() for secret in services.settings.zoho_webhook_secrets]
    if not any(secrets):
        return Answer(503, "no webhook secret is configured")
    matched = signature.verify(raw, "", header, secrets)
    if matched is None:
        refusals.note(sender)
        return Answer(401, "not signed")
    try:
        told = body.parse(raw)
    except body.Malformed as problem:
        log.warning("signed delivery refused", reason=str(problem))
        return Answer(400, "malformed")
    found = delivery.read(services.settings, raw, told, secret_used=matched, sender=sender)
    try:
        is_new = keeper.keep(services.pool, found)
    except psycopg.Error as problem:
        log.warning("delivery not kept", error=type(problem).__name__)
        return Answer(503, "cannot be kept right now", {"Retry-After": RETRY_AFTER_SECONDS})
    delivery.count(found, is_new=is_new)
    return Answer(200, "kept" if is_new else "known")
