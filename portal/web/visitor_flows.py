"""What a visitor's browser is in the middle of, kept for its next step (portal/people/flows.py)."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import redirect, url_for
from werkzeug.wrappers import Response

from portal.db.transaction import as_web
from portal.people import flows
from portal.people.flows import Kind
from portal.people.supabase_auth import Identity
from portal.web.current import current_services, visitor_hash

LASTS = timedelta(minutes=10)
LINK_LASTS = timedelta(hours=1)


def remember(kind: Kind, payload: dict[str, Any], *, lasts: timedelta = LASTS) -> None:
    """Keep what a flow of this visitor needs for its next step."""
    services = current_services()
    with as_web(services.pool) as conn:
        flows.store(conn, services.keyring, visitor_hash(), kind, payload, lasts=lasts)


def ask_for_code(identity: Identity, access_token: str, *, next_page: str, then: str = "") -> Response:
    """Lead to the page that asks for a code from any of the person's apps, and then to ``next_page``."""
    factor_ids = [factor.id for factor in identity.factors]
    proof = {"access": access_token, "user_id": str(identity.user_id), "factor_ids": factor_ids}
    remember("second-factor", {**proof, "next": next_page, "then": then})
    return redirect(url_for("auth.show_second_factor"), 303)


def recall(kind: Kind) -> dict[str, Any] | None:
    services = current_services()
    with as_web(services.pool) as conn:
        return flows.find(conn, services.keyring, visitor_hash(), kind)


def forget(kind: Kind) -> None:
    with as_web(current_services().pool) as conn:
        flows.delete(conn, visitor_hash(), kind)


def return_address(kind: Kind, next_page: str | None = None) -> str:
    """Return where a mailed link leads in the end; from the settings, never from the request (RED-04)."""
    words = {"kind": kind, **({"next": next_page} if next_page else {})}
    return f"{current_services().settings.base_url}/confirmation?{urlencode(words)}"
