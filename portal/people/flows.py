"""What a sign-in flow remembers between two requests of a visitor who has no session yet.

PKCE verifiers, and the tokens of somebody whose second factor or new password is still to come: sealed,
bound to the visitor's cookie and to the kind of flow, gone when used or when their time is over.
"""

import json
from datetime import timedelta
from typing import Any, Literal

from portal import clock
from portal.db.transaction import Conn
from portal.sealing import Keyring, Unsealable

Kind = Literal[
    "sign-up", "magic-link", "password-reset", "email-change", "second-factor", "new-password",
    "first-factor", "enrolment",
]  # fmt: skip

_STORE = """
insert into billing.auth_flows (visitor_hash, kind, payload, created_at, expires_at)
values (%(visitor)s, %(kind)s, %(payload)s, %(now)s, %(expires_at)s)
on conflict (visitor_hash, kind) do update
set payload = excluded.payload, created_at = excluded.created_at, expires_at = excluded.expires_at
"""
_FIND = """
select payload from billing.auth_flows
where visitor_hash = %(visitor)s and kind = %(kind)s and expires_at > %(now)s
"""
_DELETE = "delete from billing.auth_flows where visitor_hash = %(visitor)s and kind = %(kind)s"
_DELETE_EXPIRED = "delete from billing.auth_flows where expires_at < %(now)s"


def store(
    conn: Conn, keyring: Keyring, visitor: bytes, kind: Kind, payload: dict[str, Any], *, lasts: timedelta
) -> None:
    """Remember ``payload`` for this visitor; a second flow of the kind takes the place of the first."""
    now = clock.now()
    sealed = keyring.seal(json.dumps(payload), _name(visitor, kind))
    given = {"visitor": visitor, "kind": kind, "payload": sealed, "now": now, "expires_at": now + lasts}
    conn.execute(_STORE, given)


def find(conn: Conn, keyring: Keyring, visitor: bytes, kind: Kind) -> dict[str, Any] | None:
    row = conn.execute(_FIND, {"visitor": visitor, "kind": kind, "now": clock.now()}).fetchone()
    if row is None:
        return None
    try:
        found: dict[str, Any] = json.loads(keyring.open(row["payload"], _name(visitor, kind)))
    except Unsealable:
        # Its key has been retired: the flow starts again, nobody is harmed.
        return None
    return found


def delete(conn: Conn, visitor: bytes, kind: Kind) -> None:
    conn.execute(_DELETE, {"visitor": visitor, "kind": kind})


def delete_expired(conn: Conn) -> int:
    """Forget what nobody came back for; return how many that were."""
    return conn.execute(_DELETE_EXPIRED, {"now": clock.now()}).rowcount


def _name(visitor: bytes, kind: str) -> str:
    return f"auth_flows/{kind}/{visitor.hex()}"
