"""The least that a receiver can do and still be honest: verify the signature, insert, commit, 200.

`app` is that and nothing else; `in_flask` is the same written as one view of a Flask application.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request
from psycopg_pool import ConnectionPool

SECRET = b"SandboxWebhookSecret01"
POOL = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=5, open=True)
INSERT = "insert into public.bare (key, body) values (%s, %s) on conflict do nothing"


def keep(body: bytes, signature: str) -> bool:
    """Verify and commit; False when it was not signed by us."""
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        return False
    with POOL.connection() as conn:
        conn.execute(INSERT, [json.loads(body)["event_id"], body])
    return True


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request (WSGI)."""
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if not keep(body, environ.get("HTTP_X_ZOHO_WEBHOOK_SIGNATURE", "")):
            start("401 Unauthorized", [])
            return [b""]
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


in_flask = Flask("bare")


@in_flask.get("/")
def ready() -> str:
    return "ok"


@in_flask.post("/webhooks/zoho")
def receive() -> Response:
    kept = keep(request.get_data(cache=False), request.headers.get("X-Zoho-Webhook-Signature", ""))
    return Response("ok" if kept else "", 200 if kept else 401, mimetype="text/plain")
