"""API clients and their tokens: what Zoho's API console offers."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.console.shell import back
from sandbox.control import oauth
from sandbox.control.asking import Doc, Refusal
from sandbox.oauth import codes, scopes, terms, tokens
from sandbox.world import current

blueprint = Blueprint("console_oauth", __name__, url_prefix="/console")


@blueprint.get("/oauth")
def show(code: Doc | None = None) -> ResponseReturnValue:
    world = current()
    with world.store.read() as tx:
        found = oauth.overview(tx)
    return render_template(
        "console/oauth.html",
        **found,
        code=code,
        types=oauth.TYPES,
        minutes=codes.SELF_CLIENT_MINUTES,
        full=scopes.FULL_ACCESS,
        token_time=terms.of(world).now,
    )


@blueprint.post("/oauth/clients")
def create() -> Response:
    form = request.form
    asked = {"name": form.get("name", ""), "type": form.get("type", "server")}
    try:
        with current().store.transaction() as tx:
            oauth.make_client(tx, asked | {"redirect_uris": form.get("redirect_uris", "").split()})
    except Refusal as refusal:
        return back("/console/oauth", wrong=f"Not made. {refusal}")
    return back("/console/oauth", "The client is made.")


@blueprint.post("/oauth/codes")
def make_code() -> ResponseReturnValue:
    """The code is shown once, on the page itself: an address with it would be kept in the history."""
    form, world = request.form, current()
    asked = {"client_id": form.get("client_id", ""), "scope": form.get("scope", "")}
    try:
        with world.store.transaction() as tx:
            made = oauth.make_code(world, tx, asked | {"minutes": int(form.get("minutes", "3"))})
    except (Refusal, ValueError) as refusal:
        return back("/console/oauth", wrong=f"Not made. {refusal}")
    return show(made)


@blueprint.post("/oauth/revocations")
def revoke() -> Response:
    with current().store.transaction() as tx:
        tokens.revoke(tx, request.form.get("token", ""))
    return back("/console/oauth", "Revoked, with its access tokens.")
