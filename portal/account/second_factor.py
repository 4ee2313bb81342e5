"""Turning the second factor on and off: a new session begins, all others end (SES-02, SES-06)."""

from flask import flash, redirect, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from portal.account.forms import CodeForm
from portal.account.room import blueprint
from portal.db.transaction import as_web
from portal.people import sessions, signing_in, users
from portal.people.auth_errors import IdentityError
from portal.web import guard, one_time_codes, personal_mail, qr, trail
from portal.web.current import (
    access_token,
    begin_session,
    client_ip,
    current_services,
    signed_in_session,
    visit,
)
from portal.web.pages import page
from portal.web.visitor_flows import forget, recall, remember


@blueprint.get("/account/second-factor")
@guard.signed_in
@guard.fresh
def show_second_factor() -> Response:
    return page("account/second_factor.html", place="account", form=CodeForm())


@blueprint.post("/account/second-factor/enrolment")
@guard.signed_in
@guard.fresh
def begin_enrolment() -> Response:
    """Ask the provider for a secret; it is shown once and kept nowhere but in this flow."""
    services = current_services()
    new = services.auth.enroll_factor(access_token(), issuer=services.settings.merchant_name, name="")
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
    with as_web(services.pool, live.person.user_id) as conn:
        sessions.end_all(conn, live.person.user_id, reason="second factor turned on", keep=live.id)
        personal_mail.tell(conn, live.person, "second-factor-on")
    started = signing_in.start(services.pool, services.keyring, signed_in, visit(), replaces=live.id)
    begin_session(started.cookie)
    trail.record_own("second factor:turned on", live.person.user_id, is_staff=live.person.is_staff)
    flash("Your second factor is on. From now on we ask for a code when you sign in.")
    return redirect(url_for("account.show"), 303)


@blueprint.post("/account/second-factor/removal")
@guard.signed_in
@guard.fresh
def turn_off() -> Response:
    live, services = signed_in_session(), current_services()
    user_id = live.person.user_id
    if live.person.is_staff:
        raise Forbidden("Staff need a second factor.")
    token = access_token()
    for factor_id in services.auth.fetch_identity(token).factor_ids:
        services.auth.unenroll_factor(token, factor_id)
    identity = services.auth.fetch_identity(token)
    with as_web(services.pool, user_id) as conn:
        was_on = users.lock(conn, user_id).has_second_factor
        users.upsert(conn, identity)
        if was_on:  # the second click finds it off, and nobody is told twice
            sessions.end_all(conn, user_id, reason="second factor turned off", keep=live.id)
            personal_mail.tell(conn, live.person, "second-factor-off")
            trail.record(conn, "second factor:turned off", object_kind="user", object_id=str(user_id))
    flash("Your second factor is off.")
    return redirect(url_for("account.show"), 303)


def _enrolment(form: CodeForm) -> Response:
    flow = recall("enrolment")
    if flow is None or "uri" not in flow:
        return redirect(url_for("account.show_second_factor"), 303)
    drawing = qr.svg(flow["uri"], label="QR code for your authenticator app")
    return page("account/enrolment.html", place="account", form=form, drawing=drawing, secret=flow["secret"])
