"""What `portal doctor` finds in a database that is not as it should be (SB-03, SB-04)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from psycopg import sql

from portal import cli, doctor
from portal.db import soundness

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from portal.db.transaction import Pool

    Conn = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def login(conn: Conn) -> Iterator[sql.Identifier]:
    """A login that may become the portal's roles, and is no superuser. Roles belong to the whole server."""
    name = sql.Identifier(f"login_{uuid4().hex}")
    conn.execute(sql.SQL("create role {} login").format(name))
    conn.execute(
        sql.SQL("grant authenticated, portal_web, portal_worker, portal_staff to {}").format(name),
    )
    yield name
    conn.execute("reset session authorization")
    conn.execute(sql.SQL("drop role {}").format(name))


def test_a_sound_database_is_found_sound(conn: Conn, pool: Pool, database_url: str) -> None:
    found = soundness.examine(pool, database_url)
    assert [(one.name, one.verdict) for one in found] == [
        ("database", "ok"),
        ("migrations", "ok"),
        ("roles", "ok"),
        ("row security", "ok"),
        ("encryption", "ok"),
    ]


def test_sb_03_a_login_with_all_four_roles_is_enough(conn: Conn, login: sql.Identifier) -> None:
    conn.execute(sql.SQL("set session authorization {}").format(login))
    assert soundness.roles(conn).verdict == "ok"


@pytest.mark.parametrize("role", soundness.ROLES)
def test_sb_03_a_role_that_the_login_cannot_take_is_named(
    conn: Conn, login: sql.Identifier, role: str
) -> None:
    conn.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(role), login))
    conn.execute(sql.SQL("set session authorization {}").format(login))
    found = soundness.roles(conn)
    assert (found.verdict, found.text.partition(" cannot")[0]) == ("bad", role)


def test_sb_03_a_role_that_is_not_there_at_all_is_named(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "ROLES", (*soundness.ROLES, "portal_nobody"))
    assert soundness.roles(conn).text.startswith("portal_nobody cannot be taken.")


def test_sb_04_a_role_that_owns_a_table_passes_its_policies(conn: Conn) -> None:
    with conn.transaction(force_rollback=True):
        conn.execute("alter table billing.invoices owner to portal_web")
        found = soundness.roles(conn)
    assert (found.verdict, found.text.partition(" can pass")[0]) == ("bad", "portal_web")


def test_sb_04_a_table_without_row_level_security_is_named(conn: Conn) -> None:
    with conn.transaction(force_rollback=True):
        conn.execute("alter table billing.invoices disable row level security")
        found = soundness.row_security(conn)
    assert found.verdict == "bad"
    assert "invoices" in found.text


def test_a_commit_that_does_not_wait_for_the_disk_is_bad(conn: Conn) -> None:
    conn.execute("set synchronous_commit = off")
    assert [one.verdict for one in soundness.durability(conn)] == ["bad"]


def test_the_doctor_judges_what_the_vault_holds(
    conn: Conn,
    settings_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With SECRETS_BACKEND=vault the environment is not what the portal runs with."""
    judged: list[str] = []

    def remember(services: Any) -> list[soundness.Finding]:
        judged.append(services.settings.zoho_client_secret.get_secret_value())
        return [soundness.Finding("zoho", "ok", "looked at")]

    monkeypatch.setattr(doctor, "examine", remember)
    for name, value in {**settings_env, "SECRETS_BACKEND": "vault"}.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["doctor"]) == cli.FAILED
    assert "needs the Supabase Vault" in capsys.readouterr().out
    conn.execute("create schema vault")
    try:
        conn.execute(
            "create view vault.decrypted_secrets as"
            " select 'zoho_client_secret' as name, 'from the vault' as decrypted_secret"
        )
        assert cli.main(["doctor"]) == 0
    finally:
        conn.execute("drop schema vault cascade")
    assert judged == ["from the vault"]
