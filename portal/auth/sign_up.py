"""Creating a login: an address, a name, a password; then a mail that must be confirmed (AUT-08)."""

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.auth.arrival import landing
from portal.auth.forms import SignUpForm
from portal.auth.mailed_links import ask
from portal.auth.room import blueprint
from portal.people.auth_errors import EmailTaken, IdentityError, WeakPassword
from portal.web import guard
from portal.web.current import current_services, current_session
from portal.web.pages import page


@blueprint.get("/sign-up")
@guard.public
def show_sign_up() -> AnyResponse:
    if current_session() is not None:
        return redirect(landing(None), 303)
    return page("auth/sign_up.html", form=SignUpForm())


@blueprint.post("/sign-up")
@guard.public
def sign_up() -> AnyResponse:
    form = SignUpForm()
    if not form.validate():
        return page("auth/sign_up.html", form=form)
    auth = current_services().auth
    try:
        ask("sign-up", form.email.data, auth.sign_up, password=form.password.data, name=form.name.data)
    except WeakPassword as refusal:
        form.password.errors = [*form.password.errors, refusal.message]
        return page("auth/sign_up.html", form=form)
    except EmailTaken:
        # Some projects say so; we do not (AUT-05).
        return redirect(url_for("auth.show_check_mail"), 303)
    except IdentityError as refusal:
        return _refused(form, refusal.message)
    return redirect(url_for("auth.show_check_mail"), 303)


def _refused(form: SignUpForm, message: str) -> Response:
    form.form_errors.append(message)
    return page("auth/sign_up.html", form=form)
