"""Invitations to an account: a mailed token, good once, for a week, for one e-mail address."""

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from portal import clock
from portal.db.transaction import Conn
from portal.people.sessions import hash_of

LASTS = timedelta(days=7)


class Invitation(NamedTuple):
    id: UUID
    account_id: UUID
    account_name: str
    email: str
    role: str
    invited_by: str
    expires_at: datetime


# Invitations of one account are made one after the other, or two at once would both stay open.
_LOCK = "select id from billing.accounts where id = %(account_id)s for update"
_INSERT = """
insert into billing.invitations (id, account_id, email, role, token_hash, invited_by, created_at, expires_at)
values (%(id)s, %(account_id)s, %(email)s, %(role)s, %(token_hash)s, %(invited_by)s, %(now)s, %(expires_at)s)
on conflict (id) do nothing
returning id
"""
# Asking the same person again makes the older mail worthless.
_REVOKE_EARLIER = """
update billing.invitations set revoked_at = %(now)s
where account_id = %(account_id)s and lower(email) = %(email)s and accepted_at is null and revoked_at is null
  and id <> %(id)s
"""
_OPEN = """
select i.id, i.account_id, a.name as account_name, i.email, i.role,
       coalesce(nullif(u.display_name, ''), u.email, '') as invited_by, i.expires_at
from billing.invitations i
join billing.accounts a on a.id = i.account_id
left join billing.users u on u.id = i.invited_by
where i.accepted_at is null and i.revoked_at is null and i.expires_at > %(now)s and a.closed_at is null
"""
_BY_TOKEN = _OPEN + " and i.token_hash = %(token_hash)s"
_BY_EMAIL = _OPEN + " and lower(i.email) = %(email)s order by i.created_at desc"
_BY_ACCOUNT = _OPEN + " and i.account_id = %(account_id)s order by i.created_at desc"
_BY_ID = _OPEN + " and i.id = %(id)s and lower(i.email) = %(email)s for update of i"
_ACCEPTED = """
select i.id, i.account_id, a.name as account_name, i.email, i.role, '' as invited_by, i.expires_at
from billing.invitations i
join billing.accounts a on a.id = i.account_id
join billing.members m on m.account_id = i.account_id and m.user_id = %(user_id)s
where i.id = %(id)s and lower(i.email) = %(email)s and i.accepted_at is not null
"""
_ACCEPT = "update billing.invitations set accepted_at = %(now)s where id = %(id)s"
_JOIN = """
insert into billing.members (account_id, user_id, role, created_at)
values (%(account_id)s, %(user_id)s, %(role)s, %(now)s)
on conflict (account_id, user_id) do nothing
"""
_REVOKE = """
update billing.invitations set revoked_at = %(now)s
where id = %(id)s and account_id = %(account_id)s and accepted_at is null and revoked_at is null
"""
_REVOKE_BY = """
update billing.invitations set revoked_at = %(now)s
where account_id = %(account_id)s and invited_by = %(user_id)s and accepted_at is null and revoked_at is null
"""
_IS_REVOKED = """
select exists (select from billing.invitations
               where id = %(id)s and account_id = %(account_id)s and revoked_at is not null) as found
"""


def create(
    conn: Conn, invitation_id: UUID, account_id: UUID, *, email: str, role: str, invited_by: UUID
) -> str | None:
    """Invite an address and return the token for its link; None where this id was used before."""
    token, now = secrets.token_urlsafe(32), clock.now()
    email = email.lower()
    conn.execute(_LOCK, {"account_id": account_id})
    row = conn.execute(
        _INSERT,
        {
            "id": invitation_id,
            "account_id": account_id,
            "email": email,
            "role": role,
            "token_hash": hash_of(token),
            "invited_by": invited_by,
            "now": now,
            "expires_at": now + LASTS,
        },
    ).fetchone()
    if row is None:
        return None
    earlier = {"account_id": account_id, "email": email, "id": invitation_id, "now": now}
    conn.execute(_REVOKE_EARLIER, earlier)
    return token


def find_by_token(conn: Conn, token: str) -> Invitation | None:
    return _one(conn.execute(_BY_TOKEN, {"token_hash": hash_of(token), "now": clock.now()}).fetchone())


def list_for(conn: Conn, email: str) -> list[Invitation]:
    """Open invitations to an address; the caller knows that it is verified."""
    rows = conn.execute(_BY_EMAIL, {"email": email.lower(), "now": clock.now()}).fetchall()
    return [Invitation(**row) for row in rows]


def list_open(conn: Conn, account_id: UUID) -> list[Invitation]:
    rows = conn.execute(_BY_ACCOUNT, {"account_id": account_id, "now": clock.now()}).fetchall()
    return [Invitation(**row) for row in rows]


def accept(conn: Conn, invitation_id: UUID, *, user_id: UUID, email: str) -> Invitation | None:
    """Join the account, once; None if the invitation is not open or not for this verified address."""
    now = clock.now()
    found = _one(conn.execute(_BY_ID, {"id": invitation_id, "email": email.lower(), "now": now}).fetchone())
    if found is None:
        return None
    conn.execute(_ACCEPT, {"id": found.id, "now": now})
    given = {"account_id": found.account_id, "user_id": user_id, "role": found.role, "now": now}
    conn.execute(_JOIN, given)
    return found


def find_accepted(conn: Conn, invitation_id: UUID, *, user_id: UUID, email: str) -> Invitation | None:
    """Find the invitation by which this user belongs to an account already."""
    given = {"id": invitation_id, "user_id": user_id, "email": email.lower()}
    return _one(conn.execute(_ACCEPTED, given).fetchone())


def is_revoked(conn: Conn, account_id: UUID, invitation_id: UUID) -> bool:
    row = conn.execute(_IS_REVOKED, {"id": invitation_id, "account_id": account_id}).fetchone()
    return bool(row and row["found"])


def revoke(conn: Conn, account_id: UUID, invitation_id: UUID) -> bool:
    given = {"id": invitation_id, "account_id": account_id, "now": clock.now()}
    return conn.execute(_REVOKE, given).rowcount > 0


def revoke_by(conn: Conn, account_id: UUID, user_id: UUID) -> None:
    """Withdraw what somebody offered who may not invite any more: it could be a way back in."""
    conn.execute(_REVOKE_BY, {"account_id": account_id, "user_id": user_id, "now": clock.now()})


def _one(row: dict[str, Any] | None) -> Invitation | None:
    return Invitation(**row) if row else None
