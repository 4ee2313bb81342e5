"""The door of `/billing/v1`: token, scope and organisation, before any operation runs (facts 1.6, 2.1)."""

from flask import Response, g, request

from sandbox.envelope import failed
from sandbox.oauth import scopes, terms, tokens
from sandbox.world import World, current

API = "/billing/v1/"
PREFIXES = {"refused": ("Zoho-oauthtoken ",), "accepted": ("Zoho-oauthtoken ", "Bearer ")}
ORGANISATION_HEADER = "X-com-zoho-subscriptions-organizationid"
ORGANISATION = "10000001"

MESSAGES = {
    "57": "You are not authorized to perform this operation",
    "14": "Invalid value passed for authtoken.",
}


def check() -> Response | None:
    """Answer for Zoho when the caller may not pass; None lets the call go on."""
    if not request.path.startswith(API):
        return None
    world = current()
    access = _token(world)
    if access is None:
        status, code = world.settings.u5_expired_token.split("/")
        return failed(int(code), MESSAGES[code], int(status))
    if not scopes.covers(access["scope"], scopes.needed(request.method, request.path[len(API) :])):
        return failed(57, MESSAGES["57"], 401)
    g.organization_id = request.headers.get(ORGANISATION_HEADER) or ORGANISATION
    if g.organization_id != ORGANISATION:
        return failed(6041, "This user is not associated with the CompanyID/CompanyName.", 403)
    return None


def _token(world: World) -> tokens.Doc | None:
    """The access token of the header; `Bearer` in place of Zoho's own word is a switch (facts 10.27)."""
    header = request.headers.get("Authorization", "")
    if not header.startswith(PREFIXES[world.settings.oauth_bearer]):
        return None
    with world.store.read() as tx:
        access = tx.get(tokens.ACCESS, header.partition(" ")[2].strip())
    if access is None or access["expires"] <= terms.of(world).now:
        return None
    return access
