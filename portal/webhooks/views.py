"""``POST /webhooks/zoho``: what is refused before it is read; the rest is acknowledging.py (WH-01 to WH-15).

The signature is the only proof; the path is no secret, and no cookie is read or set. A delivery as Zoho sends
it does not come this far: shortcut.py answers it before the framework, by the same function.

    400  a query string
    411 413  no length, or more than 256 KiB, refused before it is read
"""

from flask import Blueprint, Response, request

from portal.jobs import metrics
from portal.web import guard
from portal.web.current import client_ip, current_services
from portal.webhooks.acknowledging import Answer, acknowledge
from portal.webhooks.shortcut import LARGEST
from portal.zoho import signature

blueprint = Blueprint("webhooks", __name__)
# What becomes of deliveries shows beside how many came.
blueprint.record(lambda state: metrics.register(state.app.extensions["services"].pool))


@blueprint.post("/webhooks/zoho")
@guard.sessionless
def receive() -> Response:
    """Keep what Zoho tells us."""
    answer = _refuse_unread()
    if answer is None:
        raw = request.get_data(cache=False)
        headers = request.headers.getlist(signature.HEADER)
        header = headers[0] if len(headers) == 1 else None
        answer = acknowledge(current_services(), raw, header, client_ip())
    response = Response(f"{answer.text}\n", answer.status, mimetype="text/plain")
    response.headers.update(answer.headers)
    return response


def _refuse_unread() -> Answer | None:
    """Refuse by what is known before the body is read."""
    if request.query_string:
        return Answer(400, "this address takes no query string")
    if request.content_length is None:
        return Answer(411, "a Content-Length is required")
    if request.content_length > LARGEST:
        return Answer(413, "too large")
    request.max_content_length = LARGEST
    return None
