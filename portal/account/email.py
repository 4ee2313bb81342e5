"""Changing one's e-mail address: both the old and the new one must agree.

The answer is the same whether or not somebody else has the new address (AUT-05): if so, no mail is sent.
"""

from flask import redirect, url_for
from werkzeug.wrappers import Response

from portal.account.forms import EmailChangeForm
from portal.account.room import blueprint
from portal.people.auth_errors import EmailTaken, IdentityError
from portal.web import guard, trail
from portal.web.acting import new_key, once
from portal.web.current import access_token, client_ip, current_services, signed_in_session
from portal.web.pages import page
from portal.web.visitor_flows import LINK_LASTS, remember, return_address


@blueprint.get("/account/email")
@guard.signed_in
@guard.fresh
def show_email() -> Response:
    return _show(EmailChangeForm())


@blueprint.post("/account/email")
@guard.signed_in
@guard.fresh
def change_email() -> Response:
    form, live = EmailChangeForm(), signed_in_session()
    if form.validate() and form.email.data.lower() == live.person.email:
        form.email.errors = ["That is your present address"]
    if form.errors:
        return _show(form)
    try:
        with once(form) as is_first:
            if is_first:
                _ask(form.email.data)
                trail.record_own("email:change asked", live.person.user_id, is_staff=live.person.is_staff)
    except IdentityError as refusal:
        form.form_errors.append(refusal.message)
        return _show(form)
    return redirect(url_for("account.show_email_sent"), 303)


@blueprint.get("/account/email/sent")
@guard.signed_in
def show_email_sent() -> Response:
    return page("account/email_sent.html", place="account")


def _show(form: EmailChangeForm) -> Response:
    form.key.data = form.key.data or new_key()
    return page("account/email.html", place="account", form=form)


def _ask(email: str) -> None:
    services = current_services()
    token = access_token()
    try:
        verifier = services.auth.change_email(
            token, email, return_to=return_address("email-change"), ip=client_ip()
        )
    except EmailTaken:
        return
    remember("email-change", {"verifier": verifier}, lasts=LINK_LASTS)
