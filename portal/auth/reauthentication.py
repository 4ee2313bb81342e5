"""Showing once more who one is, before acts that an unattended browser must not do (SES-08)."""

from flask import redirect
from werkzeug.wrappers import Response as AnyResponse

from portal.auth import pace
from portal.auth.arrival import arrive, landing
from portal.auth.forms import PasswordForm
from portal.auth.room import blueprint
from portal.people.auth_errors import IdentityError
from portal.people.users import Disabled
from portal.web import guard, proof
from portal.web.current import signed_in_session
from portal.web.forms import query
from portal.web.pages import page


@blueprint.get("/reauthentication")
@guard.signed_in
def show_reauthentication() -> AnyResponse:
    asked = guard.safe_next(query("next", limit=600))
    if signed_in_session().is_fresh:
        return redirect(landing(asked), 303)
    form = PasswordForm()
    form.next.data = asked or ""
    return page("auth/reauthentication.html", form=form)


@blueprint.post("/reauthentication")
@guard.signed_in
def reauthenticate() -> AnyResponse:
    form = PasswordForm()
    if not form.validate():
        return page("auth/reauthentication.html", form=form)
    try:
        with pace.even():
            signed_in = proof.of_password(signed_in_session().person.email, form.password.data)
        return arrive(signed_in, form.next.data)
    except (IdentityError, Disabled) as refusal:
        form.form_errors.append(refusal.message)
        return page("auth/reauthentication.html", form=form)
