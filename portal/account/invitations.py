"""Inviting somebody to the account, and being invited.

An invitation is for one address, and joining needs a login whose verified address it is (AUT-08): a
forwarded mail opens nothing. Whoever signs in for the first time with invitations waiting is shown them
before an account of their own is made.
"""

from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.account.forms import InvitationForm
from portal.account.members import members_page
from portal.account.room import blueprint
from portal.db.transaction import as_web
from portal.errors import NotFound
from portal.people import accounts, invitations, sessions
from portal.web import guard, personal_mail, trail
from portal.web.acting import key_of
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.pages import page


@blueprint.post("/account/invitations")
@guard.member("owner")
@guard.fresh
def create_invitation() -> Response:
    form = InvitationForm()
    if not form.validate():
        return members_page(form)
    services, account, person = current_services(), signed_in_account(), signed_in_session().person
    id_ = UUID(key_of(form))
    with as_web(services.pool, person.user_id) as conn:
        token = invitations.create(
            conn, id_, account.id, email=form.email.data, role=form.role.data, invited_by=person.user_id
        )
        if token is None:
            # The second click of one form: the first has sent the mail and shown the link.
            flash("The invitation is sent.", "good")
            return redirect(url_for("account.list_members"), 303)
        personal_mail.invite(
            conn, id_, to=form.email.data.lower(), by=person, account=account, role=form.role.data
        )
        trail.record(
            conn, "invitation:created", object_kind="invitation", object_id=str(id_), role=form.role.data
        )
    link = f"{services.settings.base_url}{url_for('account.show_invitation', token=token)}"
    return members_page(InvitationForm(formdata=None, role="billing"), link=link, status=201)


@blueprint.post("/account/invitations/<uuid:invitation_id>/withdrawal")
@guard.member("owner")
def withdraw_invitation(invitation_id: UUID) -> Response:
    account, person = signed_in_account(), signed_in_session().person
    with as_web(current_services().pool, person.user_id) as conn:
        if invitations.revoke(conn, account.id, invitation_id):
            trail.record(conn, "invitation:withdrawn", object_kind="invitation", object_id=str(invitation_id))
        elif not invitations.is_revoked(conn, account.id, invitation_id):
            raise NotFound
    flash("The invitation is withdrawn.")
    return redirect(url_for("account.list_members"), 303)


@blueprint.get("/invitations")
@guard.signed_in
def list_my_invitations() -> Response:
    person = signed_in_session().person
    with as_web(current_services().pool, person.user_id) as conn:
        waiting = invitations.list_for(conn, person.email)
    return page("account/invitations.html", invitations=waiting)


@blueprint.get("/invitations/<token>")
@guard.signed_in
def show_invitation(token: str) -> Response:
    """Lead from the mail to the invitation, if it is for the one who is signed in."""
    person = signed_in_session().person
    with as_web(current_services().pool, person.user_id) as conn:
        found = invitations.find_by_token(conn, token)
    if found is None or found.email.lower() != person.email:
        return page("account/invitation_not_yours.html", status=404)
    return redirect(url_for("account.list_my_invitations"), 303)


@blueprint.post("/invitations/<uuid:invitation_id>/acceptance")
@guard.signed_in
def accept_invitation(invitation_id: UUID) -> Response:
    live = signed_in_session()
    person = live.person
    with as_web(current_services().pool, person.user_id) as conn:
        joined = invitations.accept(conn, invitation_id, user_id=person.user_id, email=person.email)
        if joined is not None:
            trail.record(
                conn,
                "invitation:accepted",
                object_kind="invitation",
                object_id=str(joined.id),
                role=joined.role,
            )
        else:
            # The second click finds it accepted, and goes where the first one went.
            joined = invitations.find_accepted(
                conn, invitation_id, user_id=person.user_id, email=person.email
            )
        if joined is None:
            raise NotFound
        sessions.choose_account(conn, live.id, joined.account_id)
    flash(f"You now belong to {joined.account_name}.")
    return redirect("/", 303)


@blueprint.post("/accounts")
@guard.signed_in
def create_account() -> Response:
    """Make an account of one's own: for somebody who was invited elsewhere, or belongs nowhere."""
    person = signed_in_session().person
    with as_web(current_services().pool, person.user_id) as conn:
        if not accounts.has_any(conn, person.user_id) and not person.is_staff:
            id_ = accounts.create_for(conn, person.user_id, name=person.name, email=person.email)
            trail.record(conn, "account:created", object_kind="account", object_id=str(id_))
    return redirect(guard.safe_next(request.form.get("next")) or "/", 303)
