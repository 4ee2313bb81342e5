"""From proof to session: what one commit does when somebody has shown who they are."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from portal.db.transaction import Conn, Pool, as_web
from portal.people import accounts, invitations, sessions, users
from portal.people.sessions import Visit
from portal.people.supabase_auth import SignedIn
from portal.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Started:
    """A session that has begun: its cookie, and whether somebody invited the person elsewhere first."""

    cookie: str
    user_id: UUID
    is_invited: bool


def start(
    pool: Pool,
    keyring: Keyring,
    signed_in: SignedIn,
    visit: Visit,
    *,
    replaces: UUID | None = None,
    on_new_address: Callable[[Conn, str], None] = lambda _conn, _old: None,
) -> Started:
    """Start a session; at the first sign-in also make an account, unless an invitation waits.

    ``replaces`` is the session that this one steps up or renews (SES-02): it ends here.
    ``on_new_address`` is called with the earlier address, in the same commit, where it has changed.
    Raises :class:`~portal.people.users.Disabled`.
    """
    identity = signed_in.identity
    with as_web(pool, identity.user_id) as conn:
        earlier = users.upsert(conn, identity)
        if earlier is not None:
            on_new_address(conn, earlier)
        is_invited = False
        if not identity.is_staff and not accounts.has_any(conn, identity.user_id):
            is_invited = bool(invitations.list_for(conn, identity.email))
            if not is_invited:
                name = identity.display_name or identity.email
                accounts.create_for(conn, identity.user_id, name=name, email=identity.email)
        if replaces is not None:
            sessions.end(conn, identity.user_id, replaces, reason="replaced")
        cookie = sessions.create(conn, keyring, signed_in, visit)
    return Started(cookie, identity.user_id, is_invited)
