"""`/oauth/v2/token`, its revocation, and `/oauth/serverinfo` (facts 1.1, 1.3).

Errors come as HTTP 200 with an `error` key, because Zoho's do. Parameters are
read from the query or the form.
"""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.faults import answers
from sandbox.oauth import codes, datacentres, terms, tokens
from sandbox.oauth.tokens import Doc, Refused, Terms
from sandbox.store import Tx
from sandbox.world import World, current

blueprint = Blueprint("oauth_exchange", __name__)


@blueprint.post("/oauth/v2/token")
def token() -> ResponseReturnValue:
    world = current()
    form = request.args.to_dict() | request.form.to_dict()
    grants = {"authorization_code": _from_code, "refresh_token": _from_refresh}
    grant = grants.get(form.get("grant_type", ""))
    if grant is None:
        return jsonify(error="general_error")
    try:
        with world.store.transaction() as tx:
            client = _client(world, tx, form)
            answer = grant(world, tx, client, form)
    except Refused as refusal:
        return jsonify(error=str(refusal))
    except tokens.Throttled:
        return answers.throttled(world.settings.oauth_throttle)
    if "access_token" not in answer:
        return jsonify(error="invalid_code")
    return jsonify(answer)


@blueprint.post("/oauth/v2/token/revoke")
def revoke() -> ResponseReturnValue:
    wanted = request.args.get("token") or request.form.get("token") or ""
    with current().store.transaction() as tx:
        known = tokens.revoke(tx, wanted)
    return jsonify(status="success") if known else jsonify(error="invalid_token")


@blueprint.get("/oauth/serverinfo")
def serverinfo() -> ResponseReturnValue:
    world = current()
    offered = datacentres.offered(with_uk=world.settings.u16_uk_uae)
    servers = {location: terms.accounts_server(world, location) for location in offered}
    return jsonify(result="success", locations=servers)


def _client(world: World, tx: Tx, form: dict[str, str]) -> Doc:
    client = tx.get(tokens.CLIENTS, _given(form, "client_id"))
    elsewhere = terms.here(world) != world.settings.data_center
    if client is None or (elsewhere and not client["multi_dc"]):
        raise Refused("invalid_client")
    public = client["type"] == "mobile" and "code_verifier" in form
    if not public and form.get("client_secret") != client["client_secret"]:
        raise Refused("invalid_client_secret")
    return client


def _from_code(world: World, tx: Tx, client: Doc, form: dict[str, str]) -> Doc:
    now = terms.of(world)
    code = codes.redeem(tx, client, _given(form, "code"), form, now)
    if not code or not _lives_here(world, code):
        return {}
    if not code["offline"]:
        return _answer(world, tokens.access_alone(tx, code["scope"], now), code["scope"], now)
    refresh = tokens.new_refresh_token(tx, code, now)
    access = tokens.access_from_refresh(tx, refresh, now)
    return _answer(world, access, code["scope"], now) | {"refresh_token": refresh}


def _from_refresh(world: World, tx: Tx, client: Doc, form: dict[str, str]) -> Doc:
    now = terms.of(world)
    known = tx.get(tokens.REFRESH, _given(form, "refresh_token"))
    if known is None or known["client_id"] != client["client_id"] or not _lives_here(world, known):
        raise Refused("invalid_code")
    access = tokens.access_from_refresh(tx, known["token"], now)
    return _answer(world, access, known["scope"], now)


def _given(form: dict[str, str], name: str) -> str:
    """A parameter that must be there."""
    if not form.get(name):
        raise Refused("general_error")
    return form[name]


def _lives_here(world: World, doc: Doc) -> bool:
    """Another data centre's code or token is unknown, once data centres are told apart."""
    if world.settings.data_center_hosts == "same":
        return True
    return doc["location"] in ("", terms.here(world))


def _answer(world: World, access: str, scope: str, now: Terms) -> Doc:
    return {
        "access_token": access,
        "scope": scope.replace(",", " "),
        "api_domain": terms.accounts_server(world, terms.here(world)),
        "token_type": "Bearer",
        "expires_in": now.access_s,
    }
