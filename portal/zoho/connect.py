"""Connecting a Zoho organisation: in the browser by staff, or with a self-client code (facts.md 1.2, 1.3).

In the browser: `begin` remembers a state and a PKCE verifier (Zoho documents PKCE for some client types;
the others ignore it) and gives the address of Zoho's consent page; `check_return` judges what came back,
changing nothing, for anybody can make a browser open an address; `finish` exchanges the code; when the
user belongs to several organisations `choose` takes one. Each state is good for one try by the person
who began it.

The answer names the accounts server of the user's data centre. Tokens are asked for only at the server of
the settings: a user of another data centre is told which ZOHO_DC the portal would need.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from psycopg.types.json import Jsonb

from portal import clock
from portal.config import DATA_CENTRES, Settings
from portal.db import transaction
from portal.db.transaction import Conn, Pool
from portal.errors import Refused
from portal.sealing import Keyring
from portal.zoho import oauth
from portal.zoho.budget import Budget
from portal.zoho.calls import Call, Caller
from portal.zoho.oauth import AccountsServer, Grant
from portal.zoho.payloads import Organization
from portal.zoho.payloads.base import rows_from
from portal.zoho.tokens import Access, Tokens
from portal.zoho.transport import Transport

RETURN_PATH = "/admin/zoho-connection/return"
LASTS = timedelta(minutes=15)
_START_AGAIN = "Start again from the page Zoho connection."

_BEGIN = """
insert into billing.zoho_authorizations (state_hash, user_id, verifier, redirect_uri, created_at, expires_at)
values (%(state_hash)s, %(user_id)s, %(verifier)s, %(redirect_uri)s, %(now)s, %(expires_at)s)
"""
_SWEEP = "delete from billing.zoho_authorizations where expires_at <= %(now)s"
_FIND = """
select state_hash, verifier, redirect_uri from billing.zoho_authorizations
where state_hash = %(state_hash)s and user_id = %(user_id)s and used_at is null and expires_at > %(now)s
"""
_USE = """
update billing.zoho_authorizations set used_at = %(now)s
where state_hash = %(state_hash)s and user_id = %(user_id)s and used_at is null and expires_at > %(now)s
returning state_hash, verifier, redirect_uri
"""
_KEEP = """
update billing.zoho_authorizations set tokens = %(tokens)s, organizations = %(organizations)s
where state_hash = %(state_hash)s
"""
_PENDING = """
select state_hash, tokens, organizations from billing.zoho_authorizations
where user_id = %(user_id)s and tokens is not null and expires_at > %(now)s
order by used_at desc limit 1
"""
_FORGET = "delete from billing.zoho_authorizations where state_hash = %(state_hash)s"
_CONNECTION = """
select organization_id, access_expires_at, accounts_server, location, scope, connected_at, refreshed_at,
       failed_at, failure, retry_after
from billing.oauth_tokens order by connected_at desc nulls last limit 1
"""


@dataclass(frozen=True, slots=True)
class Consent:
    """What Zoho sent the browser back with, judged to be an answer to what we asked."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    location: str
    accounts_server: str


@dataclass(frozen=True, slots=True)
class Connected:
    """An organisation and the scopes that were granted for it."""

    organization: Organization
    scopes: tuple[str, ...]

    def __str__(self) -> str:
        known = f"{self.organization.name} ({self.organization.zoho_id})"
        return f"Connected to {known}, scopes: {', '.join(self.scopes) or 'not told'}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The user belongs to several organisations: one of these has to be chosen."""

    organizations: tuple[Organization, ...]


class Connection:
    """Connects with the settings' client; one value serves a request or a command."""

    def __init__(self, settings: Settings, pool: Pool, keyring: Keyring) -> None:
        self._settings = settings
        self._pool = pool
        self._keyring = keyring
        self._accounts = AccountsServer(settings)
        self._tokens = Tokens(settings, pool, keyring, self._accounts)

    def begin(self, user_id: UUID) -> str:
        """Remember an authorisation and return the address of Zoho's consent page."""
        state, verifier, now = oauth.new_secret(), oauth.new_secret(), clock.now()
        redirect_uri = self._settings.base_url + RETURN_PATH
        values = {
            "state_hash": _hash_of(state),
            "user_id": user_id,
            "verifier": self._keyring.seal(verifier, _place(_hash_of(state), "verifier")),
            "redirect_uri": redirect_uri,
            "now": now,
            "expires_at": now + LASTS,
        }
        with transaction.as_worker(self._pool) as conn:
            conn.execute(_SWEEP, values)
            conn.execute(_BEGIN, values)
        return self._accounts.authorization_url(redirect_uri=redirect_uri, state=state, verifier=verifier)

    def check_return(self, user_id: UUID, query: dict[str, str]) -> Consent:
        """Judge the query that Zoho's redirect carries. Raises :class:`Refused` with what to do."""
        state = query.get("state", "")
        values = {"state_hash": _hash_of(state), "user_id": user_id, "now": clock.now()}
        with transaction.as_worker(self._pool) as conn:
            known = conn.execute(_FIND, values).fetchone()
        if known is None:
            raise Refused(f"This answer belongs to no authorisation that you began lately. {_START_AGAIN}")
        if query.get("error") or not query.get("code"):
            raise Refused(f"Zoho gave no access: the consent was not given. {_START_AGAIN}")
        server = self._checked_server(query.get("accounts-server", ""), query.get("location", ""))
        return Consent(state, query["code"], query.get("location", ""), server)

    def finish(self, user_id: UUID, consent: Consent) -> Connected | Choice:
        """Exchange the code, once, and store the connection if it is clear for which organisation."""
        server = self._checked_server(consent.accounts_server, consent.location)
        state_hash = _hash_of(consent.state)
        with transaction.as_worker(self._pool) as conn:
            values = {"state_hash": state_hash, "user_id": user_id, "now": clock.now()}
            row = conn.execute(_USE, values).fetchone()
        if row is None:
            raise Refused(f"This authorisation was used already, or too long ago. {_START_AGAIN}")
        verifier = self._keyring.open(row["verifier"], _place(state_hash, "verifier"))
        grant = self._accounts.exchange(consent.code, redirect_uri=row["redirect_uri"], verifier=verifier)
        found = self._organizations_of(grant)
        origin = {"location": consent.location, "accounts_server": server, "connected_by": user_id}
        if len(found) == 1 or self._settings.zoho_organization_id:
            return self._store(self._picked(found), grant, origin)
        self._keep(state_hash, grant, found, origin)
        return Choice(tuple(found))

    def pending(self, user_id: UUID) -> Choice | None:
        """Return the choice that this person has still to make."""
        row = self._pending(user_id)
        return Choice(tuple(map(Organization.parse, row["organizations"]))) if row else None

    def choose(self, user_id: UUID, organization_id: str) -> Connected:
        """Store the connection for the organisation chosen."""
        row = self._pending(user_id)
        if row is None:
            raise Refused(f"There is nothing to choose, or it was too long ago. {_START_AGAIN}")
        found = [Organization.parse(one) for one in row["organizations"]]
        kept = json.loads(self._keyring.open(row["tokens"], _place(row["state_hash"], "tokens")))
        grant = Grant(**{**kept["grant"], "expires_at": datetime.fromisoformat(kept["grant"]["expires_at"])})
        origin = {**kept["origin"], "connected_by": user_id}
        connected = self._store(self._picked(found, organization_id), grant, origin)
        with transaction.as_worker(self._pool) as conn:
            conn.execute(_FORGET, {"state_hash": row["state_hash"]})
        return connected

    def with_code(self, code: str) -> Connected | Choice:
        """Connect with a code from the API console (self client): no redirect address, no verifier."""
        with transaction.as_worker(self._pool) as conn:
            find_connection(conn)  # the code is good once: see first whether what it brings can be kept
        grant = self._accounts.exchange(code)
        found = self._organizations_of(grant)
        if len(found) > 1 and not self._settings.zoho_organization_id:
            return Choice(tuple(found))
        return self._store(self._picked(found), grant, {})

    def _checked_server(self, server: str, location: str) -> str:
        server = server.rstrip("/") or self._accounts.url
        if server == self._accounts.url:
            return server
        centres = {accounts: name for name, (accounts, _, _) in DATA_CENTRES.items()}
        if server in centres:
            raise Refused(
                f"This Zoho user lives in the data centre “{centres[server]}” ({urlsplit(server).hostname}), "
                f"the portal is set to {self._accounts.url}. Set ZOHO_DC={centres[server]}, restart, and "
                "connect again."
            )
        raise Refused(
            f"The answer names an accounts server that is not on the list (location “{location[:20]}”). "
            f"Nothing was sent there. Check ZOHO_DC and ZOHO_ACCOUNTS_URL. {_START_AGAIN}"
        )

    def _organizations_of(self, grant: Grant) -> list[Organization]:
        if not grant.refresh_token:
            raise Refused(
                "Zoho gave no refresh token, so the access would end within the hour. Start again and agree "
                "to offline access; a self-client code must not have been used before."
            )
        settings = self._settings
        root = f"{settings.zoho_api_url}/billing/v1"
        token = _JustGiven(Access(grant.access_token, "", grant.expires_at, clock.now()))
        caller = Caller(root, Transport([settings.zoho_api_url]), token, Budget(settings, self._pool))
        answer = caller.ask(Call("GET", "/organizations", organization=False))
        return [Organization.parse(row) for row in rows_from(answer.get("organizations"))]

    def _picked(self, found: list[Organization], chosen: str = "") -> Organization:
        wanted = self._settings.zoho_organization_id or chosen
        picked = [one for one in found if one.zoho_id == wanted] if wanted else found[:1]
        if not picked:
            names = ", ".join(f"{one.name} ({one.zoho_id})" for one in found) or "none"
            raise Refused(
                f"This Zoho user does not belong to the organisation {wanted or 'of the settings'}. "
                f"The user's organisations: {names}. Connect as another user, or change ZOHO_ORGANIZATION_ID."
            )
        return picked[0]

    def _store(self, organization: Organization, grant: Grant, origin: dict[str, Any]) -> Connected:
        with transaction.as_worker(self._pool) as conn:
            self._tokens.connect(conn, organization.zoho_id, grant, **origin)
        return Connected(organization, tuple(grant.scope.replace(",", " ").split()))

    def _keep(
        self, state_hash: bytes, grant: Grant, found: list[Organization], origin: dict[str, Any]
    ) -> None:
        kept = {
            "grant": {**asdict(grant), "expires_at": grant.expires_at.isoformat()},
            "origin": {key: value for key, value in origin.items() if key != "connected_by"},
        }
        values = {
            "state_hash": state_hash,
            "tokens": self._keyring.seal(json.dumps(kept), _place(state_hash, "tokens")),
            "organizations": Jsonb([{"organization_id": one.zoho_id, "name": one.name} for one in found]),
        }
        with transaction.as_worker(self._pool) as conn:
            conn.execute(_KEEP, values)

    def _pending(self, user_id: UUID) -> dict[str, Any] | None:
        with transaction.as_worker(self._pool) as conn:
            return conn.execute(_PENDING, {"user_id": user_id, "now": clock.now()}).fetchone()


@dataclass(frozen=True, slots=True)
class _JustGiven:
    """The token of a connection that is being made; there is no other one to ask for."""

    given: Access

    def access(self, wait_seconds: float = 0, *, early: bool = False) -> Access:  # noqa: ARG002 - as below
        return self.given

    def renewed(self, refused: Access, wait_seconds: float = 0) -> Access:  # noqa: ARG002 - the protocol has it
        return refused


def with_self_client_code(settings: Settings, pool: Pool, keyring: Keyring, code: str) -> str:
    """Connect from the command line; return the sentence to print."""
    result = Connection(settings, pool, keyring).with_code(code)
    if isinstance(result, Connected):
        return str(result)
    names = "; ".join(f"{one.zoho_id} {one.name}" for one in result.organizations)
    raise Refused(f"Say which organisation, with ZOHO_ORGANIZATION_ID, and use a new code: {names}")


def find_connection(conn: Conn) -> dict[str, Any] | None:
    """Return the state of the connection without its tokens, for the staff's page."""
    return conn.execute(_CONNECTION).fetchone()


def _hash_of(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


def _place(state_hash: bytes, column: str) -> str:
    return f"zoho_authorizations:{column}:{state_hash.hex()}"
