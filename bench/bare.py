"""The least that a receiver can do and still be honest: verify the signature, insert, commit, 200."""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from psycopg_pool import ConnectionPool

SECRET = b"SandboxWebhookSecret01"
POOL = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=5, open=True)
INSERT = "insert into public.bare (key, body) values (%s, %s) on conflict do nothing"


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request (WSGI)."""
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, environ.get("HTTP_X_ZOHO_WEBHOOK_SIGNATURE", "")):
            start("401 Unauthorized", [])
            return [b""]
        with POOL.connection() as conn:
            conn.execute(INSERT, [json.loads(body)["event_id"], body])
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
