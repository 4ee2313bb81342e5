"""How a webhook is signed: the string, and the HMAC over it.

Zoho's rule (facts 7.6): take the query parameters of the URL and, for a form
body, its pairs, all URL-decoded; sort by key; write key and value with nothing
between; append a JSON body exactly as sent. HMAC-SHA256 under the endpoint's
secret. Whether Zoho writes hex or base64 is unknown (U14), so both exist here.
"""

import base64
import hashlib
import hmac
import re
from urllib.parse import parse_qsl, urlsplit

HEADER = "X-Zoho-Webhook-Signature"
SECRET_RULE = re.compile(r"[A-Za-z0-9]{12,50}")


def string_to_sign(url: str, body: bytes, *, form: bool, raw_query: bool = False) -> bytes:
    """Return the bytes that are signed when `body` is sent to `url`.

    `raw_query` takes the address's pairs as they are written there: whether Zoho
    decodes them is not known (U14).
    """
    query = urlsplit(url).query
    pairs = _as_written(query) if raw_query else parse_qsl(query, keep_blank_values=True)
    if form:
        pairs += parse_qsl(body.decode(), keep_blank_values=True)
    # A stable sort: what Zoho does with a key that occurs twice is not known.
    text = "".join(key + value for key, value in sorted(pairs, key=lambda p: p[0]))
    return text.encode() + (b"" if form else body)


def _as_written(query: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (each.partition("=") for each in query.split("&")) if key]


def signature(secret: str, signed: bytes, encoding: str = "hex") -> str:
    digest = hmac.new(secret.encode(), signed, hashlib.sha256)
    if encoding == "base64":
        return base64.b64encode(digest.digest()).decode()
    return digest.hexdigest().upper() if encoding == "HEX" else digest.hexdigest()


def is_acceptable(secret: str) -> bool:
    """Whether Zoho would take this secret: 12 to 50 letters and digits."""
    return SECRET_RULE.fullmatch(secret) is not None
