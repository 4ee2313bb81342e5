"""The second factor: authenticator apps connected and removed; after each, all other sessions end
(SES-02, SES-06), and a mail tells it (AUT-07).

A person may connect several apps: whoever loses one phone signs in with the other (docs/decisions/0142).
The provider's session may lose its strength with a removed app; what it refuses then is asked for again
after the person has shown a code.
"""

from flask import flash, redirect, request, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from portal.account.forms import AppForm, CodeForm
from portal.account.room import blueprint
from portal.db.transaction import as_web
from portal.people import sessions, signing_in, users
from portal.people.auth_errors import FactorNameTaken, IdentityError, SecondFactorNeeded, TooManyFactors
from portal.people.supabase_auth import Factor
from portal.web import guard, limits, one_time_codes, personal_mail, qr, trail
from portal.web.current import (
    access_token,
    begin_session,
    client_ip,
    current_services,
    signed_in_session,
    visit,
)
from portal.web.pages import page
from portal.web.visitor_flows import ask_for_code, forget, recall, remember


@blueprint.get("/account/second-factor")
@guard.signed_in
@guard.fresh
def show_second_factor() -> Response:
    return _apps(AppForm(formdata=None))


@blueprint.post("/account/second-factor/enrolment")
@guard.signed_in
@guard.fresh
def begin_enrolment() -> Response:
    """Ask the provider for a secret; it is shown once and kept nowhere but in this flow."""
    form, services = AppForm(), current_services()
    if not form.validate():
        return _apps(form)
    try:
        _drop_what_was_begun()
        new = services.auth.enroll_factor(
            access_token(), issuer=services.settings.merchant_name, name=(form.name.data or "").strip()
        )
    except SecondFactorNeeded:
        return _show_a_code_first()
    except (FactorNameTaken, TooManyFactors) as refusal:
        form.name.errors = [*form.name.errors, refusal.message]
        return _apps(form)
    remember("enrolment", {"factor_id": new.factor_id, "secret": new.secret, "uri": new.uri})
    return redirect(url_for("account.show_enrolment"), 303)


@blueprint.get("/account/second-factor/enrolment")
@guard.signed_in
@guard.fresh
def show_enrolment() -> Response:
    return _enrolment(CodeForm())


@blueprint.post("/account/second-factor")
@guard.signed_in
@guard.fresh
def turn_on() -> Response:
    form, flow, live = CodeForm(), recall("enrolment"), signed_in_session()
    if flow is None or "factor_id" not in flow or not form.validate():
        return _enrolment(form)
    services = current_services()
    try:
        with one_time_codes.trying(services.pool, live.person.user_id, form.code.data):
            signed_in = services.auth.verify_factor(
                access_token(), flow["factor_id"], form.code.data, ip=client_ip()
            )
    except IdentityError as refusal:
        form.code.errors = [*form.code.errors, refusal.message]
        return _enrolment(form)
    forget("enrolment")
    is_first = not live.person.has_second_factor
    with as_web(services.pool, live.person.user_id) as conn:
        sessions.end_all(conn, live.person.user_id, reason="second factor turned on", keep=live.id)
        personal_mail.tell(conn, live.person, "second-factor-on" if is_first else "second-factor-added")
    started = signing_in.start(services.pool, services.keyring, signed_in, visit(), replaces=live.id)
    begin_session(started.cookie)
    what = "second factor:turned on" if is_first else "second factor:app connected"
    trail.record_own(what, live.person.user_id, is_staff=live.person.is_staff)
    if is_first:
        flash("Your second factor is on. From now on we ask for a code when you sign in.")
        return redirect(url_for("account.show"), 303)
    flash("The app is connected. You can sign in with a code from any of your apps.")
    return redirect(url_for("account.show_second_factor"), 303)


@blueprint.post("/account/second-factor/removal")
@guard.signed_in
@guard.fresh
def remove_app() -> Response:
    """Remove one app; the second factor is off when it was the last."""
    live, services, token = signed_in_session(), current_services(), access_token()
    user_id, wanted = live.person.user_id, request.form.get("factor", "")
    held = [factor.id for factor in services.auth.fetch_identity(token).factors]
    if live.person.is_staff and len(held) <= 1:
        raise Forbidden("Staff need a second factor.")
    try:
        if wanted in held:
            services.auth.unenroll_factor(token, wanted)
    except SecondFactorNeeded:
        return _show_a_code_first()
    identity = services.auth.fetch_identity(token)
    act, what = (
        ("second-factor-removed", "app removed") if identity.factors else ("second-factor-off", "turned off")
    )
    with as_web(services.pool, user_id) as conn:
        users.lock(conn, user_id)
        users.upsert(conn, identity)
        # the second click finds it removed, and nobody is told twice
        if wanted in held and limits.claim(conn, f"factor-removed:{wanted}"):
            sessions.end_all(conn, user_id, reason=f"second factor {what}", keep=live.id)
            personal_mail.tell(conn, live.person, act)
            trail.record(conn, f"second factor:{what}", object_kind="user", object_id=str(user_id))
    if identity.factors:
        flash("The app is removed. Its codes no longer work.")
        return redirect(url_for("account.show_second_factor"), 303)
    flash("Your second factor is off.")
    return redirect(url_for("account.show"), 303)


def _apps(form: AppForm) -> Response:
    """Show the apps that are connected, as the provider knows them."""
    held: tuple[Factor, ...] = ()
    if signed_in_session().person.has_second_factor:
        held = current_services().auth.fetch_identity(access_token()).factors
    return page("account/second_factor.html", place="account", form=form, apps=held)


def _drop_what_was_begun() -> None:
    """Let the provider forget an app that was never confirmed: it holds on to the name."""
    flow = recall("enrolment")
    if flow is not None and "factor_id" in flow:
        current_services().auth.unenroll_factor(access_token(), flow["factor_id"])
        forget("enrolment")


def _show_a_code_first() -> Response:
    token = access_token()
    identity = current_services().auth.fetch_identity(token)
    return ask_for_code(identity, token, next_page=url_for("account.show_second_factor"))


def _enrolment(form: CodeForm) -> Response:
    flow = recall("enrolment")
    if flow is None or "uri" not in flow:
        return redirect(url_for("account.show_second_factor"), 303)
    drawing = qr.svg(flow["uri"], label="QR code for your authenticator app")
    return page("account/enrolment.html", place="account", form=form, drawing=drawing, secret=flow["secret"])
