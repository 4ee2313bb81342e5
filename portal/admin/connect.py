"""Staff connect the merchant's Zoho organisation in the browser.

Leaving for Zoho is a link, not a redirect, so that neither `form-action` nor the check of outgoing
redirects needs a hole for the accounts server. Coming back is a page with a button: a GET changes
nothing, whoever made the browser open it; the code is exchanged by the POST.
"""

from typing import Any

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from portal import activity
from portal.admin.room import blueprint
from portal.db.transaction import as_staff
from portal.errors import Refused
from portal.web import guard
from portal.web.current import current_services, signed_in_session
from portal.web.pages import page
from portal.zoho import connect
from portal.zoho.budget import Budget
from portal.zoho.connect import Choice, Connected, Connection, Consent
from portal.zoho.errors import Unauthorized, ZohoError
from portal.zoho.oauth import SCOPES

_LONGEST = 2000


@blueprint.get("/admin/zoho-connection")
@guard.staff
def show_zoho_connection() -> Response:
    return _status()


@blueprint.post("/admin/zoho-connection/authorization")
@guard.staff
@guard.fresh
def create_zoho_authorization() -> Response:
    services = current_services()
    if not services.settings.zoho_client_id.get_secret_value():
        return _status(problem="ZOHO_CLIENT_ID and ZOHO_CLIENT_SECRET are not set.", status=422)
    address = _connection().begin(_user_id())
    return page(
        "admin/connect_leave.html",
        address=address,
        accounts_url=services.settings.zoho_accounts_url,
        asked=_by_module(" ".join(SCOPES)),
    )


@blueprint.get("/admin/zoho-connection/return")
@guard.staff
@guard.fresh
def show_zoho_return() -> Response:
    query = {name: request.args.get(name, "")[:_LONGEST] for name in request.args}
    try:
        consent = _connection().check_return(_user_id(), query)
    except Refused as refusal:
        return _status(problem=refusal.message, status=422)
    return page("admin/connect_return.html", consent=consent)


@blueprint.post("/admin/zoho-connection/consent")
@guard.staff
@guard.fresh
def create_zoho_consent() -> Response:
    names = ("state", "code", "location", "accounts_server")
    consent = Consent(**{name: request.form.get(name, "")[:_LONGEST] for name in names})
    try:
        result = _connection().finish(_user_id(), consent)
    except Refused as refusal:
        return _status(problem=refusal.message, status=422)
    except ZohoError as trouble:
        return _status(problem=_in_words(trouble), status=503)
    if isinstance(result, Choice):
        return redirect(url_for("admin.show_zoho_organizations"), 303)
    return _connected(result)


@blueprint.get("/admin/zoho-connection/organizations")
@guard.staff
def show_zoho_organizations() -> Response:
    choice = _connection().pending(_user_id())
    if choice is None:
        return redirect(url_for("admin.show_zoho_connection"), 303)
    return page("admin/connect_organizations.html", organizations=choice.organizations)


@blueprint.post("/admin/zoho-connection/organization")
@guard.staff
@guard.fresh
def create_zoho_organization() -> Response:
    try:
        connected = _connection().choose(_user_id(), request.form.get("organization_id", "")[:_LONGEST])
    except Refused as refusal:
        return _status(problem=refusal.message, status=422)
    return _connected(connected)


def _connected(connected: Connected) -> Response:
    organization = connected.organization
    with as_staff(current_services().pool, _user_id()) as conn:
        activity.record(
            conn,
            action="zoho:connected",
            actor_kind="staff",
            actor_id=_user_id(),
            object_kind="organization",
            object_id=organization.zoho_id,
            detail={"name": organization.name, "scopes": list(connected.scopes)},
        )
    flash(f"Connected to {organization.name} at Zoho.")
    return redirect(url_for("admin.show_zoho_connection"), 303)


def _status(problem: str = "", status: int = 200) -> Response:
    services = current_services()
    with as_staff(services.pool, _user_id()) as conn:
        found = connect.find_connection(conn)
        usage = Budget(services.settings, services.pool).usage(conn)
    return page(
        "admin/connect.html",
        status=status,
        problem=problem,
        connection=found,
        usage=usage,
        from_environment=bool(services.settings.zoho_refresh_token.get_secret_value()),
        configured=services.settings.zoho_organization_id,
        granted=_by_module((found or {}).get("scope", "")),
        missing=_missing_scopes(found),
    )


def _missing_scopes(found: dict[str, Any] | None) -> list[str]:
    """Name what the portal asks for and the connection does not have."""
    granted = set((found or {}).get("scope", "").replace(",", " ").split())
    if not granted or "ZohoSubscriptions.fullaccess.all" in granted:
        return []
    return [scope for scope in SCOPES if scope not in granted]


def _by_module(scopes: str) -> dict[str, str]:
    """Put Zoho's scopes in words: what may be done with which kind of object."""
    found: dict[str, list[str]] = {}
    for scope in scopes.replace(",", " ").split():
        module, _, operation = scope.removeprefix("ZohoSubscriptions.").partition(".")
        found.setdefault(module, []).append(operation.lower())
    return {module: ", ".join(operations) for module, operations in found.items()}


def _connection() -> Connection:
    services = current_services()
    return Connection(services.settings, services.pool, services.keyring)


def _user_id() -> Any:
    return signed_in_session().person.user_id


def _in_words(trouble: ZohoError) -> str:
    if isinstance(trouble, Unauthorized):
        return f"Zoho gave no access: {trouble.reason}. What to do: {trouble.what_to_do}."
    return trouble.message
