"""Where mailed links arrive: one page with one button (AUT-06).

Mail scanners open every link, so opening changes nothing: what the link carries is put, sealed, into a
cookie of an hour, the address is cleaned by a redirect, and only the button redeems it. Both kinds of
link work: Supabase's default, which comes back with a PKCE ``code``, and a template with ``token_hash``.
"""

import base64
import binascii
import json
from typing import Literal, NamedTuple, cast, get_args

import structlog
from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.auth.arrival import arrive
from portal.auth.room import blueprint
from portal.people.auth_errors import IdentityError, LinkExpired
from portal.people.supabase_auth import LinkKind, SignedIn
from portal.people.users import Disabled
from portal.sealing import Unsealable
from portal.web import guard, new_address
from portal.web.current import access_token, client_ip, current_services, current_session
from portal.web.forms import query
from portal.web.pages import page
from portal.web.visitor_flows import forget, recall

log = structlog.get_logger()

Kind = Literal["sign-up", "magic-link", "password-reset", "email-change", "invitation"]
TYPES: dict[str, Kind] = {
    "signup": "sign-up",
    "email": "sign-up",
    "invite": "invitation",
    "magiclink": "magic-link",
    "recovery": "password-reset",
    "email_change": "email-change",
}
COOKIE, COOKIE_SECONDS = "link", 3600


class Link(NamedTuple):
    """What a mailed link brought."""

    kind: Kind
    code: str = ""
    token_hash: str = ""
    type: str = ""
    next: str = ""


@blueprint.get("/confirmation")
@guard.public
def show_confirmation() -> AnyResponse:
    arriving = _in_address()
    if arriving is not None:
        response = redirect(url_for("auth.show_confirmation", kind=arriving.kind), 303)
        _keep(response, arriving)
        return response
    if query("error_code") or query("error"):
        return page("auth/link_expired.html", message=LinkExpired().message, status=410)
    if query("message", limit=400):
        # One of the two addresses has agreed; Supabase says so on the way back.
        return page("auth/half_way.html")
    link = _kept()
    if link is None:
        return page("auth/link_expired.html", message=LinkExpired().message, status=410)
    return page("auth/confirmation.html", kind=link.kind)


@blueprint.post("/confirmation")
@guard.public
def confirm() -> AnyResponse:
    link = _kept()
    if link is None:
        return page("auth/link_expired.html", message=LinkExpired().message, status=410)
    try:
        response = _redeem(link)
    except (IdentityError, Disabled) as refusal:
        response = page("auth/link_expired.html", message=refusal.message, status=410)
    response.delete_cookie(_cookie(), path="/", secure=current_services().settings.is_secure)
    return response


def _redeem(link: Link) -> AnyResponse:
    auth, ip = current_services().auth, client_ip()
    if link.token_hash:
        signed_in = auth.verify_link(cast("LinkKind", link.type), link.token_hash, ip=ip)
        return page("auth/half_way.html") if signed_in is None else _arrive(link, signed_in)
    flow = recall(link.kind) if link.kind != "invitation" else None
    if flow is None:
        return _in_another_browser(link)
    signed_in = auth.exchange_code(link.code, flow["verifier"], ip=ip)
    if link.kind != "invitation":
        forget(link.kind)
    return _arrive(link, signed_in)


def _arrive(link: Link, signed_in: SignedIn) -> AnyResponse:
    if link.kind == "email-change":
        return _finish_email_change(signed_in)
    wants_password = link.kind in ("password-reset", "invitation")
    return arrive(signed_in, link.next or None, then="new-password" if wants_password else None)


def _in_another_browser(link: Link) -> AnyResponse:
    """The provider has already done its part; what is missing is proof that this is the same browser."""
    if link.kind == "sign-up":
        flash("Your address is confirmed. Sign in with your password.")
        return redirect(url_for("auth.show_sign_in"), 303)
    if link.kind == "email-change":
        flash("Your new address is confirmed.")
        if current_session() is not None:
            services = current_services()
            new_address.take_over(services, services.auth.fetch_identity(access_token()))
        return redirect(url_for("account.show"), 303)
    raise LinkExpired("Open the link in the browser in which you asked for it, or ask for a new one here.")


def _finish_email_change(signed_in: SignedIn) -> AnyResponse:
    """Take over the new address; the session that the link made is not needed."""
    services = current_services()
    new_address.take_over(services, signed_in.identity)
    try:
        services.auth.sign_out(signed_in.tokens.access, "local")
    except IdentityError:
        # The address is changed all the same; we keep no copy of these tokens.
        log.warning("provider session not ended")
    flash("Your e-mail address is changed.")
    return redirect(url_for("account.show"), 303)


def _in_address() -> Link | None:
    code, token_hash, type_ = query("code"), query("token_hash"), query("type")
    if not code and not (token_hash and type_ in TYPES):
        return None
    kind = query("kind") if query("kind") in get_args(Kind) else TYPES.get(type_, "magic-link")
    next_page = guard.safe_next(query("next", limit=600)) or ""
    return Link(cast("Kind", kind), code, token_hash, type_, next_page)


def _keep(response: AnyResponse, link: Link) -> None:
    services = current_services()
    sealed = services.keyring.seal(json.dumps(link), "cookie/link")
    response.set_cookie(
        _cookie(),
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=COOKIE_SECONDS,
        path="/",
        secure=services.settings.is_secure,
        httponly=True,
        samesite="Lax",
    )


def _kept() -> Link | None:
    try:
        sealed = base64.urlsafe_b64decode(request.cookies.get(_cookie(), ""))
        return Link(*json.loads(current_services().keyring.open(sealed, "cookie/link")))
    except (binascii.Error, ValueError, TypeError, Unsealable):
        return None


def _cookie() -> str:
    return f"__Host-{COOKIE}" if current_services().settings.is_secure else COOKIE
