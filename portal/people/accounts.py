"""Accounts: who pays. One account is one customer at Zoho, once it has bought something."""

from uuid import UUID

from portal import clock
from portal.db.transaction import Conn

_INSERT = """
insert into billing.accounts (name, billing_email, created_at, updated_at)
values (%(name)s, %(email)s, %(now)s, %(now)s)
returning id
"""
_INSERT_OWNER = """
insert into billing.members (account_id, user_id, role, created_at)
values (%(account_id)s, %(user_id)s, 'owner', %(now)s)
"""
# Two first sign-ins at once must not make two accounts: the user's row is the lock.
_LOCK_USER = "select id from billing.users where id = %(user_id)s for update"
_WITHOUT_CUSTOMER = """
select a.id from billing.accounts a
join billing.members m on m.account_id = a.id and m.role = 'owner'
where m.user_id = %(user_id)s and a.zoho_customer_id is null and a.closed_at is null
order by m.created_at, a.id
"""
_HAS_ANY = "select exists (select from billing.members where user_id = %(user_id)s) as found"


def create_for(conn: Conn, user_id: UUID, *, name: str, email: str) -> UUID:
    """Make an account with this user as its owner."""
    now = clock.now()
    row = conn.execute(_INSERT, {"name": name, "email": email, "now": now}).fetchone()
    assert row is not None  # noqa: S101 - an insert returns its row
    account_id: UUID = row["id"]
    conn.execute(_INSERT_OWNER, {"account_id": account_id, "user_id": user_id, "now": now})
    return account_id


def has_any(conn: Conn, user_id: UUID) -> bool:
    """Say whether the user belongs to an account; their row stays locked until commit."""
    conn.execute(_LOCK_USER, {"user_id": user_id})
    row = conn.execute(_HAS_ANY, {"user_id": user_id}).fetchone()
    return bool(row and row["found"])


def list_without_customer(conn: Conn, user_id: UUID) -> list[UUID]:
    """Return the accounts of this owner that are no customer at Zoho yet, as far as we know."""
    return [row["id"] for row in conn.execute(_WITHOUT_CUSTOMER, {"user_id": user_id})]
