"""The one access token that all processes share, and its renewal by one of them at a time (API-07).

Zoho creates at most 10 access tokens in 10 minutes and keeps 15 alive, so the token is cached in the
database, sealed. At 50 minutes of its hour one process claims the renewal: a single update, whose row
lock and conditions are the double check, writes a lease. The HTTP call runs outside any transaction;
meanwhile the others go on with the old token, or wait for the new one when the old has expired. A lease
outlives the slowest exchange, and a process that dies in it frees the claim by its end.

A refusal is remembered: no process asks again before `retry_after`, and never more than 3 times in 10
minutes (2 of them because the API refused a token), so a misconfiguration cannot become a loop.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from portal import clock
from portal.config import Settings
from portal.db import transaction
from portal.db.rotation import bound_to
from portal.db.transaction import Conn, Pool
from portal.sealing import Keyring
from portal.zoho import token_rows
from portal.zoho.errors import TokenThrottled, Unauthorized, Unreachable, ZohoError
from portal.zoho.oauth import AccountsServer, Grant

RENEW_BEFORE = timedelta(minutes=10)
RENEW_EARLY = timedelta(minutes=20)
LEASE = timedelta(seconds=30)
WINDOW = timedelta(minutes=10)
MOST_IN_WINDOW = 3
MOST_AFTER_REFUSAL = 2
PAUSE_WHEN_REFUSED = timedelta(minutes=10)
PAUSE_WHEN_UNREACHABLE = timedelta(seconds=15)
WAIT_SECONDS = 14.0
_TRUSTED_FOR = timedelta(seconds=30)

# How a failure is remembered; what is neither of these is a refusal, which asks for a person.
_FAILURES: dict[str, type[ZohoError]] = {"unreachable": Unreachable, "throttled": TokenThrottled}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Access:
    """A usable access token, for one organisation; ``version`` is when it was handed out."""

    token: str = field(repr=False)
    organization_id: str
    expires_at: datetime
    version: datetime


class Tokens:
    """Hands out the shared access token, renewing it when it is this process's turn."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        keyring: Keyring,
        accounts: AccountsServer,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._configured = settings.zoho_organization_id
        self._from_environment = settings.zoho_refresh_token.get_secret_value()
        self._credentials = _fingerprint(settings)
        self._pool = pool
        self._keyring = keyring
        self._accounts = accounts
        self._sleep = sleep
        self._held: tuple[Access, datetime] | None = None

    def access(self, wait_seconds: float = WAIT_SECONDS, *, early: bool = False) -> Access:
        """Return a token that works by its dates. Raises a :class:`ZohoError` that says what to do.

        Background work asks ``early``: it renews a little before anybody has to, so that no person waits.
        """
        now, before = clock.now(), RENEW_EARLY if early else RENEW_BEFORE
        if self._held and self._held[0].expires_at - now > before and now < self._held[1]:
            return self._held[0]
        return self._hold(self._current(None, wait_seconds, before))

    def renewed(self, refused: Access, wait_seconds: float = WAIT_SECONDS) -> Access:
        """Return another token than ``refused``, which the API would not take.

        Raises :class:`Unauthorized` when a new one was fetched lately: then it is not the token.
        """
        self._held = None
        return self._hold(self._current(refused, wait_seconds))

    def connect(self, conn: Conn, organization_id: str, grant: Grant, **origin: Any) -> None:
        """Store a fresh connection; ``origin``: accounts_server, location, connected_by."""
        sealed = self._sealed(organization_id, grant)
        known = {"accounts_server": self._accounts.url, "location": "", "connected_by": None}
        conn.execute(token_rows.CONNECT, {**known, **origin, **sealed, "now": clock.now()})
        self._held = None

    def _hold(self, access: Access) -> Access:
        self._held = (access, clock.now() + _TRUSTED_FOR)
        return access

    def _current(
        self, refused: Access | None, wait_seconds: float, before: timedelta = RENEW_BEFORE
    ) -> Access:
        """Look, renew if due and possible, and else wait for whoever does."""
        waited, pause = 0.0, 0.05
        while True:
            row = self._row()
            found = self._usable(row, refused)
            if found and found.expires_at - clock.now() > before:
                return found
            renewed = self._renewed_or_old(row["organization_id"], refused, found, before)
            if renewed:
                return renewed
            self._refuse_if_hopeless(row, refused)
            if waited >= wait_seconds:
                raise TokenThrottled(retry_at=clock.now() + PAUSE_WHEN_UNREACHABLE)
            self._sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 0.5)

    def _renewed_or_old(
        self, organization_id: str, refused: Access | None, old: Access | None, before: timedelta
    ) -> Access | None:
        """Renew if it is our turn; as long as the old token works, nobody waits and nothing fails."""
        try:
            return self._try_to_renew(organization_id, refused, before) or old
        except ZohoError:
            if old is None:
                raise
            return old

    def _row(self) -> dict[str, Any]:
        with transaction.as_worker(self._pool) as conn:
            wanted = {"organization_id": self._configured}
            row = conn.execute(token_rows.FIND, wanted).fetchone()
            if row is None and self._from_environment:
                conn.execute(token_rows.ENSURE, wanted)
                row = conn.execute(token_rows.FIND, wanted).fetchone()
        if row is None or not (row["refresh_token"] or self._from_environment):
            raise Unauthorized(
                "no Zoho organisation is connected",
                "connect one on the staff page Zoho connection, or with `portal zoho connect`",
            )
        return row

    def _usable(self, row: dict[str, Any], refused: Access | None) -> Access | None:
        """Return the stored token unless it has expired or is the refused one."""
        if not row["access_token"] or row["access_expires_at"] <= clock.now():
            return None
        if refused and row["refreshed_at"] <= refused.version:
            return None
        organization_id = row["organization_id"]
        token = self._keyring.open(row["access_token"], _place(organization_id, "access_token"))
        return Access(token, organization_id, row["access_expires_at"], row["refreshed_at"])

    def _try_to_renew(self, organization_id: str, refused: Access | None, before: timedelta) -> Access | None:
        lease, now = uuid4(), clock.now()
        claim = {
            "organization_id": organization_id,
            "lease": lease,
            "lease_until": now + LEASE,
            "now": now,
            "window_start": now - WINDOW,
            "renew_if_before": now + before,
            "refused_version": refused.version if refused else None,
            "credentials": self._credentials,
            "most": MOST_AFTER_REFUSAL if refused else MOST_IN_WINDOW,
        }
        with transaction.as_worker(self._pool) as conn:
            row = conn.execute(token_rows.CLAIM, claim).fetchone()
        return self._renew(organization_id, row["refresh_token"], lease, now) if row else None

    def _renew(self, organization_id: str, sealed: bytes | None, lease: UUID, claimed_at: datetime) -> Access:
        refresh_token = self._from_environment
        try:
            if sealed:
                refresh_token = self._keyring.open(sealed, _place(organization_id, "refresh_token"))
            grant = self._accounts.refresh(refresh_token)
        except ZohoError as problem:
            self._remember_failure(organization_id, lease, claimed_at, problem)
            raise
        now = clock.now()
        values = {**self._sealed(organization_id, grant), "lease": lease, "now": now}
        with transaction.as_worker(self._pool) as conn:
            conn.execute(token_rows.STORE, values)
        log.info("zoho_token_renewed", organization_id=organization_id)
        return Access(grant.access_token, organization_id, grant.expires_at, now)

    def _remember_failure(
        self, organization_id: str, lease: UUID, claimed_at: datetime, problem: ZohoError
    ) -> None:
        now = clock.now()
        kind = next((kind for kind, family in _FAILURES.items() if isinstance(problem, family)), "refused")
        never_sent = isinstance(problem, Unreachable) and not problem.sent
        values = {
            "organization_id": organization_id,
            "lease": lease,
            "claimed_at": claimed_at,
            "now": now,
            "failure": str(problem),
            "kind": kind,
            "credentials": self._credentials,
            "retry_after": now + (PAUSE_WHEN_UNREACHABLE if kind == "unreachable" else PAUSE_WHEN_REFUSED),
            # What never reached the accounts server cannot have made a token there.
            "counts": not never_sent,
        }
        with transaction.as_worker(self._pool) as conn:
            conn.execute(token_rows.FAIL, values)
        log.error("zoho_token_refused", organization_id=organization_id, problem=str(problem))

    def _refuse_if_hopeless(self, row: dict[str, Any], refused: Access | None) -> None:
        """Raise when waiting will not help: a remembered refusal, or the API refuses fresh tokens."""
        now = clock.now()
        is_same = row["failure_credentials"] == self._credentials
        if is_same and row["retry_after"] and row["retry_after"] > now:
            raise _remembered(row)
        if refused and now - refused.version < WINDOW:
            raise Unauthorized(
                "Zoho refuses a fresh access token",
                "check that the connection's scopes and the user's permissions cover this operation",
            )

    def _sealed(self, organization_id: str, grant: Grant) -> dict[str, Any]:
        def seal(token: str, column: str) -> bytes | None:
            return self._keyring.seal(token, _place(organization_id, column)) if token else None

        return {
            "organization_id": organization_id,
            "access_token": seal(grant.access_token, "access_token"),
            "refresh_token": seal(grant.refresh_token, "refresh_token"),
            "expires_at": grant.expires_at,
            "api_domain": grant.api_domain,
            "scope": grant.scope,
        }


def _fingerprint(settings: Settings) -> str:
    """Tell one set of credentials from another without telling them."""
    parts = (settings.zoho_client_id, settings.zoho_client_secret, settings.zoho_refresh_token)
    together = "\n".join(part.get_secret_value() for part in parts)
    return hashlib.sha256(together.encode()).hexdigest()[:16]


def _place(organization_id: str, column: str) -> str:
    return bound_to("oauth_tokens", column, organization_id)


def _remembered(row: dict[str, Any]) -> ZohoError:
    """Raise again what the accounts server said last, without asking it again."""
    if row["failure_kind"] == "refused":
        reason, _, what_to_do = row["failure"].partition(": ")
        return Unauthorized(reason, what_to_do)
    if row["failure_kind"] == "unreachable":
        return Unreachable("the accounts server did not answer a moment ago", sent=False)
    return TokenThrottled(retry_at=row["retry_after"])
