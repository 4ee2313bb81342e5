"""`/oauth/v2/auth`: the consent page, and the way back to the client (facts 1.2).

A request that cannot be trusted (unknown client, foreign redirect URI) gets an
error page and never a redirect, as at Zoho.
"""

from urllib.parse import urlencode, urlsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from sandbox.oauth import codes, datacentres, scopes, terms, tokens
from sandbox.oauth.tokens import OWNER, READY_CLIENT, Doc
from sandbox.store import Tx
from sandbox.world import World, current

blueprint = Blueprint("oauth_consent", __name__)
Answer = Response | str | tuple[str, int]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@blueprint.get("/oauth/v2/auth")
def ask() -> Answer:
    world = current()
    asked = request.args.to_dict()
    with world.store.read() as tx:
        client, complaint = _judge(tx, asked)
        if client is None:
            return render_template("oauth/refused.html", complaint=complaint), 400
        known = tokens.grant(tx, client["client_id"], OWNER)["consented"] == asked["scope"]
    if known and asked.get("prompt") != "consent":
        return _approve(world, client, asked, terms.here(world), offline=False)
    return _page(world, client, asked)


@blueprint.post("/oauth/v2/auth")
def answer() -> Answer:
    world = current()
    asked = request.form.to_dict()
    with world.store.read() as tx:
        client, complaint = _judge(tx, asked)
    if client is None:
        return render_template("oauth/refused.html", complaint=complaint), 400
    if asked.get("answer") != "accept":
        return _back(asked, {"error": "access_denied"})
    location = asked.get("location") or terms.here(world)
    if location != world.settings.data_center and not client["multi_dc"]:
        complaint = "Invalid client: it is not enabled for the data centre of your account."
        return render_template("oauth/refused.html", complaint=complaint), 400
    offline = asked.get("access_type") == "offline"
    return _approve(world, client, asked, location, offline=offline)


def _page(world: World, client: Doc, asked: dict[str, str]) -> str:
    return render_template(
        "oauth/consent.html",
        client=client,
        asked=asked,
        scopes=scopes.split(asked["scope"]),
        user=OWNER,
        here=terms.here(world),
        locations={key: datacentres.NAMES[key] for key in _offered(world)},
    )


def _offered(world: World) -> list[str]:
    return datacentres.offered(with_uk=world.settings.u16_uk_uae)


def _judge(tx: Tx, asked: dict[str, str]) -> tuple[Doc | None, str]:
    client = tx.get(tokens.CLIENTS, asked.get("client_id", ""))
    if client is None:
        return None, "Invalid client: no client with this id is registered here."
    if client["type"] == "self":
        return None, "Invalid client: a self client makes its codes in the console."
    if asked.get("response_type") != "code":
        return None, 'Invalid response type: only "code" is offered.'
    if not _registered(client, asked.get("redirect_uri", "")):
        return None, "Invalid redirect URI: it is not the one registered for this client."
    if not asked.get("scope") or scopes.unknown(asked["scope"]):
        return None, "Invalid OAuth scope: a scope does not exist."
    return client, ""


def _registered(client: Doc, uri: str) -> bool:
    if client["client_id"] == READY_CLIENT:
        parts = urlsplit(uri)
        return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK
    return uri in client["redirect_uris"]


def _approve(world: World, client: Doc, asked: dict[str, str], location: str, *, offline: bool) -> Response:
    """Store a code and go back with it. Only a shown consent of type offline earns a refresh token."""
    details = {
        "user": OWNER,
        "scope": asked["scope"],
        "redirect_uri": asked["redirect_uri"],
        "challenge": asked.get("code_challenge", ""),
        "challenge_method": asked.get("code_challenge_method", "plain"),
        "offline": offline,
        "location": location,
    }
    try:
        with world.store.transaction() as tx:
            fresh = tx.get(tokens.CLIENTS, client["client_id"]) or client
            code = codes.issue(tx, fresh, details, terms.of(world))
            tokens.remember_consent(tx, client["client_id"], OWNER, asked["scope"])
    except tokens.Throttled:
        return _back(asked, {"error": "access_denied"})
    server = terms.accounts_server(world, location)
    return _back(asked, {"code": code, "location": location, "accounts-server": server})


def _back(asked: dict[str, str], answer: dict[str, str]) -> Response:
    state = {"state": asked["state"]} if "state" in asked else {}
    uri = asked["redirect_uri"]
    joint = "&" if urlsplit(uri).query else "?"
    return redirect(f"{uri}{joint}{urlencode(state | answer)}")
