"""Every secret can be changed without signing anybody out or losing a delivery (CRY-03, docs/runbook.md)."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from portal import cli
from portal.config import Settings
from portal.db import transaction
from portal.people import sessions
from tests.harness.people import sign_in, wear
from tests.visitor import Visitor
from tests.web.test_webhooks import HEADER, PATH, event, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.harness.people import SomeUser

    Make = Callable[..., Flask]

RUNBOOK = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text()
OLD, NEW = ("old:" + base64.b64encode(b"o" * 32).decode(), "new:" + base64.b64encode(b"n" * 32).decode())
pytestmark = pytest.mark.usefixtures("database_url")


def is_in(app: Flask, user: SomeUser) -> bool:
    return wear(Visitor(app), user).raw("GET", "/account").status_code == 200


def test_the_runbook_has_a_line_for_every_secret() -> None:
    section = RUNBOOK.partition("## Change a secret")[2].partition("\n## ")[0]
    secret = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
    }
    assert {"SECRET_KEY", "ZOHO_WEBHOOK_SECRETS", "SUPABASE_SECRET_KEY"} <= secret
    missing = sorted(name for name in {*secret, "ENCRYPTION_KEYS"} if not re.search(rf"`{name}`", section))
    assert not missing


def test_the_key_of_stored_tokens(
    make_app: Make, settings_env: dict[str, str], conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New one in front, restart, rotate-keys, old one out: nobody notices."""
    before = make_app(encryption_keys=OLD)
    user = sign_in(before)
    both = make_app(encryption_keys=f"{NEW},{OLD}")
    assert is_in(both, user)
    for name, value in {**settings_env, "ENCRYPTION_KEYS": f"{NEW},{OLD}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli.logs, "configure", lambda _: None)
    assert cli.main(["rotate-keys"]) == 0

    after = make_app(encryption_keys=NEW)
    assert is_in(after, user)
    session = conn.execute("select id from billing.sessions").fetchone()["id"]
    services = after.extensions["services"]
    with transaction.as_web(services.pool, user.user_id) as tx:
        found = sessions.find_tokens(tx, services.keyring, session)
    assert found is not None
    assert found.refresh.startswith("refresh-")


def test_a_value_that_no_key_opens_is_told(
    make_app: Make,
    settings_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign_in(make_app(encryption_keys=OLD))
    for name, value in {**settings_env, "ENCRYPTION_KEYS": NEW}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli.logs, "configure", lambda _: None)
    assert cli.main(["rotate-keys"]) != 0
    assert "cannot be opened" in capsys.readouterr().out


def test_the_key_of_forms_and_of_supabase(make_app: Make) -> None:
    """The cookie is no signature, so no key of ours makes it worthless (forms: tests/web/test_csrf.py)."""
    user = sign_in(make_app())
    changed = make_app(
        secret_key="another key of the portal, of more than 32 bytes",
        supabase_secret_key="sb_secret_another",
        supabase_publishable_key="sb_publishable_another",
    )
    assert is_in(changed, user)


def test_the_secret_of_webhooks(make_app: Make, conn: Any) -> None:
    """Zoho signs with the old one until it is told the new one; each delivery of both times is kept."""
    number = 0
    for configured, signed_with in [
        ("OldSecretOfTheHook", "OldSecretOfTheHook"),
        ("NewSecretOfTheHook,OldSecretOfTheHook", "OldSecretOfTheHook"),
        ("NewSecretOfTheHook,OldSecretOfTheHook", "NewSecretOfTheHook"),
        ("NewSecretOfTheHook", "NewSecretOfTheHook"),
    ]:
        number += 1
        client, body = make_app(zoho_webhook_secrets=configured).test_client(), event(str(number))
        answer = client.post(PATH, data=body, headers={HEADER: signed(body, signed_with)})
        assert answer.status_code == 200, (configured, signed_with)
    assert conn.execute("select count(*) n from billing.inbox").fetchone()["n"] == number


def test_the_login_of_the_database(make_app: Make, database_url: str, conn: Any) -> None:
    """A second login that may become the same roles; the first goes when nobody uses it any more."""
    user = sign_in(make_app())
    conn.execute("create role second_login login")
    try:
        roles = "portal_web, portal_worker, portal_staff, authenticated"
        conn.execute(f"grant {conn.info.user}, {roles} to second_login")
        assert is_in(make_app(database_url=re.sub(r"//[^@/]*@", "//second_login@", database_url)), user)
    finally:
        conn.execute("drop role second_login")
