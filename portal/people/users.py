"""Users: one row per (issuer, subject) of the identity provider, never per e-mail address (AUT-08)."""

from dataclasses import dataclass
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
returning id, disabled_at
"""

_FIND = """
select id, email, display_name, locale, time_zone, is_staff, has_second_factor
from billing.users where id = %(id)s
"""

_STORE_PROFILE = """
update billing.users
set display_name = %(display_name)s, locale = %(locale)s, time_zone = %(time_zone)s, updated_at = %(now)s
where id = %(id)s
"""

_DISABLE = "update billing.users set disabled_at = %(now)s where id = %(id)s and disabled_at is null"


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


def upsert(conn: Conn, identity: Identity, *, locale: str = "en") -> None:
    """Keep what the provider says. Raises :class:`Disabled`; :class:`TokenRefused` for a strange issuer."""
    row = conn.execute(
        _UPSERT,
        {
            "id": identity.user_id,
            "issuer": identity.issuer,
            "email": identity.email,
            "display_name": identity.display_name,
            "locale": locale,
            "is_staff": identity.is_staff,
            "has_second_factor": bool(identity.factor_ids),
            "now": clock.now(),
        },
    ).fetchone()
    if row is None:
        raise TokenRefused
    if row["disabled_at"] is not None:
        raise Disabled


def find(conn: Conn, user_id: UUID) -> User | None:
    row = conn.execute(_FIND, {"id": user_id}).fetchone()
    return User(**row) if row else None


def store_profile(conn: Conn, user_id: UUID, *, display_name: str, locale: str, time_zone: str) -> None:
    given = {"id": user_id, "display_name": display_name, "locale": locale, "time_zone": time_zone}
    conn.execute(_STORE_PROFILE, {**given, "now": clock.now()})


def mark_disabled(conn: Conn, user_id: UUID) -> None:
    """Switch a login off; its sessions end at their next request (SES-05)."""
    conn.execute(_DISABLE, {"id": user_id, "now": clock.now()})
