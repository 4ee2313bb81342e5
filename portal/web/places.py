"""Whose tries are counted together, so that no stranger can use up somebody's (AUT-04).

A counter for each account keeps guessers away, and would let anybody keep its owner away too: one wrong
password a minute, five mails a quarter of an hour. So a person at an address from which they have signed in
within ninety days is counted by themselves there (docs/decisions/0127).
"""

from portal.db.transaction import Conn
from portal.people import sessions
from portal.web import limits
from portal.web.current import client_ip


def account_key(conn: Conn, purpose: str, email: str) -> str:
    """Name the counter of the account that was typed: its own at a place of its owner's."""
    ip = client_ip()
    is_known = sessions.has_begun_at(conn, email.strip().lower(), ip)
    return limits.account_key(f"{purpose}:{ip}" if is_known else purpose, email)
