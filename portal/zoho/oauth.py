"""Asking Zoho's accounts server for tokens, through requests-oauthlib (facts.md 1.2, 1.3).

Decides what the accounts server's answers mean. It says "no" with HTTP 200 and an `error` key, and its
throttle speaks the language of the account (even `error` is translated), so an error that is not one of
the known literals is taken for a throttle: waiting is the one reaction that never makes it worse.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient
from requests_oauthlib import OAuth2Session

from portal import clock
from portal.config import Settings
from portal.zoho.errors import TokenThrottled, Unauthorized, Unreachable, ZohoError
from portal.zoho.transport import BoundedAdapter, Limits, Lost, hardened, lost_by

SCOPES = (
    "ZohoSubscriptions.products.READ",
    "ZohoSubscriptions.plans.READ",
    "ZohoSubscriptions.addons.READ",
    "ZohoSubscriptions.coupons.READ",
    "ZohoSubscriptions.settings.READ",
    "ZohoSubscriptions.webhooks.READ",
    "ZohoSubscriptions.customers.CREATE",
    "ZohoSubscriptions.customers.READ",
    "ZohoSubscriptions.customers.UPDATE",
    "ZohoSubscriptions.customers.DELETE",
    "ZohoSubscriptions.subscriptions.CREATE",
    "ZohoSubscriptions.subscriptions.READ",
    "ZohoSubscriptions.subscriptions.UPDATE",
    "ZohoSubscriptions.subscriptions.DELETE",
    "ZohoSubscriptions.invoices.CREATE",
    "ZohoSubscriptions.invoices.READ",
    "ZohoSubscriptions.invoices.UPDATE",
    "ZohoSubscriptions.payments.CREATE",
    "ZohoSubscriptions.payments.READ",
    "ZohoSubscriptions.creditnotes.READ",
    "ZohoSubscriptions.hostedpages.CREATE",
    "ZohoSubscriptions.hostedpages.READ",
)
THROTTLE_PAUSE = timedelta(minutes=10)
_LIFETIME_S = 3600
_RECONNECT = "connect the organisation again (staff page Zoho connection, or `portal zoho connect`)"

# The accounts server's known refusals, and what each asks of a person.
_REFUSALS = {
    "invalid_code": (
        "the code or refresh token is unknown, expired, revoked, or displaced by 20 newer ones",
        _RECONNECT,
    ),
    "invalid_client": (
        "the client id is unknown in this data centre",
        "check ZOHO_CLIENT_ID and ZOHO_DC, and in the API console that the client may be used there",
    ),
    "invalid_client_secret": ("the client secret is wrong", "check ZOHO_CLIENT_SECRET"),
    "invalid_redirect_uri": (
        "the return address is not registered",
        "register BASE_URL followed by /admin/zoho-connection/return with the client in the API console",
    ),
    "invalid_grant": ("the refresh token is not accepted", _RECONNECT),
    "invalid_scope": (
        "a permission asked for does not exist",
        "check the client's scopes in the API console",
    ),
    "access_denied": ("the consent was refused", _RECONNECT),
    "unauthorized_client": (
        "the client may not use this grant",
        "check the client's type in the API console",
    ),
    "general_error": ("a parameter is missing or malformed", "check ZOHO_CLIENT_ID and ZOHO_CLIENT_SECRET"),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens as the accounts server handed them out; a refresh brings no new refresh token."""

    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    api_domain: str = ""


class AccountsServer:
    """The accounts server of the settings' data centre."""

    def __init__(self, settings: Settings, limits: Limits | None = None) -> None:
        self.url = settings.zoho_accounts_url
        self._client_id = settings.zoho_client_id.get_secret_value()
        self._client_secret = settings.zoho_client_secret.get_secret_value()
        self._limits = limits or Limits()
        if urlsplit(self.url).scheme == "http":
            # The settings have already refused plain http to anything but this machine (the sandbox).
            os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")

    def authorization_url(self, *, redirect_uri: str, state: str, verifier: str) -> str:
        """Return the address of Zoho's consent page; `offline` and `consent` bring a refresh token."""
        client = WebApplicationClient(self._client_id)
        with OAuth2Session(client=client, redirect_uri=redirect_uri, scope=",".join(SCOPES)) as session:
            url, _ = session.authorization_url(
                f"{self.url}/oauth/v2/auth",
                state=state,
                access_type="offline",
                prompt="consent",
                code_challenge=client.create_code_challenge(verifier, "S256"),
                code_challenge_method="S256",
            )
        return str(url)

    def exchange(self, code: str, *, redirect_uri: str = "", verifier: str = "") -> Grant:
        """Exchange a code for tokens. A self-client code has neither redirect address nor verifier."""

        def ask(session: OAuth2Session) -> dict[str, Any]:
            return dict(
                session.fetch_token(
                    self._token_url,
                    code=code,
                    client_secret=self._client_secret,
                    include_client_id=True,
                    code_verifier=verifier or None,
                )
            )

        return self._ask(ask, redirect_uri=redirect_uri or None)

    def refresh(self, refresh_token: str) -> Grant:
        """Get a new access token. Raises a :class:`ZohoError` that says what to do."""

        def ask(session: OAuth2Session) -> dict[str, Any]:
            return dict(
                session.refresh_token(
                    self._token_url,
                    refresh_token=refresh_token,
                    client_id=self._client_id,
                    client_secret=self._client_secret,
                )
            )

        return self._ask(ask)

    @property
    def _token_url(self) -> str:
        return f"{self.url}/oauth/v2/token"

    def _ask(self, ask: Callable[[OAuth2Session], dict[str, Any]], redirect_uri: str | None = None) -> Grant:
        client = WebApplicationClient(self._client_id)
        with OAuth2Session(client=client, redirect_uri=redirect_uri) as session:
            hardened(session, BoundedAdapter(self._limits))
            session.register_compliance_hook("access_token_response", _checked)
            session.register_compliance_hook("refresh_token_response", _checked)
            try:
                return _grant_from(ask(session))
            except requests.RequestException as problem:
                raise _unreachable(lost_by(problem)) from None
            except Lost as lost:
                raise _unreachable(lost) from None
            except OAuth2Error as problem:
                raise Unreachable(f"the accounts server's answer: {type(problem).__name__}") from None


def new_secret() -> str:
    """Make a state or a PKCE verifier: 256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


def refusal(error: str, description: str = "") -> ZohoError:
    """Name what an `error` of the accounts server means."""
    known = _REFUSALS.get(error)
    if known is not None and not (error == "access_denied" and description):
        return Unauthorized(*known)
    return TokenThrottled(retry_at=clock.now() + THROTTLE_PAUSE)


def _checked(response: requests.Response) -> requests.Response:
    """Compliance hook: turn Zoho's errors, which come with any status, into ours."""
    if response.status_code >= requests.codes.server_error or response.is_redirect:
        raise Unreachable(f"the accounts server answered {response.status_code}", status=response.status_code)
    try:
        answer = response.json()
    except ValueError:
        raise Unreachable("the accounts server answered without JSON", status=response.status_code) from None
    if not isinstance(answer, dict):
        raise Unreachable("the accounts server answered without an object", status=response.status_code)
    if "error" in answer or not answer.get("access_token"):
        raise refusal(str(answer.get("error", "")), str(answer.get("error_description", "")))
    return response


def _grant_from(token: dict[str, Any]) -> Grant:
    lifetime = token.get("expires_in", _LIFETIME_S)
    seconds = float(lifetime) if isinstance(lifetime, int | float) else float(_LIFETIME_S)
    # Old accounts servers count in milliseconds: no access token of Zoho's lives a day.
    seconds = seconds / 1000 if seconds > 86_400 else seconds  # noqa: PLR2004
    scope = token.get("scope", "")
    return Grant(
        access_token=str(token["access_token"]),
        expires_at=clock.now() + timedelta(seconds=seconds),
        refresh_token=str(token.get("refresh_token") or ""),
        scope=" ".join(scope) if isinstance(scope, list) else str(scope or ""),
        api_domain=str(token.get("api_domain") or ""),
    )


def _unreachable(lost: Lost) -> Unreachable:
    return Unreachable(f"accounts server: {lost.reason}", sent=lost.sent)
