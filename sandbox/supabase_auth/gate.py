"""Who is asking: the API key, the bearer token, the address that rate limits count.

`Sb-Forwarded-For` is believed only beside a secret key, as at Supabase: anybody may know the
publishable key, so anybody could otherwise pretend to come from somewhere else.
"""

import threading
import time
from dataclasses import dataclass

from flask import Response, current_app, request

from sandbox.supabase_auth import errors
from sandbox.world import current

PUBLISHABLE_KEY = "sb_publishable_sandbox"
SECRET_KEY = "sb_secret_sandbox"
OPEN_PATHS = ("/verify", "/.well-known/jwks.json", "/health")
BURST = 30
HOUR = 3600
HANG_S = 30
PER_HOUR = {
    "/token": 1800, "/verify": 360, "/otp": 30, "/recover": 30, "/signup": 30, "/resend": 30,
    "/magiclink": 30, "/user": 1800, "/factors": 900,
}  # fmt: skip


def out_of_order() -> Response:
    """The whole of Auth is down: an HTML page as proxies send it, at once or after a long wait."""
    if current().settings.auth_outage == "hang":
        time.sleep(HANG_S)
    return Response("<h1>503 Service Unavailable</h1>", 503, mimetype="text/html")


def issuer() -> str:
    return f"{current().settings.base_url}/auth/v1"


def require_api_key(path: str) -> None:
    if path in OPEN_PATHS:
        return
    given = api_key()
    if given not in (PUBLISHABLE_KEY, SECRET_KEY):
        reason = "Invalid API key" if given else "No API key found in request"
        raise errors.AuthFailure(401, "no_authorization", reason)


def api_key() -> str:
    return request.headers.get("apikey") or request.args.get("apikey", "")


def bearer() -> str:
    """The access token; an API key in its place is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or token.startswith("sb_"):
        raise errors.AuthFailure(401, "no_authorization", "This endpoint requires a valid Bearer token")
    return token


def require_secret_key() -> None:
    """Admin calls: the secret key, and no user's token riding along."""
    _, _, token = request.headers.get("Authorization", "").partition(" ")
    if api_key() != SECRET_KEY or token not in ("", SECRET_KEY):
        raise errors.AuthFailure(403, "not_admin", "User not allowed")


def client_address() -> str:
    forwarded = request.headers.get("Sb-Forwarded-For", "").split(",")[0].strip()
    if forwarded and api_key() == SECRET_KEY and current().settings.auth_forwarded_for:
        return forwarded
    return request.remote_addr or "unknown"


@dataclass
class Bucket:
    tokens: float
    filled_at: float


class Limits:
    """A bucket of thirty for each address and kind of call, as GoTrue's, in memory only."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._lock = threading.Lock()

    def take(self, address: str, path: str) -> bool:
        rate = PER_HOUR[path] / HOUR
        now = time.monotonic()
        with self._lock:
            bucket = self._buckets.setdefault((address, path), Bucket(BURST, now))
            bucket.tokens = min(BURST, bucket.tokens + (now - bucket.filled_at) * rate)
            bucket.filled_at = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()


def require_within_limits(path: str) -> None:
    counted = "/" + path.strip("/").split("/")[0]
    if request.method == "GET" and counted == "/user":
        return
    if not current().settings.auth_rate_limits or counted not in PER_HOUR:
        return
    limits: Limits = current_app.extensions["sandbox_auth_limits"]
    if not limits.take(client_address(), counted):
        raise errors.AuthFailure(429, "over_request_rate_limit", "Request rate limit reached")
