"""What follows when somebody has shown who they are: a second factor, or a session and their page.

A session begins only when everything it needs has been shown, so there are no half signed-in sessions:
until then the proof so far waits, sealed, under the visitor's cookie for ten minutes.
"""

from uuid import UUID

from flask import redirect, url_for
from werkzeug.wrappers import Response

from portal.db.transaction import as_web
from portal.jobs import queue, tasks
from portal.people import accounts, sessions, signing_in
from portal.people.flows import Kind
from portal.people.supabase_auth import SignedIn
from portal.services import Services
from portal.web import new_address, trail
from portal.web.current import (
    begin_session,
    begin_visit,
    current_services,
    current_session,
    visit,
)
from portal.web.next_page import safe_next
from portal.web.visitor_flows import ask_for_code, remember

HOME = "subscriptions.overview"


def arrive(signed_in: SignedIn, next_page: str | None, *, then: Kind | None = None) -> Response:
    """Go on with the next thing that is asked of this person; at the end start their session.

    ``then`` names a flow that takes the place of the landing page (a new password after a reset).
    """
    if signed_in.aal != "aal2" and (signed_in.identity.factors or signed_in.identity.is_staff):
        return _ask_second_factor(signed_in, next_page, then)
    return _start(signed_in, next_page, then)


def landing(next_page: str | None) -> str:
    """Return where a person who has just come in goes."""
    # The overview sends staff on to their pages; who is coming in is not known here before their cookie is.
    return safe_next(next_page) or url_for(HOME)


def _ask_second_factor(signed_in: SignedIn, next_page: str | None, then: Kind | None) -> Response:
    identity = signed_in.identity
    live = current_session()
    if live is None or live.person.user_id != identity.user_id:
        # Half of the proof is shown: it must not lie under a cookie that somebody may have planted (SES-02).
        begin_visit()
    wanted, access = safe_next(next_page) or "", signed_in.tokens.access
    if identity.factors:
        return ask_for_code(identity, access, next_page=wanted, then=then or "")
    # Staff without a factor get one before they get in (AUT-03).
    proof = {"access": access, "user_id": str(identity.user_id)}
    remember("first-factor", {**proof, "next": wanted, "then": then or ""})
    return redirect(url_for("auth.show_enrolment"), 303)


def _start(signed_in: SignedIn, next_page: str | None, then: Kind | None) -> Response:
    services, identity = current_services(), signed_in.identity
    live = current_session()
    if live is not None:
        # Somebody signs in over a session, their own or another's: it ends with its cookie (SES-02).
        with as_web(services.pool, live.person.user_id) as conn:
            sessions.end(conn, live.person.user_id, live.id, reason="replaced")
    recorded: list[UUID] = []
    started = signing_in.start(
        services.pool,
        services.keyring,
        signed_in,
        visit(),
        on_new_address=lambda conn, old: recorded.extend(new_address.record(conn, identity, old)),
    )
    new_address.carry(services, recorded)
    _look_for_customers(services, identity.user_id)
    begin_session(started.cookie)
    trail.record_own("session:started", identity.user_id, is_staff=identity.is_staff, aal=signed_in.aal)
    if then == "new-password":
        remember("new-password", {})
        return redirect(url_for("auth.show_new_password"), 303)
    if started.is_invited and not next_page:
        next_page = url_for("account.list_my_invitations")
    return redirect(landing(next_page), 303)


def _look_for_customers(services: Services, user_id: UUID) -> None:
    """Have it looked for at Zoho what an owner bought before there was a portal (docs/decisions/0145)."""
    with as_web(services.pool, user_id) as conn:
        for account_id in accounts.list_without_customer(conn, user_id):
            queue.defer(conn, tasks.adopt_customer, once=f"adopt:{account_id}", account_id=str(account_id))
