"""Clients, grants, refresh tokens and access tokens, with Zoho's limits (facts 1.4).

A *grant* is one user at one client. It holds the refresh tokens, oldest first:
the 21st pushes out the first together with its access tokens. A refresh token
makes at most 10 access tokens in 10 minutes and keeps at most 15 (or 30) alive;
one more silently kills the oldest. Refresh tokens have a rate of their own. The
published credentials are always accepted: nothing displaces or revokes them for
good.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.oauth.scopes import FULL_ACCESS
from sandbox.store import Tx

CLIENTS, GRANTS, REFRESH, ACCESS, CODES = (
    "oauth_clients",
    "oauth_grants",
    "oauth_refresh_tokens",
    "oauth_access_tokens",
    "oauth_codes",
)
READY_CLIENT = "1000.SANDBOXCLIENT"
READY_SECRET = "sandbox-client-secret"
READY_REFRESH = "1000.sandbox.refresh"
OWNER = "owner@northwind.example"

WINDOW_S = 600
ACCESS_PER_WINDOW = 10
REFRESH_PER_GRANT = 20
# how many refresh tokens a user and client may get, and in how many seconds; sources disagree (facts 1.4)
REFRESH_RATES = {"10_per_10_min": (10, 600), "5_per_min": (5, 60), "20_per_10_min": (20, 600)}
CODES_PER_WINDOW = 10

Doc = dict[str, Any]


class Refused(Exception):
    """The token endpoint's `error`, which Zoho sends with HTTP 200."""


class Throttled(Exception):
    """Too many tokens in too short a time; blocked for the rest of the window."""


@dataclass(frozen=True)
class Terms:
    """What holds for this moment: the time and the switches that tokens obey."""

    now: float
    access_s: int = 3600
    code_s: int = 120
    limited: bool = True
    live_access: int = 15
    refresh_rate: str = "10_per_10_min"


def ready(tx: Tx) -> None:
    """Put the published credentials in place."""
    client = client_doc(READY_CLIENT, READY_SECRET, "Sandbox", "server", [])
    tx.put(CLIENTS, READY_CLIENT, client)
    token = _refresh_doc(READY_REFRESH, READY_CLIENT, FULL_ACCESS, Terms(now=0), "")
    tx.put(REFRESH, READY_REFRESH, token)


def client_doc(
    client_id: str, secret: str, name: str, kind: str, redirect_uris: list[str], *, multi_dc: bool = True
) -> Doc:
    return {
        "client_id": client_id,
        "client_secret": secret,
        "name": name,
        "type": kind,
        "redirect_uris": redirect_uris,
        "multi_dc": multi_dc,
        "codes_at": [],
    }


def new_client(tx: Tx, name: str, kind: str, redirect_uris: list[str], *, multi_dc: bool = True) -> Doc:
    client_id = "1000." + secrets.token_hex(15).upper()
    secret = secrets.token_hex(21)
    doc = client_doc(client_id, secret, name, kind, redirect_uris, multi_dc=multi_dc)
    tx.put(CLIENTS, client_id, doc)
    return doc


def grant(tx: Tx, client_id: str, user: str) -> Doc:
    """The user's standing at the client; an empty one when they never consented."""
    return tx.get(GRANTS, _grant_id(client_id, user)) or {
        "client_id": client_id,
        "user": user,
        "consented": "",
        "refresh_tokens": [],
    }


def remember_consent(tx: Tx, client_id: str, user: str, scope: str) -> None:
    doc = grant(tx, client_id, user) | {"consented": scope}
    tx.put(GRANTS, _grant_id(client_id, user), doc)


def new_refresh_token(tx: Tx, code: Doc, terms: Terms) -> str:
    """Make a refresh token for the grant of `code`, displacing the oldest beyond the limit."""
    token = _random()
    doc = _refresh_doc(token, code["client_id"], code["scope"], terms, code["location"])
    tx.put(REFRESH, token, doc | {"user": code["user"]})
    held = grant(tx, code["client_id"], code["user"])
    made_at = _within_rate(held, terms)
    tokens = [*held["refresh_tokens"], token]
    while len(tokens) > REFRESH_PER_GRANT:
        drop_refresh_token(tx, tokens.pop(0))
    fresh = held | {"refresh_tokens": tokens, "made_at": made_at}
    tx.put(GRANTS, _grant_id(code["client_id"], code["user"]), fresh)
    return token


def access_from_refresh(tx: Tx, refresh_token: str, terms: Terms) -> str:
    """Make an access token, or refuse as Zoho's throttle does."""
    doc = tx.get(REFRESH, refresh_token)
    if doc is None:
        raise Refused("invalid_code")
    if terms.limited:
        _count_in_window(doc, terms)
    token = _random()
    live = [entry for entry in doc["access"] if entry["expires"] > terms.now]
    while len(live) >= terms.live_access:
        tx.delete(ACCESS, live.pop(0)["token"])
    expires = terms.now + terms.access_s
    doc["access"] = [*live, {"token": token, "expires": expires}]
    tx.put(REFRESH, refresh_token, doc)
    _put_access(tx, token, doc["scope"], expires, refresh_token)
    return token


def access_alone(tx: Tx, scope: str, terms: Terms) -> str:
    """An access token of an `online` consent: no refresh token behind it."""
    token = _random()
    _put_access(tx, token, scope, terms.now + terms.access_s, "")
    return token


def revoke(tx: Tx, token: str) -> bool:
    """Revoke a refresh or access token; False when Zoho would not know it."""
    if tx.get(REFRESH, token) is not None:
        drop_refresh_token(tx, token)
        return True
    known = tx.get(ACCESS, token) is not None
    tx.delete(ACCESS, token)
    return known


def drop_refresh_token(tx: Tx, token: str) -> None:
    """Take the token and its access tokens away; the published one comes back at once."""
    doc = tx.get(REFRESH, token)
    for entry in doc["access"] if doc else []:
        tx.delete(ACCESS, entry["token"])
    tx.delete(REFRESH, token)
    if doc is not None and doc.get("user"):
        held = grant(tx, doc["client_id"], doc["user"])
        held["refresh_tokens"] = [t for t in held["refresh_tokens"] if t != token]
        tx.put(GRANTS, _grant_id(doc["client_id"], doc["user"]), held)
    if token == READY_REFRESH:
        ready(tx)


def _within_rate(held: Doc, terms: Terms) -> list[float]:
    """When the latest refresh tokens were made, this one included; Throttled beyond the rate."""
    most, window = REFRESH_RATES[terms.refresh_rate]
    recent = [at for at in held.get("made_at", []) if terms.now - at < window]
    if terms.limited and len(recent) >= most:
        raise Throttled
    return [*recent, terms.now]


def _count_in_window(doc: Doc, terms: Terms) -> None:
    """Zoho's window starts with its first token and blocks until it ends."""
    if terms.now - doc["window_start"] >= WINDOW_S:
        doc["window_start"], doc["window_count"] = terms.now, 0
    if doc["window_count"] >= ACCESS_PER_WINDOW:
        raise Throttled
    doc["window_count"] += 1


def _refresh_doc(token: str, client_id: str, scope: str, terms: Terms, location: str) -> Doc:
    return {
        "token": token,
        "client_id": client_id,
        "scope": scope,
        "location": location,
        "created": terms.now,
        "access": [],
        "window_start": 0,
        "window_count": 0,
    }


def _put_access(tx: Tx, token: str, scope: str, expires: float, refresh_token: str) -> None:
    # A token long dead is of no interest to anybody.
    for old in tx.ids(ACCESS, where={"expires": ("<", expires - 86_400)}, limit=20):
        tx.delete(ACCESS, old)
    doc = {"token": token, "scope": scope, "expires": expires, "refresh_token": refresh_token}
    tx.put(ACCESS, token, doc, expires=expires)


def _grant_id(client_id: str, user: str) -> str:
    return f"{client_id}:{user}"


def _random() -> str:
    return f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
