"""Pages are sent compressed, with a random length added (BREACH).

A page holds secrets (the CSRF token, masked anew on each page) beside text that a visitor chose (a
search). The gzip header's file name field takes up to 64 random bytes, so that lengths say little.
"""

import gzip
import io
import secrets
import string

from flask import Flask, Response, request

_SMALLEST = 512
_LEVEL = 5  # 6 takes twice as long for a percent
_PACKED = ("text/html", "text/csv", "text/plain", "application/json", "image/svg+xml")


def register(app: Flask) -> None:
    """Compress the text that the app sends."""
    app.after_request(_pack)


def _pack(response: Response) -> Response:
    if response.mimetype not in _PACKED or response.is_streamed or response.direct_passthrough:
        return response
    response.vary.add("Accept-Encoding")
    if response.content_encoding or not request.accept_encodings.quality("gzip") or request.method == "HEAD":
        return response
    body = response.get_data()
    if len(body) >= _SMALLEST:
        response.set_data(packed(body))
        response.headers["Content-Encoding"] = "gzip"
    return response


def packed(body: bytes) -> bytes:
    """Return ``body`` as gzip of a length that differs from time to time."""
    padding = "".join(secrets.choice(string.ascii_letters) for _ in range(secrets.randbelow(64) + 1))
    out = io.BytesIO()
    with gzip.GzipFile(filename=padding, mode="wb", fileobj=out, compresslevel=_LEVEL, mtime=0) as file:
        file.write(body)
    return out.getvalue()
