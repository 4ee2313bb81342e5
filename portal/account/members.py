"""Who belongs to the account in sight, and as what. Owners decide; everybody sees."""

from uuid import UUID

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.account.forms import InvitationForm, RoleForm
from portal.account.room import blueprint
from portal.db.transaction import as_member, as_web
from portal.people import invitations, members
from portal.web import guard, trail
from portal.web.acting import new_key
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.pages import page


@blueprint.get("/account/members")
@guard.member("viewer")
def list_members() -> Response:
    return members_page(InvitationForm(role="billing"))


@blueprint.get("/account/members/<uuid:user_id>")
@guard.member("owner")
@guard.fresh
def show_member(user_id: UUID) -> Response:
    with as_member(current_services().pool, signed_in_session().person.user_id) as conn:
        found = members.get(conn, signed_in_account().id, user_id)
    return page("account/member.html", place="account", member=found, form=RoleForm(role=found.role))


@blueprint.post("/account/members/<uuid:user_id>/role")
@guard.member("owner")
@guard.fresh
def change_role(user_id: UUID) -> Response:
    form, account, person = RoleForm(), signed_in_account(), signed_in_session().person
    with as_web(current_services().pool, person.user_id) as conn:
        found = members.get(conn, account.id, user_id)
        if not form.validate():
            return page("account/member.html", place="account", member=found, form=form)
        if found.role != form.role.data:
            members.store_role(conn, account.id, user_id, form.role.data)
            trail.record(
                conn,
                "member:role changed",
                object_kind="user",
                object_id=str(user_id),
                before=found.role,
                after=form.role.data,
            )
    flash(f"{found.display_name or found.email} is {form.role.data} now.")
    return redirect(url_for("account.list_members"), 303)


@blueprint.post("/account/members/<uuid:user_id>/removal")
@guard.member("owner")
@guard.fresh
def remove_member(user_id: UUID) -> Response:
    account, person = signed_in_account(), signed_in_session().person
    with as_web(current_services().pool, person.user_id) as conn:
        found = members.get(conn, account.id, user_id)
        members.remove(conn, account.id, user_id)
        trail.record(conn, "member:removed", object_kind="user", object_id=str(user_id), role=found.role)
    flash(f"{found.display_name or found.email} no longer belongs to the account.")
    return redirect(url_for("account.list_members"), 303)


def members_page(form: InvitationForm, *, link: str = "", status: int = 200) -> Response:
    form.key.data = form.key.data or new_key()
    account, person = signed_in_account(), signed_in_session().person
    with as_member(current_services().pool, person.user_id) as conn:
        people = members.list_of(conn, account.id)
        # Row-level security shows invitations to owners only.
        waiting = invitations.list_open(conn, account.id)
    return page(
        "account/members.html",
        place="account",
        status=status,
        members=people,
        invitations=waiting,
        form=form,
        link=link,
        is_owner=account.role == "owner",
    )
