"""One refresh of a session's tokens at a time, over all processes (SB-07).

Whoever finds the access token expired takes a lease on the row, asks the provider outside any
transaction, and stores the new pair before anybody uses it. Others go on: a page needs the session, not
the token; an act that does need the token waits for the new one. A provider that does not answer costs
nobody their session; one that says the session is over ends it here as well.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from portal import clock
from portal.db.rotation import bound_to
from portal.db.transaction import Conn, Pool, as_web
from portal.people import sessions, users
from portal.people.auth_errors import AuthUnavailable, IdentityError, SessionGone, TokenRefused
from portal.people.sessions import LiveSession
from portal.people.supabase_auth import Identity, SignedIn, SupabaseAuth
from portal.sealing import Keyring, Unsealable

log = structlog.get_logger()

# Longer than the slowest call, so that a lease only runs out when its holder died.
LEASE = timedelta(seconds=30)
MARGIN = timedelta(seconds=60)
WAIT_SECONDS, LOOK_SECONDS = 12.0, 0.1

_CLAIM = """
update billing.sessions set refreshing_until = %(lease)s
where id = %(id)s and ended_at is null and access_expires_at <= %(due)s
  and (refreshing_until is null or refreshing_until <= %(now)s)
returning refresh_token
"""
_RELEASE = """
update billing.sessions set refreshing_until = null
where id = %(id)s and refreshing_until = %(lease)s
"""
# Only the holder of the lease may write: a late answer never undoes a newer pair.
_STORE = """
update billing.sessions
set access_token = %(access_token)s, refresh_token = %(refresh_token)s,
    access_expires_at = %(access_expires_at)s, aal = %(aal)s, refreshing_until = null
where id = %(id)s and ended_at is null and refreshing_until = %(lease)s
"""


# What follows when the provider has another address for the person, in the commit that keeps it (AUT-07).
OnNewAddress = Callable[[Conn, Identity, str], object]


def _nothing_follows(_conn: Conn, _identity: Identity, _earlier: str) -> None:
    return


def keep_going(
    pool: Pool,
    keyring: Keyring,
    auth: SupabaseAuth,
    live: LiveSession,
    *,
    on_new_address: OnNewAddress = _nothing_follows,
) -> bool:
    """Renew expired tokens on the way to a page; false if the provider has ended the session."""
    if live.access_expires_at is None or live.access_expires_at > clock.now() or auth.is_resting:
        return True
    try:
        _refresh(pool, keyring, auth, live, due=clock.now(), then=on_new_address)
    except (SessionGone, TokenRefused):
        return False
    except IdentityError:
        # Pages stop asking for a while; an act that needs the token still tries.
        auth.rest()
        log.warning("tokens not refreshed", session=str(live.id))
    return True


def access_token(
    pool: Pool,
    keyring: Keyring,
    auth: SupabaseAuth,
    live: LiveSession,
    *,
    on_new_address: OnNewAddress = _nothing_follows,
) -> str:
    """Return a token that works for another minute. Raises :class:`SessionGone`, :class:`AuthUnavailable`."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        with as_web(pool, live.person.user_id) as conn:
            tokens = sessions.find_tokens(conn, keyring, live.id)
            if tokens is None:
                sessions.end(conn, live.person.user_id, live.id, reason="without tokens")
        if tokens is None:
            raise SessionGone
        due = clock.now() + MARGIN
        if tokens.expires_at > due:
            return tokens.access
        if not _refresh(pool, keyring, auth, live, due=due, then=on_new_address):
            time.sleep(LOOK_SECONDS)
    raise AuthUnavailable


def _refresh(
    pool: Pool,
    keyring: Keyring,
    auth: SupabaseAuth,
    live: LiveSession,
    *,
    due: datetime,
    then: OnNewAddress,
) -> bool:
    """Refresh if nobody else does; false if somebody else holds the lease."""
    lease, user_id = clock.now() + LEASE, live.person.user_id
    with as_web(pool, user_id) as conn:
        row = conn.execute(_CLAIM, {"id": live.id, "lease": lease, "now": clock.now(), "due": due}).fetchone()
    if row is None:
        return False
    try:
        refresh_token = keyring.open(row["refresh_token"], bound_to("sessions", "refresh_token", live.id))
        signed_in = auth.refresh(refresh_token, user_id)
    except (SessionGone, TokenRefused, Unsealable) as problem:
        with as_web(pool, user_id) as conn:
            sessions.end(conn, user_id, live.id, reason="ended by the identity provider")
        raise SessionGone from problem
    except IdentityError:
        with as_web(pool, user_id) as conn:
            conn.execute(_RELEASE, {"id": live.id, "lease": lease})
        raise
    with as_web(pool, user_id) as conn:
        earlier = users.upsert(conn, signed_in.identity)
        if earlier is not None:
            then(conn, signed_in.identity, earlier)
        _store(conn, keyring, live.id, signed_in, lease)
    return True


def _store(conn: Conn, keyring: Keyring, session_id: UUID, signed_in: SignedIn, lease: datetime) -> None:
    columns = sessions.sealed(keyring, session_id, signed_in.tokens)
    conn.execute(_STORE, {**columns, "aal": signed_in.aal, "id": session_id, "lease": lease})
