"""Asking for a mailed link: to sign in without a password, or to choose a new one.

Whatever address is typed, the answer is the same page after the same time (AUT-05); the mail tells the
owner of the address the rest. The PKCE verifier stays here, sealed under the visitor's cookie, so the
link opens for the browser that asked for it (AUT-06).
"""

from collections.abc import Callable

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.auth import pace
from portal.auth.forms import EmailForm
from portal.auth.room import blueprint
from portal.db.transaction import as_web
from portal.people.auth_errors import IdentityError, NoLogin
from portal.people.flows import Kind
from portal.web import guard, limits, places
from portal.web.current import client_ip, current_services
from portal.web.forms import query
from portal.web.pages import page
from portal.web.visitor_flows import LINK_LASTS, remember, return_address

MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS = 5, 20


@blueprint.get("/magic-link")
@guard.public
def show_magic_link() -> Response:
    return page("auth/magic_link.html", form=EmailForm(), next=guard.safe_next(query("next", limit=600)))


@blueprint.post("/magic-link")
@guard.public
def send_magic_link() -> AnyResponse:
    form = EmailForm()
    next_page = guard.safe_next(query("next", limit=600))
    if not form.validate():
        return page("auth/magic_link.html", form=form, next=next_page)
    try:
        ask("magic-link", form.email.data, current_services().auth.send_magic_link, next_page=next_page)
    except IdentityError as refusal:
        form.form_errors.append(refusal.message)
        return page("auth/magic_link.html", form=form, next=next_page)
    return redirect(url_for("auth.show_check_mail"), 303)


@blueprint.get("/password-reset")
@guard.public
def show_password_reset() -> Response:
    return page("auth/password_reset.html", form=EmailForm())


@blueprint.post("/password-reset")
@guard.public
def send_password_reset() -> AnyResponse:
    form = EmailForm()
    if not form.validate():
        return page("auth/password_reset.html", form=form)
    try:
        ask("password-reset", form.email.data, current_services().auth.send_password_reset)
    except IdentityError as refusal:
        form.form_errors.append(refusal.message)
        return page("auth/password_reset.html", form=form)
    return redirect(url_for("auth.show_check_mail"), 303)


@blueprint.get("/check-your-mail")
@guard.public
def show_check_mail() -> Response:
    return page("auth/check_mail.html")


def ask(
    kind: Kind, email: str, send: Callable[..., str], *, next_page: str | None = None, **more: str
) -> None:
    """Have a link mailed, at an even pace, and keep its verifier; says nothing about the address."""
    with pace.even():
        count_mail(email)
        try:
            verifier = send(email, return_to=return_address(kind, next_page), ip=client_ip(), **more)
        except NoLogin:
            return
        remember(kind, {"verifier": verifier}, lasts=LINK_LASTS)


def count_mail(email: str) -> None:
    """Refuse to be used for flooding a mailbox, ours or a stranger's."""
    services = current_services()
    per_address = MAILS_PER_ADDRESS * services.settings.rate_limit_scale
    with as_web(services.pool) as conn:
        account = places.account_key(conn, "mail", email)
    keys = (
        (account, MAILS_PER_ACCOUNT),
        (limits.address_key("mail", client_ip()), per_address),
    )
    for key, most in keys:
        with as_web(services.pool) as conn:
            limits.hit(conn, key, most=most, window=limits.QUARTER)
