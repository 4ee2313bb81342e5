"""Secrets from Supabase Vault (SECRETS_BACKEND=vault), against a stand-in with the Vault's own interface."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from portal.config import Settings
from portal.db import vault
from portal.errors import Misconfigured
from tests.zoho.conftest import settings_for

Row = psycopg.Connection[dict[str, Any]]
Build = Callable[..., Settings]

STAND_IN = """
create schema vault;
create table vault.secrets (id uuid primary key default gen_random_uuid(), name text unique, secret text,
                            description text);
create view vault.decrypted_secrets as select id, name, secret as decrypted_secret from vault.secrets;
create function vault.create_secret(new_secret text, new_name text, new_description text) returns uuid
  language sql as $$ insert into vault.secrets (secret, name, description)
                     values (new_secret, new_name, new_description) returning id $$;
"""


@pytest.fixture
def with_vault(conn: Row) -> Iterator[Row]:
    conn.execute(STAND_IN)
    yield conn
    conn.execute("drop schema vault cascade")


def test_the_environment_is_enough_without_a_vault(settings_at: Build) -> None:
    settings = settings_at("http://127.0.0.1:9")
    assert vault.fill(settings) is settings


def test_what_the_vault_holds_takes_the_place_of_the_environment(settings_at: Build, with_vault: Row) -> None:
    create = "select vault.create_secret(%s, %s, 'billing portal')"
    with_vault.execute(create, ["from the vault", "zoho_client_secret"])
    with_vault.execute(create, ["WebhookSecret1,WebhookSecret2", "zoho_webhook_secrets"])
    settings = settings_at("http://127.0.0.1:9", secrets_backend="vault")
    filled = vault.fill(settings)
    assert filled.zoho_client_secret.get_secret_value() == "from the vault"
    assert [one.get_secret_value() for one in filled.zoho_webhook_secrets] == [
        "WebhookSecret1",
        "WebhookSecret2",
    ]
    assert filled.zoho_client_id == settings.zoho_client_id
    assert filled.encryption_keys == settings.encryption_keys


def test_what_is_wrong_in_the_vault_is_named_and_not_shown(settings_at: Build, with_vault: Row) -> None:
    with_vault.execute("insert into vault.secrets (name, secret) values ('encryption_keys', 'k:hush')")
    with pytest.raises(Misconfigured, match=r"^ENCRYPTION_KEYS: must be") as caught:
        vault.fill(settings_at("http://127.0.0.1:9", secrets_backend="vault"))
    assert "hush" not in caught.value.message


def test_what_is_no_setting_of_ours_is_not_read(with_vault: Row) -> None:
    with_vault.execute(
        "insert into vault.secrets (name, secret) values ('stripe_key', 'x'), ('base_url', 'y')"
    )
    assert vault.read(with_vault) == {}


def test_a_database_without_a_vault_is_told_in_one_line(settings_at: Build) -> None:
    with pytest.raises(Misconfigured, match="needs the Supabase Vault"):
        vault.fill(settings_at("http://127.0.0.1:9", secrets_backend="vault"))


def test_a_database_that_is_down_is_told_in_one_line() -> None:
    nowhere = "postgresql://postgres@/x?host=/nowhere"
    with pytest.raises(Misconfigured, match="does not answer"):
        vault.fill(settings_for("http://127.0.0.1:9", nowhere, secrets_backend="vault"))


def test_no_role_of_the_portal_may_read_the_vault(with_vault: Row) -> None:
    for role in ("authenticated", "portal_web", "portal_worker", "portal_staff"):
        found = with_vault.execute(
            "select has_schema_privilege(%s, 'vault', 'usage') as may", [role]
        ).fetchone()
        assert found == {"may": False}
