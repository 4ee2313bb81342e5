"""What a visitor's browser is in the middle of, kept for its next step (portal/people/flows.py)."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from portal.db.transaction import as_web
from portal.people import flows
from portal.people.flows import Kind
from portal.web.current import current_services, visitor_hash

LASTS = timedelta(minutes=10)
LINK_LASTS = timedelta(hours=1)


def remember(kind: Kind, payload: dict[str, Any], *, lasts: timedelta = LASTS) -> None:
    """Keep what a flow of this visitor needs for its next step."""
    services = current_services()
    with as_web(services.pool) as conn:
        flows.store(conn, services.keyring, visitor_hash(), kind, payload, lasts=lasts)


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
    return f"{current_services().settings.base_url.rstrip('/')}/confirmation?{urlencode(words)}"
