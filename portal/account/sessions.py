"""Where a person is signed in; ending one of these sessions, or all of them (SES-05)."""

from uuid import UUID

import structlog
from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.account.room import blueprint
from portal.db.transaction import as_member, as_web
from portal.errors import NotFound
from portal.people import sessions
from portal.people.auth_errors import IdentityError
from portal.web import guard, trail
from portal.web.current import current_services, forget_session, signed_in_session
from portal.web.pages import page

log = structlog.get_logger()


@blueprint.get("/account/sessions")
@guard.signed_in
def list_sessions() -> Response:
    live = signed_in_session()
    with as_member(current_services().pool, live.person.user_id) as conn:
        found = sessions.list_live(conn, live.person.user_id, is_staff=live.person.is_staff)
    return page("account/sessions.html", place="account", sessions=found, own_id=live.id)


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@guard.signed_in
def end_session(session_id: UUID) -> Response:
    live = signed_in_session()
    with as_web(current_services().pool, live.person.user_id) as conn:
        if sessions.end(conn, live.person.user_id, session_id, reason="ended by its owner"):
            trail.record(conn, "session:ended", object_kind="session", object_id=str(session_id))
        elif not sessions.has_ended(conn, live.person.user_id, session_id):
            raise NotFound
    if session_id == live.id:
        forget_session()
        return redirect(url_for("auth.show_sign_in"), 303)
    flash("That session has ended.")
    return redirect(url_for("account.list_sessions"), 303)


@blueprint.post("/account/sessions/end")
@guard.signed_in
def end_all_sessions() -> Response:
    """Sign out everywhere, here and at the identity provider."""
    live, services = signed_in_session(), current_services()
    with as_web(services.pool, live.person.user_id) as conn:
        tokens = sessions.find_tokens(conn, services.keyring, live.id)
        count = sessions.end_all(conn, live.person.user_id, reason="signed out everywhere")
        trail.record(
            conn, "sessions:ended", object_kind="user", object_id=str(live.person.user_id), count=count
        )
    if tokens is not None:
        try:
            services.auth.sign_out(tokens.access, "global")
        except IdentityError:
            log.warning("provider sessions not ended")
    forget_session()
    flash("You are signed out everywhere.")
    return redirect(url_for("auth.show_sign_in"), 303)
