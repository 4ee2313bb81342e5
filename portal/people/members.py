"""Members: who may do what in an account. An account always keeps an owner."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from portal.db.transaction import Conn
from portal.errors import NotFound, Refused
from portal.people import invitations, sessions


class Member(NamedTuple):
    user_id: UUID
    email: str
    display_name: str
    role: str
    has_second_factor: bool
    since: datetime


_LIST = """
select m.user_id, u.email, u.display_name, m.role, u.has_second_factor, m.created_at as since
from billing.members m join billing.users u on u.id = m.user_id
where m.account_id = %(account_id)s
order by m.created_at, m.user_id
"""
# Changes of one account's members happen one after the other: two owners cannot both leave at once.
_LOCK = "select id from billing.accounts where id = %(account_id)s for update"
_OWNERS_BESIDES = """
select count(*) as others from billing.members
where account_id = %(account_id)s and role = 'owner' and user_id <> %(user_id)s
"""
_SET_ROLE = (
    "update billing.members set role = %(role)s where account_id = %(account_id)s and user_id = %(user_id)s"
)
_REMOVE = "delete from billing.members where account_id = %(account_id)s and user_id = %(user_id)s"


class LastOwner(Refused):
    """An account needs an owner. Make somebody else owner first."""


def list_of(conn: Conn, account_id: UUID) -> list[Member]:
    return [Member(**row) for row in conn.execute(_LIST, {"account_id": account_id}).fetchall()]


def get(conn: Conn, account_id: UUID, user_id: UUID) -> Member:
    """Raises :class:`NotFound` for somebody who does not belong to this account."""
    found = [member for member in list_of(conn, account_id) if member.user_id == user_id]
    if not found:
        raise NotFound
    return found[0]


def store_role(conn: Conn, account_id: UUID, user_id: UUID, role: str) -> None:
    """Change a role; the person's sessions end, so nothing goes on under the old one (SES-05).

    Whoever is an owner no more has their open invitations withdrawn.
    """
    _keep_an_owner(conn, account_id, user_id, stays_owner=role == "owner")
    given = {"account_id": account_id, "user_id": user_id, "role": role}
    if not conn.execute(_SET_ROLE, given).rowcount:
        raise NotFound
    if role != "owner":
        invitations.revoke_by(conn, account_id, user_id)
    sessions.end_all(conn, user_id, reason="role changed")


def remove(conn: Conn, account_id: UUID, user_id: UUID) -> None:
    """Take somebody out of the account: their sessions end, and so do the invitations they sent."""
    _keep_an_owner(conn, account_id, user_id, stays_owner=False)
    if not conn.execute(_REMOVE, {"account_id": account_id, "user_id": user_id}).rowcount:
        raise NotFound
    invitations.revoke_by(conn, account_id, user_id)
    sessions.end_all(conn, user_id, reason="membership ended")


def _keep_an_owner(conn: Conn, account_id: UUID, user_id: UUID, *, stays_owner: bool) -> None:
    conn.execute(_LOCK, {"account_id": account_id})
    row = conn.execute(_OWNERS_BESIDES, {"account_id": account_id, "user_id": user_id}).fetchone()
    if not stays_owner and not (row and row["others"]):
        raise LastOwner
