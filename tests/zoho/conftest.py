"""What the tests of the Zoho connection share: settings for a given server, a client, a hostile server."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.config import Settings
from portal.db.transaction import Pool
from portal.sealing import Keyring
from portal.zoho import client
from portal.zoho.client import ZohoClient
from tests.harness.processes import Sandbox
from tests.zoho import hostile

KEYS = "test:" + base64.b64encode(b"k" * 32).decode()


def settings_for(url: str, database_url: str, **changes: Any) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "secret_key": "a secret key for tests alone, of more than 32 bytes",
            "base_url": "http://127.0.0.1:8000",
            "supabase_url": url,
            "supabase_publishable_key": "unused",
            "zoho_accounts_url": url,
            "zoho_api_url": url,
            "zoho_organization_id": "10000001",
            "zoho_client_id": "1000.SANDBOXCLIENT",
            "zoho_client_secret": "sandbox-client-secret",
            "zoho_refresh_token": "1000.sandbox.refresh",
            "encryption_keys": KEYS,
            "zoho_calls_per_minute": 6000,
            "zoho_concurrency": 50,
            **changes,
        }
    )


@pytest.fixture
def keyring() -> Keyring:
    return Keyring.from_settings([KEYS])


@pytest.fixture
def enemy() -> Iterator[hostile.World]:
    with hostile.running() as world:
        yield world


@pytest.fixture
def settings_at(database_url: str) -> Callable[..., Settings]:
    return lambda url, **changes: settings_for(url, database_url, **changes)


@pytest.fixture
def client_at(
    settings_at: Callable[..., Settings], pool: Pool, keyring: Keyring
) -> Callable[..., ZohoClient]:
    """Build a client for a server; waits cost nothing unless a test brings its own sleep."""
    return lambda url, **changes: client.build(settings_at(url, **changes), pool, keyring)


@pytest.fixture
def zoho(client_at: Callable[..., ZohoClient], sandbox: Sandbox) -> ZohoClient:
    return client_at(sandbox.url)
