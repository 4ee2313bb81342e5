"""The second factor at sign-in, and a first one for staff who have none yet (AUT-03).

Nobody is signed in on these pages: the proof so far waits under the visitor's cookie. Five wrong codes in
a quarter of an hour and the factors rest; a code works once. Whoever has connected several apps is not
asked which one a code comes from (docs/decisions/0142).
"""

from typing import Any

import structlog
from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.auth.arrival import arrive
from portal.auth.forms import CodeForm, NewPasswordForm
from portal.auth.room import blueprint
from portal.db.transaction import as_web
from portal.people import sessions
from portal.people.auth_errors import IdentityError, SamePassword, WeakPassword
from portal.people.flows import Kind
from portal.people.users import Disabled
from portal.web import guard, one_time_codes, personal_mail, qr, trail
from portal.web.current import access_token, client_ip, current_services, signed_in_session
from portal.web.pages import page
from portal.web.visitor_flows import forget, recall, remember

log = structlog.get_logger()


@blueprint.get("/second-factor")
@guard.public
def show_second_factor() -> AnyResponse:
    flow = recall("second-factor")
    if flow is None:
        return redirect(url_for("auth.show_sign_in"), 303)
    return _code_page(CodeForm(), flow)


@blueprint.post("/second-factor")
@guard.public
def verify_second_factor() -> AnyResponse:
    flow = recall("second-factor")
    if flow is None:
        return redirect(url_for("auth.show_sign_in"), 303)
    form = CodeForm()
    if not form.validate():
        return _code_page(form, flow)
    return _verify(form, flow, "second-factor", flow["factor_ids"])


@blueprint.get("/second-factor/enrolment")
@guard.public
def show_enrolment() -> AnyResponse:
    flow = recall("first-factor")
    if flow is None:
        return redirect(url_for("auth.show_sign_in"), 303)
    return _enrolment(CodeForm(), flow)


@blueprint.post("/second-factor/enrolment")
@guard.public
def begin_enrolment() -> AnyResponse:
    flow = recall("first-factor")
    if flow is None:
        return redirect(url_for("auth.show_sign_in"), 303)
    services = current_services()
    new = services.auth.enroll_factor(flow["access"], issuer=services.settings.merchant_name, name="")
    remember("first-factor", {**flow, "factor_id": new.factor_id, "secret": new.secret, "uri": new.uri})
    return redirect(url_for("auth.show_enrolment"), 303)


@blueprint.post("/second-factor/enrolment/code")
@guard.public
def finish_enrolment() -> AnyResponse:
    flow = recall("first-factor")
    if flow is None or "factor_id" not in flow:
        return redirect(url_for("auth.show_sign_in"), 303)
    form = CodeForm()
    if not form.validate():
        return _enrolment(form, flow)
    return _verify(form, flow, "first-factor", [flow["factor_id"]])


@blueprint.get("/password-reset/new-password")
@guard.signed_in
@guard.fresh
def show_new_password() -> AnyResponse:
    if recall("new-password") is None:
        return redirect(url_for("auth.show_password_reset"), 303)
    return page("auth/new_password.html", form=NewPasswordForm())


@blueprint.post("/password-reset/new-password")
@guard.signed_in
@guard.fresh
def set_new_password() -> AnyResponse:
    if recall("new-password") is None:
        return redirect(url_for("auth.show_password_reset"), 303)
    form = NewPasswordForm()
    if not form.validate():
        return page("auth/new_password.html", form=form)
    services, live = current_services(), signed_in_session()
    try:
        token = access_token()
        services.auth.change_password(token, form.password.data, ip=client_ip())
    except (WeakPassword, SamePassword) as refusal:
        form.password.errors = [*form.password.errors, refusal.message]
        return page("auth/new_password.html", form=form)
    with as_web(services.pool, live.person.user_id) as conn:
        sessions.end_all(conn, live.person.user_id, reason="password changed", keep=live.id)
        personal_mail.tell(conn, live.person, "password")
    trail.record_own("password:changed", live.person.user_id, is_staff=live.person.is_staff)
    forget("new-password")
    return redirect(url_for("account.show"), 303)


def _verify(form: CodeForm, flow: dict[str, Any], kind: Kind, factor_ids: list[str]) -> AnyResponse:
    services, code = current_services(), form.code.data
    try:
        with one_time_codes.trying(services.pool, flow["user_id"], code):
            signed_in = services.auth.verify_any_factor(flow["access"], factor_ids, code, ip=client_ip())
        forget(kind)
        return arrive(signed_in, flow["next"] or None, then=flow["then"] or None)
    except (IdentityError, Disabled) as refusal:
        log.warning("second factor failed", user=flow["user_id"], reason=type(refusal).__name__)
        form.code.errors = [*form.code.errors, refusal.message]
        return _code_page(form, flow) if kind == "second-factor" else _enrolment(form, flow)


def _code_page(form: CodeForm, flow: dict[str, Any]) -> Response:
    return page("auth/second_factor.html", form=form, has_several=len(flow["factor_ids"]) > 1)


def _enrolment(form: CodeForm, flow: dict[str, Any]) -> Response:
    drawing = qr.svg(flow["uri"], label="QR code for your app") if "uri" in flow else None
    return page("auth/enrolment.html", form=form, drawing=drawing, secret=flow.get("secret"))
