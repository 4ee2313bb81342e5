"""`/_control/oauth`: what Zoho's API console does: clients, self-client codes, revocation."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.asking import Doc, Refusal, fields
from sandbox.oauth import codes, scopes, terms, tokens
from sandbox.store import Tx
from sandbox.world import World, current

blueprint = Blueprint("control_oauth", __name__)
TYPES = ("server", "client", "mobile", "self")


@blueprint.get("/_control/oauth")
def show() -> ResponseReturnValue:
    with current().store.read() as tx:
        return jsonify(overview(tx))


@blueprint.post("/_control/oauth/clients")
def create_client() -> ResponseReturnValue:
    asked = fields("name", "type", "redirect_uris", "multi_dc")
    with current().store.transaction() as tx:
        return jsonify(make_client(tx, asked)), 201


@blueprint.post("/_control/oauth/codes")
def create_code() -> ResponseReturnValue:
    """A self client's code: {"client_id", "scope", "minutes"}."""
    asked = fields("client_id", "scope", "minutes", "location")
    world = current()
    with world.store.transaction() as tx:
        return jsonify(make_code(world, tx, asked)), 201


@blueprint.post("/_control/oauth/revocations")
def revoke() -> ResponseReturnValue:
    """Take a token away, as its user could do in Zoho Accounts: {"token"} or {"everything": true}."""
    asked = fields("token", "everything")
    with current().store.transaction() as tx:
        doomed = [asked["token"]] if "token" in asked else _all(tx, asked)
        revoked = sum(tokens.revoke(tx, str(token)) for token in doomed)
    return jsonify(revoked=revoked)


def overview(tx: Tx) -> Doc:
    return {
        "clients": tx.find(tokens.CLIENTS),
        "refresh_tokens": tx.find(tokens.REFRESH),
        "access_tokens": tx.count(tokens.ACCESS),
    }


def make_client(tx: Tx, asked: Doc) -> Doc:
    kind, uris = asked.get("type", "server"), asked.get("redirect_uris", [])
    if kind not in TYPES:
        raise Refusal(f"type: one of {', '.join(TYPES)}")
    if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        raise Refusal("redirect_uris: a list of addresses")
    if kind != "self" and not uris:
        raise Refusal("redirect_uris: only a self client has none")
    multi_dc = asked.get("multi_dc", True)
    if not isinstance(multi_dc, bool):
        raise Refusal("multi_dc: true or false")
    name = str(asked.get("name") or "Unnamed")
    return tokens.new_client(tx, name, kind, uris, multi_dc=multi_dc)


def make_code(world: World, tx: Tx, asked: Doc) -> Doc:
    client = tx.get(tokens.CLIENTS, str(asked.get("client_id", tokens.READY_CLIENT)))
    scope = str(asked.get("scope") or scopes.FULL_ACCESS)
    minutes = asked.get("minutes", codes.SELF_CLIENT_MINUTES[0])
    if client is None:
        raise Refusal("client_id: no such client", 404)
    if wrong := scopes.unknown(scope):
        raise Refusal(f"scope: {', '.join(wrong)} does not exist")
    if minutes not in codes.SELF_CLIENT_MINUTES:
        raise Refusal(f"minutes: one of {', '.join(map(str, codes.SELF_CLIENT_MINUTES))}")
    location = str(asked.get("location") or world.settings.data_center)
    details = {"user": tokens.OWNER, "scope": scope, "location": location, "lasts_s": minutes * 60}
    try:
        code = codes.issue(tx, client, details, terms.of(world))
    except tokens.Throttled:
        raise Refusal("10 codes in 10 minutes is Zoho's limit for a client", 429) from None
    return {"code": code, "scope": scope, "minutes": minutes, "location": location}


def _all(tx: Tx, asked: Doc) -> list[str]:
    if asked.get("everything") is not True:
        raise Refusal('say {"token": ...} or {"everything": true}')
    return tx.ids(tokens.REFRESH) + tx.ids(tokens.ACCESS)
