"""Users: one row per (issuer, subject) of the identity provider, never per e-mail address (AUT-08)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from portal import clock
from portal.db.transaction import Conn
from portal.errors import Refused
from portal.people.auth_errors import TokenRefused
from portal.people.supabase_auth import Identity

# Another issuer may never take over a row: its subject could be anybody's.
_UPSERT = """
insert into billing.users (id, issuer, email, display_name, locale, is_staff, has_second_factor,
                           created_at, updated_at)
values (%(id)s, %(issuer)s, %(email)s, %(display_name)s, %(locale)s, %(is_staff)s, %(has_second_factor)s,
        %(now)s, %(now)s)
on conflict (id) do update
set email = excluded.email,
    display_name = coalesce(nullif(excluded.display_name, ''), users.display_name),
    is_staff = excluded.is_staff,
    has_second_factor = excluded.has_second_factor,
    updated_at = excluded.updated_at
where users.issuer = excluded.issuer
returning id, disabled_at,
  -- read as of before this statement: what the address was
  (select email from billing.users u where u.id = %(id)s) as earlier_email
"""

_FIND = """
select id, email, display_name, locale, time_zone, is_staff, has_second_factor, disabled_at
from billing.users where id = %(id)s
"""
_LOCK = _FIND + "for update"

# In the order of their ids, so that two who lock the same rows wait and do not block each other.
_LOCK_ALL = "select id from billing.users where id = any(%(ids)s) order by id for update"

_STORE_PROFILE = """
update billing.users
set display_name = %(display_name)s, locale = %(locale)s, time_zone = %(time_zone)s, updated_at = %(now)s
where id = %(id)s
"""

# An address, or the beginning of one, or of a name. The text is not a pattern: its signs are escaped.
_SEARCH = r"""
select u.id, u.email, u.display_name, u.is_staff, u.has_second_factor, u.disabled_at,
       (select string_agg(a.name, ', ' order by a.name)
        from billing.members m join billing.accounts a on a.id = m.account_id
        where m.user_id = u.id) as accounts
from billing.users u
where lower(u.email) like %(start)s escape '\' or lower(u.display_name) like %(start)s escape '\'
order by lower(u.email), u.id limit %(most)s
"""
_ENABLE = "update billing.users set disabled_at = null where id = %(id)s and disabled_at is not null"
_DISABLE = "update billing.users set disabled_at = %(now)s where id = %(id)s and disabled_at is null"


MOST_FOUND = 50


class Disabled(Refused):
    """This login has been switched off. Write to us if you think that is wrong."""


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    email: str
    display_name: str
    locale: str
    time_zone: str
    is_staff: bool
    has_second_factor: bool
    disabled_at: datetime | None


def upsert(conn: Conn, identity: Identity, *, locale: str = "en") -> str | None:
    """Keep what the provider says; return the earlier address if it is another now.

    Raises :class:`Disabled`; :class:`TokenRefused` for a strange issuer.
    """
    row = conn.execute(
        _UPSERT,
        {
            "id": identity.user_id,
            "issuer": identity.issuer,
            "email": identity.email,
            "display_name": identity.display_name,
            "locale": locale,
            "is_staff": identity.is_staff,
            "has_second_factor": bool(identity.factors),
            "now": clock.now(),
        },
    ).fetchone()
    if row is None:
        raise TokenRefused
    if row["disabled_at"] is not None:
        raise Disabled
    earlier: str | None = row["earlier_email"]
    return earlier if earlier != identity.email else None


def lock(conn: Conn, user_id: UUID) -> User:
    """Return the user and hold others off until the commit."""
    row = conn.execute(_LOCK, {"id": user_id}).fetchone()
    assert row is not None  # noqa: S101 - the caller was let in as this user
    return User(**row)


def lock_all(conn: Conn, *user_ids: UUID) -> None:
    """Hold others off these users until the commit."""
    conn.execute(_LOCK_ALL, {"ids": list(user_ids)})


def find(conn: Conn, user_id: UUID) -> User | None:
    row = conn.execute(_FIND, {"id": user_id}).fetchone()
    return User(**row) if row else None


def store_profile(conn: Conn, user_id: UUID, *, display_name: str, locale: str, time_zone: str) -> None:
    given = {"id": user_id, "display_name": display_name, "locale": locale, "time_zone": time_zone}
    conn.execute(_STORE_PROFILE, {**given, "now": clock.now()})


def search(conn: Conn, start: str) -> list[dict[str, Any]]:
    """Return up to fifty users whose address or name begins like this."""
    escaped = re.sub(r"([\\%_])", r"\\\1", start.lower())
    return conn.execute(_SEARCH, {"start": f"{escaped}%", "most": MOST_FOUND}).fetchall()


def mark_disabled(conn: Conn, user_id: UUID) -> bool:
    """Switch a login off; its sessions end at their next request (SES-05)."""
    return conn.execute(_DISABLE, {"id": user_id, "now": clock.now()}).rowcount > 0


def mark_enabled(conn: Conn, user_id: UUID) -> bool:
    """Switch a login on again; the person signs in anew."""
    return conn.execute(_ENABLE, {"id": user_id}).rowcount > 0
