"""The identity provider in the process: the sandbox's, reached by the portal's own client, or by nobody."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import jwt

from portal.config import Settings
from portal.people.supabase_auth import Identity, SignedIn, SupabaseAuth, Tokens
from portal.people.tokens import KeySet, Verifier
from sandbox.supabase_auth import demo, sessions, users

if TYPE_CHECKING:
    from sandbox.world import World
    from tests.simulation.stage import Setting


class Line(httpx.BaseTransport):
    """What carries the portal's calls to the provider; while that is stopped, nobody answers."""

    def __init__(self) -> None:
        self.setting: Setting | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        setting = self.setting
        if setting is None or "auth" in setting.down:
            raise httpx.ConnectError("nobody listens there", request=request)
        setting.virtual.sleep(setting.network.latency())
        return httpx.WSGITransport(app=setting.zoho.wsgi_app).handle_request(request)


def build(settings: Settings, line: Line) -> SupabaseAuth:
    """The portal's own client of the provider, over `line`."""
    auth = SupabaseAuth(settings)
    auth._http.close()
    auth._http = httpx.Client(transport=line)
    return auth


def started_again(auth: SupabaseAuth) -> SupabaseAuth:
    """The client of a process that remembers nothing; making one from scratch reads all certificates."""
    fresh = copy.copy(auth)
    fresh._resting_until = None
    fresh.verifier = Verifier(auth.verifier.issuer, KeySet(fresh._fetch_keys))
    return fresh


def plant(world: World, email: str) -> UUID:
    """Have the provider know this person, and return their id."""
    with world.store.transaction() as tx:
        if users.by_email(tx, email) is None:
            users.save(tx, users.confirm(users.build(email, id=demo.user_id(email))))
    return UUID(demo.user_id(email))


def sign_in(setting: Setting, email: str) -> SignedIn:
    """What the provider gives for the link in a mail: no password has to be hashed for it."""
    world, settings = setting.world, setting.stage.settings
    issuer = f"{settings.supabase_url.rstrip('/')}/auth/v1"
    with world.store.transaction() as tx:
        user = users.by_email(tx, email)
        assert user is not None
        lifetime = world.settings.auth_token_lifetime_s
        given = sessions.start(tx, user, "otp", issuer, lifetime=lifetime)
    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    identity = Identity(UUID(user["id"]), issuer, email, email, is_staff=False, factors=())
    tokens = Tokens(given["access_token"], given["refresh_token"], expires_at)
    return SignedIn(identity, UUID(claims["session_id"]), "aal1", tokens)
