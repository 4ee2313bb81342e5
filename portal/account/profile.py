"""What a person wants to be called, and how they want to read numbers and times."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.account.forms import ProfileForm
from portal.account.room import blueprint
from portal.db.transaction import as_web
from portal.people import users
from portal.people.auth_errors import IdentityError
from portal.web import guard, trail
from portal.web.current import access_token, current_services, signed_in_session
from portal.web.pages import page


@blueprint.get("/account/profile")
@guard.signed_in
def show_profile() -> Response:
    person = signed_in_session().person
    form = ProfileForm(name=person.display_name, locale=person.locale, time_zone=person.time_zone)
    return page("account/profile.html", place="account", form=form)


@blueprint.post("/account/profile")
@guard.signed_in
def update_profile() -> Response:
    form = ProfileForm()
    if not form.validate():
        return page("account/profile.html", place="account", form=form)
    services, live = current_services(), signed_in_session()
    if form.name.data != live.person.display_name:
        try:
            token = access_token()
            # The provider's copy is the one that the next sign-in brings.
            services.auth.change_name(token, form.name.data)
        except IdentityError as refusal:
            form.form_errors.append(refusal.message)
            return page("account/profile.html", place="account", form=form)
    with as_web(services.pool, live.person.user_id) as conn:
        users.store_profile(
            conn,
            live.person.user_id,
            display_name=form.name.data,
            locale=form.locale.data,
            time_zone=form.time_zone.data,
        )
        trail.record(conn, "profile:changed", object_kind="user", object_id=str(live.person.user_id))
    flash("Your profile is saved.")
    return redirect(url_for("account.show"), 303)
