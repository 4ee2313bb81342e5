"""Whether a webhook was signed by Zoho with one of our secrets (facts.md 7.6, WH-01, WH-04).

Zoho signs a string made of the address's query pairs (and a form body's pairs), sorted by key and glued
together without separators, followed by a JSON body exactly as it was sent. There is no timestamp and
nothing between the parts, so the same signature fits other splits of the same text (R1): the receiver
must take no query string but the one it expects, and read nothing from it.

Every secret is tried with every spelling and compared in constant time, without an early exit. What the
sources leave open is accepted: hex or base64, and `+` or `%20`. The Content-Type header is not believed
(a sibling product sends JSON as a form): a body that starts like JSON is JSON.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl

HEADER = "X-Zoho-Webhook-Signature"
_HEX_LENGTH = hashlib.sha256().digest_size * 2
_LONGEST = 128


def verify(body: bytes, query: str, header: str | None, secrets: Sequence[str]) -> int | None:
    """Return the index of the secret that signed this delivery, or None.

    ``query`` is the raw query string of the request ("" when there is none).
    """
    given = _normalised(header)
    signed = string_to_sign(body, query)
    matched: int | None = None
    for index, secret in enumerate(secrets):
        digest = hmac.new(secret.encode(), signed, hashlib.sha256)
        for expected in (digest.hexdigest().encode(), base64.b64encode(digest.digest())):
            equal = hmac.compare_digest(expected, given)
            if equal and secret and matched is None:
                matched = index
    return matched


def string_to_sign(body: bytes, query: str = "") -> bytes:
    """Build the bytes that Zoho signs. Never raises: what cannot be decoded cannot match either."""
    pairs = _pairs(query)
    if is_json(body):
        return _glued(pairs) + body
    return _glued(pairs + _pairs(body.decode("utf-8", "replace")))


def is_json(body: bytes) -> bool:
    """Tell a JSON body from a form by its first character, whatever the header says."""
    return body.lstrip()[:1] in (b"{", b"[", b"")


def _normalised(header: str | None) -> bytes:
    """Bring the header to the spelling compared with; anything odd becomes what matches nothing."""
    text = (header or "").strip()
    if not text or len(text) > _LONGEST or not text.isascii():
        return b""
    return (text.lower() if len(text) == _HEX_LENGTH else text).encode()


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return []


def _glued(pairs: list[tuple[str, str]]) -> bytes:
    in_order = sorted(pairs, key=lambda pair: pair[0])
    return "".join(key + value for key, value in in_order).encode("utf-8", "replace")
