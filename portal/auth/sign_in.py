"""Signing in with a password, and out."""

from uuid import UUID

import structlog
from flask import Response, flash, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.auth import pace
from portal.auth.arrival import arrive, landing
from portal.auth.forms import SignInForm
from portal.auth.room import blueprint
from portal.db.transaction import as_web
from portal.people import sessions
from portal.people.auth_errors import IdentityError
from portal.people.users import Disabled
from portal.web import guard, proof, trail
from portal.web.current import current_services, current_session, forget_session
from portal.web.forms import query
from portal.web.pages import page

log = structlog.get_logger()


@blueprint.get("/sign-in")
@guard.public
def show_sign_in() -> AnyResponse:
    asked = query("next", limit=600)
    if current_session() is not None:
        return redirect(landing(asked), 303)
    form = SignInForm()
    form.next.data = guard.safe_next(asked) or ""
    return page("auth/sign_in.html", form=form)


@blueprint.post("/sign-in")
@guard.public
def sign_in() -> AnyResponse:
    form = SignInForm()
    if not form.validate():
        return page("auth/sign_in.html", form=form)
    try:
        # The session starts inside the same pace: only a failure may take as long as another failure.
        with pace.even():
            signed_in = proof.of_password(form.email.data, form.password.data)
        return arrive(signed_in, form.next.data)
    except (IdentityError, Disabled) as refusal:
        return _refused(form, refusal.message)


@blueprint.post("/sign-out")
@guard.public
def sign_out() -> AnyResponse:
    """End the session here and at the identity provider; works without a session too."""
    live, services = current_session(), current_services()
    if live is not None:
        user_id: UUID = live.person.user_id
        with as_web(services.pool, user_id) as conn:
            tokens = sessions.find_tokens(conn, services.keyring, live.id)
            sessions.end(conn, user_id, live.id, reason="signed out")
        trail.record_own("session:ended", user_id, is_staff=live.person.is_staff)
        if tokens is not None:
            try:
                services.auth.sign_out(tokens.access, "local")
            except IdentityError:
                # Ours has ended, and with it the only copy of the tokens.
                log.warning("provider session not ended")
    forget_session()
    flash("You are signed out.")
    return redirect(url_for("auth.show_sign_in"), 303)


def _refused(form: SignInForm, message: str) -> Response:
    form.form_errors.append(message)
    return page("auth/sign_in.html", form=form)
