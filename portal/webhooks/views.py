"""``POST /webhooks/zoho``: verify, keep, acknowledge (WH-01 to WH-15).

The answer 200 means one thing: the delivery is committed. Nothing else happens in the request: no call to
Zoho, no mail, no lock on a business row. The signature is the only proof; the path is no secret, and no
cookie is read or set.

    503  no secret is configured, or the database cannot keep it now (Zoho's log shows it as failed)
    400  a query string, or a body that is signed but is not what Zoho sends
    411 413  no length, or more than 256 KiB, refused before it is read
    401  not signed by one of our secrets
"""

import psycopg
import structlog
from flask import Blueprint, Response, request

from portal.jobs import metrics
from portal.services import Services
from portal.sync import inbox
from portal.web import guard
from portal.web.current import client_ip, current_services
from portal.webhooks import body, delivery, refusals
from portal.webhooks.keeping import Keeper
from portal.zoho import signature

log = structlog.get_logger()
blueprint = Blueprint("webhooks", __name__)
# What becomes of deliveries shows beside how many came.
blueprint.record(lambda state: metrics.register(state.app.extensions["services"].pool))

keeper = Keeper()
LARGEST = 256 * 1024
RETRY_AFTER_SECONDS = "30"


@blueprint.post("/webhooks/zoho")
@guard.sessionless
def receive() -> Response:
    """Keep what Zoho tells us."""
    services = current_services()
    secrets = [secret.get_secret_value() for secret in services.settings.zoho_webhook_secrets]
    if not any(secrets):
        return _answer(503, "no webhook secret is configured")
    refused = _refuse_unread()
    if refused is not None:
        return refused
    raw = request.get_data(cache=False)
    headers = request.headers.getlist(signature.HEADER)
    matched = signature.verify(raw, "", headers[0] if len(headers) == 1 else None, secrets)
    if matched is None:
        refusals.note(client_ip())
        return _answer(401, "not signed")
    try:
        told = body.parse(raw)
    except body.Malformed as problem:
        log.warning("signed delivery refused", reason=str(problem))
        return _answer(400, "malformed")
    return _keep(
        services, delivery.read(services.settings, raw, told, secret_used=matched, sender=client_ip())
    )


def _refuse_unread() -> Response | None:
    """Refuse by what is known before the body is read."""
    if request.query_string:
        return _answer(400, "this address takes no query string")
    if request.content_length is None:
        return _answer(411, "a Content-Length is required")
    if request.content_length > LARGEST:
        return _answer(413, "too large")
    request.max_content_length = LARGEST
    return None


def _keep(services: Services, found: inbox.Delivery) -> Response:
    """Commit row and wake-up together; only then say yes (WH-05)."""
    try:
        is_new = keeper.keep(services.pool, found)
    except psycopg.Error as problem:
        log.warning("delivery not kept", error=type(problem).__name__)
        answer = _answer(503, "cannot be kept right now")
        answer.headers["Retry-After"] = RETRY_AFTER_SECONDS
        return answer
    delivery.count(found, is_new=is_new)
    return _answer(200, "kept" if is_new else "known")


def _answer(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")
