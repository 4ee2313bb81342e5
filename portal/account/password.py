"""Changing one's password: the present one is asked for, every other session ends (SES-06)."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.account.forms import PasswordChangeForm
from portal.account.room import blueprint
from portal.db.transaction import as_web
from portal.people import sessions
from portal.people.auth_errors import IdentityError, SamePassword, WeakPassword, WrongCredentials
from portal.people.sessions import LiveSession
from portal.web import guard, personal_mail, proof, trail
from portal.web.current import access_token, client_ip, current_services, signed_in_session
from portal.web.pages import page


@blueprint.get("/account/password")
@guard.signed_in
def show_password() -> Response:
    return page("account/password.html", place="account", form=PasswordChangeForm())


@blueprint.post("/account/password")
@guard.signed_in
def change_password() -> Response:
    form, live = PasswordChangeForm(), signed_in_session()
    if not form.validate():
        return page("account/password.html", place="account", form=form)
    try:
        _change(live, form.present.data, form.password.data)
    except WrongCredentials:
        form.present.errors = [*form.present.errors, "That is not your present password"]
    except (WeakPassword, SamePassword) as refusal:
        form.password.errors = [*form.password.errors, refusal.message]
    except IdentityError as refusal:
        form.form_errors.append(refusal.message)
    if form.errors:
        return page("account/password.html", place="account", form=form)
    flash("Your password is changed. All your other sessions have ended.")
    return redirect(url_for("account.show"), 303)


def _change(live: LiveSession, present: str, new: str) -> None:
    services, user_id = current_services(), live.person.user_id
    proven = proof.of_password(live.person.email, present)
    # Proving made a session at the provider that nobody needs.
    services.auth.sign_out(proven.tokens.access, "local")
    token = access_token()
    services.auth.change_password(token, new, ip=client_ip())
    with as_web(services.pool, user_id) as conn:
        sessions.end_all(conn, user_id, reason="password changed", keep=live.id)
        personal_mail.tell(conn, live.person, "password")
        trail.record(conn, "password:changed", object_kind="user", object_id=str(user_id))
