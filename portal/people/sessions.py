"""Sessions (SES-01 to SES-10): an opaque cookie in the browser, everything else in this table.

The cookie has 256 random bits; we keep its SHA-256. A session lives as long as its row says: 60 minutes
idle and 24 hours in all, 30 minutes and 12 hours for staff, who also need aal2. Whatever ends it (sign-out,
time, a disabled user, a changed role) is looked at on every request, so nothing outlives its reason.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from uuid import UUID, uuid4

from portal import clock
from portal.db.rotation import bound_to
from portal.db.transaction import Conn
from portal.people.supabase_auth import SignedIn, Tokens
from portal.sealing import Keyring, Unsealable

COOKIE_BYTES = 32
IDLE, STAFF_IDLE = timedelta(minutes=60), timedelta(minutes=30)
ABSOLUTE, STAFF_ABSOLUTE = timedelta(hours=24), timedelta(hours=12)
FRESH = timedelta(minutes=10)
MOST_LIVE = 10
SEEN_EVERY = timedelta(minutes=1)
# Where somebody has signed in is a place of theirs; rows are kept as long (people/retention.py).
KNOWN_FOR = timedelta(days=90)


class Membership(NamedTuple):
    """An account that a person belongs to, and as what."""

    id: UUID
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, as pages, guards and Flask-Login need to know them."""

    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    user_id: UUID
    email: str
    display_name: str
    locale: str
    time_zone: str
    is_staff: bool
    aal: str
    has_second_factor: bool
    accounts: tuple[Membership, ...]

    @property
    def name(self) -> str:
        """What to call them: their name, or their address while they gave none."""
        return self.display_name or self.email

    def get_id(self) -> str:
        """Return the id that Flask-Login asks for."""
        return str(self.user_id)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """The session of this request."""

    id: UUID
    person: Person
    account_id: UUID | None
    authenticated_at: datetime
    access_expires_at: datetime | None
    hits: int

    @property
    def account(self) -> Membership | None:
        """The account that the person is looking at: the chosen one, or their first."""
        chosen = [account for account in self.person.accounts if account.id == self.account_id]
        return next(iter(chosen or self.person.accounts), None)

    @property
    def is_fresh(self) -> bool:
        """Whether they proved who they are within the last ten minutes (SES-08)."""
        return clock.now() - self.authenticated_at <= FRESH


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a session is started from, for the list that its owner sees."""

    user_agent: str
    ip: str


# One round trip a request: the session, its person, their accounts, the request counter (RL-01) and, at
# most once a minute, when they were last seen. Losing that last minute in a crash costs nothing, so the
# commit does not wait for the disk.
_FIND_LIVE = """
with live as (
  select s.id, s.user_id, s.account_id, s.aal, s.authenticated_at, s.access_expires_at, s.last_seen_at,
         u.email, u.display_name, u.locale, u.time_zone, u.is_staff, u.has_second_factor,
         set_config('synchronous_commit', 'off', true)
  from billing.sessions s join billing.users u on u.id = s.user_id
  where s.token_hash = %(token_hash)s and s.ended_at is null and s.expires_at > %(now)s
    and s.last_seen_at > case when u.is_staff then %(staff_idle_since)s else %(idle_since)s end
    and u.disabled_at is null and s.is_staff = u.is_staff and (s.aal = 'aal2' or not u.is_staff)
), seen as (
  update billing.sessions set last_seen_at = %(now)s
  where id in (select id from live where last_seen_at <= %(seen_before)s)
), hit as (
  insert into billing.rate_limits as counted (key, window_start, hits, last_hit_at)
  select 'user:' || user_id || ':' || %(hit_kind)s, %(window_start)s, 1, %(now)s from live
  on conflict (key, window_start) do update set hits = counted.hits + 1, last_hit_at = excluded.last_hit_at
  returning hits
)
select live.*, (select hits from hit) as hits,
       coalesce((select jsonb_agg(jsonb_build_array(a.id, a.name, m.role) order by m.created_at, a.id)
                 from billing.members m join billing.accounts a on a.id = m.account_id
                 where m.user_id = live.user_id and a.closed_at is null), '[]') as accounts
from live
"""

_INSERT = """
insert into billing.sessions (id, token_hash, user_id, supabase_session_id, aal, is_staff, account_id,
                              access_token, refresh_token, access_expires_at, user_agent, ip,
                              created_at, authenticated_at, last_seen_at, expires_at)
values (%(id)s, %(token_hash)s, %(user_id)s, %(supabase_session_id)s, %(aal)s, %(is_staff)s,
        coalesce(%(account_id)s, (select s.account_id from billing.sessions s
                                  where s.user_id = %(user_id)s and s.account_id is not null
                                  order by s.last_seen_at desc limit 1)),
        %(access_token)s, %(refresh_token)s, %(access_expires_at)s, %(user_agent)s, %(ip)s,
        %(now)s, %(now)s, %(now)s, %(expires_at)s)
"""

# Ended rows stay for the audit; their tokens do not.
_END = """
update billing.sessions
set ended_at = %(now)s, ended_reason = %(reason)s, access_token = null, refresh_token = null
where user_id = %(user_id)s and ended_at is null
"""
_END_ONE = _END + " and id = %(id)s"
_HAS_ENDED = """
select exists (select from billing.sessions
               where id = %(id)s and user_id = %(user_id)s and ended_at is not null) as found
"""
_HAS_BEGUN_AT = """
select exists (select from billing.users u join billing.sessions s on s.user_id = u.id
               where lower(u.email) = %(email)s and s.ip = %(ip)s and s.created_at > %(since)s) as found
"""
_END_OTHERS = _END + " and id is distinct from %(keep)s"
_END_OLDEST = """
update billing.sessions
set ended_at = %(now)s, ended_reason = %(reason)s, access_token = null, refresh_token = null
where id in (select id from billing.sessions where user_id = %(user_id)s and ended_at is null
             order by last_seen_at desc, created_at desc offset %(most)s)
"""

_LIST = """
select id, user_agent, ip, aal, created_at, last_seen_at, expires_at
from billing.sessions
where user_id = %(user_id)s and ended_at is null and expires_at > %(now)s and last_seen_at > %(idle_since)s
order by last_seen_at desc, id
"""

_CHOOSE_ACCOUNT = """
update billing.sessions set account_id = %(account_id)s
where id = %(id)s and exists (select from billing.members m
                              where m.account_id = %(account_id)s and m.user_id = sessions.user_id)
"""
_TOKENS = """
select access_token, refresh_token, access_expires_at from billing.sessions
where id = %(id)s and ended_at is null and access_token is not null
"""


def new_cookie() -> str:
    """Return 256 random bits for a browser that has no cookie of ours yet, or needs another (SES-02)."""
    return secrets.token_urlsafe(COOKIE_BYTES)


def hash_of(cookie: str) -> bytes:
    """Return what is stored of a cookie: useless to whoever reads the table (SES-01)."""
    return hashlib.sha256(cookie.encode()).digest()


def find_live(conn: Conn, cookie: str, *, hit_kind: str) -> LiveSession | None:
    """Return the session behind a cookie if it may still be used, and count this request."""
    now = clock.now()
    row = conn.execute(
        _FIND_LIVE,
        {
            "token_hash": hash_of(cookie),
            "now": now,
            "idle_since": now - IDLE,
            "staff_idle_since": now - STAFF_IDLE,
            "seen_before": now - SEEN_EVERY,
            "hit_kind": hit_kind,
            "window_start": now.replace(second=0, microsecond=0),
        },
    ).fetchone()
    return _live(row) if row else None


def _live(row: dict[str, Any]) -> LiveSession:
    person = Person(
        user_id=row["user_id"],
        email=row["email"],
        display_name=row["display_name"],
        locale=row["locale"],
        time_zone=row["time_zone"],
        is_staff=row["is_staff"],
        aal=row["aal"],
        has_second_factor=row["has_second_factor"],
        accounts=tuple(Membership(UUID(id_), name, role) for id_, name, role in row["accounts"]),
    )
    return LiveSession(
        id=row["id"],
        person=person,
        account_id=row["account_id"],
        authenticated_at=row["authenticated_at"],
        access_expires_at=row["access_expires_at"],
        hits=row["hits"],
    )


def create(
    conn: Conn, keyring: Keyring, signed_in: SignedIn, visit: Visit, *, account_id: UUID | None = None
) -> str:
    """Start a session with a new cookie, ending the oldest beyond ten (SES-02, SES-09)."""
    cookie, now, id_ = new_cookie(), clock.now(), uuid4()
    identity = signed_in.identity
    conn.execute(
        _INSERT,
        {
            "id": id_,
            "token_hash": hash_of(cookie),
            "user_id": identity.user_id,
            "supabase_session_id": signed_in.session_id,
            "aal": signed_in.aal,
            "is_staff": identity.is_staff,
            "account_id": account_id,
            **sealed(keyring, id_, signed_in.tokens),
            "user_agent": visit.user_agent[:300],
            "ip": visit.ip,
            "now": now,
            "expires_at": now + (STAFF_ABSOLUTE if identity.is_staff else ABSOLUTE),
        },
    )
    given = {"user_id": identity.user_id, "now": now, "reason": "too many", "most": MOST_LIVE}
    conn.execute(_END_OLDEST, given)
    return cookie


def sealed(keyring: Keyring, session_id: UUID, tokens: Tokens) -> dict[str, Any]:
    """Return the token columns of a row; a ciphertext opens in its own row only (SES-10, CRY-01)."""
    return {
        "access_token": keyring.seal(tokens.access, bound_to("sessions", "access_token", session_id)),
        "refresh_token": keyring.seal(tokens.refresh, bound_to("sessions", "refresh_token", session_id)),
        "access_expires_at": tokens.expires_at,
    }


def find_tokens(conn: Conn, keyring: Keyring, session_id: UUID) -> Tokens | None:
    """Return the session's tokens; None if it has ended, or if they cannot be opened any more."""
    row = conn.execute(_TOKENS, {"id": session_id}).fetchone()
    if row is None:
        return None
    try:
        return Tokens(
            keyring.open(row["access_token"], bound_to("sessions", "access_token", session_id)),
            keyring.open(row["refresh_token"], bound_to("sessions", "refresh_token", session_id)),
            row["access_expires_at"],
        )
    except Unsealable:
        # A key was retired too early, or a row was tampered with: a new sign-in mends either.
        return None


def end(conn: Conn, user_id: UUID, session_id: UUID, *, reason: str) -> bool:
    """End one session of this user; false if they have no such live session."""
    given = {"user_id": user_id, "id": session_id, "reason": reason, "now": clock.now()}
    return conn.execute(_END_ONE, given).rowcount > 0


def has_ended(conn: Conn, user_id: UUID, session_id: UUID) -> bool:
    """Say whether this user had such a session, and it is over."""
    row = conn.execute(_HAS_ENDED, {"user_id": user_id, "id": session_id}).fetchone()
    return bool(row and row["found"])


def has_begun_at(conn: Conn, email: str, ip: str) -> bool:
    """Say whether somebody with this address has signed in from there lately."""
    given = {"email": email, "ip": ip, "since": clock.now() - KNOWN_FOR}
    row = conn.execute(_HAS_BEGUN_AT, given).fetchone()
    return bool(row and row["found"])


def end_all(conn: Conn, user_id: UUID, *, reason: str, keep: UUID | None = None) -> int:
    """End every session of this user, or every other one than ``keep``."""
    given = {"user_id": user_id, "keep": keep, "reason": reason, "now": clock.now()}
    return conn.execute(_END_OTHERS, given).rowcount


def list_live(conn: Conn, user_id: UUID, *, is_staff: bool) -> list[dict[str, Any]]:
    now = clock.now()
    idle_since = now - (STAFF_IDLE if is_staff else IDLE)
    return conn.execute(_LIST, {"user_id": user_id, "now": now, "idle_since": idle_since}).fetchall()


def choose_account(conn: Conn, session_id: UUID, account_id: UUID) -> bool:
    """Look at another of one's accounts; false if it is not one's own."""
    return conn.execute(_CHOOSE_ACCOUNT, {"id": session_id, "account_id": account_id}).rowcount > 0
