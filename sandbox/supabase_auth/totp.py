"""Time-based one-time codes (RFC 6238: SHA-1, six digits, 30 seconds) and their QR picture."""

import base64
import hashlib
import hmac
import io
import secrets
import struct
import time
from urllib.parse import quote

import segno

PERIOD = 30


def new_secret() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code(secret: str, at: float | None = None) -> str:
    counter = int((time.time() if at is None else at) // PERIOD)
    digest = hmac.new(_raw(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def accepts(secret: str, given: str, at: float | None = None) -> bool:
    """One step of drift either way is allowed, as GoTrue does."""
    now = time.time() if at is None else at
    offered = given.strip()
    return any(hmac.compare_digest(code(secret, now + drift), offered) for drift in (-PERIOD, 0, PERIOD))


def uri(secret: str, issuer: str, account: str) -> str:
    label = quote(f"{issuer}:{account}")
    return (
        f"otpauth://totp/{label}?algorithm=SHA1&digits=6&issuer={quote(issuer)}"
        f"&period={PERIOD}&secret={secret}"
    )


def qr_svg(text: str) -> str:
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", scale=4, xmldecl=False, svgns=True)
    return out.getvalue().decode()


def _raw(secret: str) -> bytes:
    return base64.b32decode(secret + "=" * (-len(secret) % 8))
