"""Logins, for staff: find one, see where it is signed in, end its sessions, switch it off and on (SES-05)."""

from typing import Any
from uuid import UUID

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from portal.admin.room import blueprint
from portal.admin.staff import note, reading, staff_id
from portal.db.transaction import Conn, as_web
from portal.errors import NotFound, Refused
from portal.people import sessions, users
from portal.people.users import User
from portal.web import guard
from portal.web.current import current_services
from portal.web.forms import query
from portal.web.pages import page


@blueprint.get("/admin/people")
@guard.staff
def list_people() -> Response:
    q = query("q", limit=100)
    with reading() as conn:
        found = users.search(conn, q)
    return page("admin/people.html", "results", q=q, people=found, most=users.MOST_FOUND)


@blueprint.get("/admin/people/<uuid:user_id>")
@guard.staff
def show_person(user_id: UUID) -> Response:
    with _writing() as conn:
        user = _get(conn, user_id)
        live = sessions.list_live(conn, user.id, is_staff=user.is_staff)
    return page("admin/person.html", user=user, sessions=live, is_self=user.id == staff_id())


@blueprint.post("/admin/people/<uuid:user_id>/sessions/<uuid:session_id>/end")
@guard.staff
@guard.fresh
def end_persons_session(user_id: UUID, session_id: UUID) -> Response:
    with _writing() as conn:
        if not sessions.end(conn, _get(conn, user_id).id, session_id, reason="ended by staff"):
            raise NotFound
        note(conn, "session:ended", "session", str(session_id), user=str(user_id))
    return _done(user_id, "That session has ended.")


@blueprint.post("/admin/people/<uuid:user_id>/sessions/end")
@guard.staff
@guard.fresh
def end_persons_sessions(user_id: UUID) -> Response:
    with _writing() as conn:
        count = sessions.end_all(conn, _get(conn, user_id).id, reason="ended by staff")
        note(conn, "sessions:ended", "user", str(user_id), count=count)
    return _done(user_id, "All sessions of this login have ended.")


@blueprint.post("/admin/people/<uuid:user_id>/lock")
@guard.staff
@guard.fresh
def create_lock(user_id: UUID) -> Response:
    """Switch a login off: nobody is in with it from the next request on, and nobody comes in."""
    if user_id == staff_id():
        raise Refused("You cannot switch your own login off. Ask somebody else of the staff.")
    with _writing() as conn:
        # Two who switch each other off at the same moment: the second is off already and switches nobody off.
        users.lock_all(conn, user_id, staff_id())
        if _get(conn, staff_id()).disabled_at is not None:
            raise users.Disabled
        users.mark_disabled(conn, _get(conn, user_id).id)
        sessions.end_all(conn, user_id, reason="login switched off")
        note(conn, "user:disabled", "user", str(user_id))
    return _done(user_id, "This login is switched off.")


@blueprint.post("/admin/people/<uuid:user_id>/lock/removal")
@guard.staff
@guard.fresh
def remove_lock(user_id: UUID) -> Response:
    with _writing() as conn:
        users.mark_enabled(conn, _get(conn, user_id).id)
        note(conn, "user:enabled", "user", str(user_id))
    return _done(user_id, "This login is switched on.")


def _writing() -> Any:
    # Staff's own role reads no sessions and changes no people: it is the web server that does.
    return as_web(current_services().pool, staff_id())


def _get(conn: Conn, user_id: UUID) -> User:
    found = users.find(conn, user_id)
    if found is None:
        raise NotFound
    return found


def _done(user_id: UUID, words: str) -> Response:
    flash(words)
    return redirect(url_for("admin.show_person", user_id=user_id), 303)
