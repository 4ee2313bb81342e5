"""The client in the sandbox's weather: every fault has a name, and no write happens twice (CONV-04, FLT)."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from portal.config import Settings
from portal.db.transaction import Pool
from portal.sealing import Keyring
from portal.zoho import connect, errors
from portal.zoho.client import ZohoClient
from tests.harness.processes import Sandbox
from tests.zoho.test_client import a_customer

Build = Callable[..., ZohoClient]


def test_a_code_of_the_sandboxs_self_client_connects(
    sandbox: Sandbox, settings_at: Callable[..., Settings], client_at: Build, pool: Pool, keyring: Keyring
) -> None:
    client = sandbox.control("oauth/clients", {"name": "Back office", "type": "self"})
    code = sandbox.control("oauth/codes", {"client_id": client["client_id"]})["code"]
    credentials = {
        "zoho_client_id": client["client_id"],
        "zoho_client_secret": client["client_secret"],
        "zoho_refresh_token": "",
    }
    settings = settings_at(sandbox.url, **credentials)
    assert "Northwind Cloud (10000001)" in connect.with_self_client_code(settings, pool, keyring, code)
    assert client_at(sandbox.url, **credentials).list_customers().items
    with pytest.raises(errors.Unauthorized, match="code or refresh token is unknown"):
        connect.with_self_client_code(settings, pool, keyring, code)


def test_too_few_scopes_are_a_permission_problem_and_not_a_loop(
    sandbox: Sandbox, settings_at: Callable[..., Settings], client_at: Build, pool: Pool, keyring: Keyring
) -> None:
    scope = "ZohoSubscriptions.customers.READ,ZohoSubscriptions.settings.READ"
    code = sandbox.control("oauth/codes", {"scope": scope})["code"]
    settings = settings_at(sandbox.url, zoho_refresh_token="")
    connect.with_self_client_code(settings, pool, keyring, code)
    zoho = client_at(sandbox.url, zoho_refresh_token="")
    assert zoho.list_customers().items
    for _ in range(3):
        with pytest.raises(errors.Unauthorized) as refusal:
            zoho.list_subscriptions()
        assert "scopes" in refusal.value.what_to_do
    assert zoho.list_customers().items


def test_a_connection_revoked_at_zoho_is_named(
    sandbox: Sandbox, settings_at: Callable[..., Settings], client_at: Build, pool: Pool, keyring: Keyring
) -> None:
    code = sandbox.control("oauth/codes", {})["code"]
    settings = settings_at(sandbox.url, zoho_refresh_token="")
    connect.with_self_client_code(settings, pool, keyring, code)
    zoho = client_at(sandbox.url, zoho_refresh_token="")
    assert zoho.list_customers().items
    sandbox.control("oauth/revocations", {"everything": True})
    with pytest.raises(errors.Unauthorized) as refusal:
        zoho.list_customers()
    assert "connect the organisation again" in refusal.value.what_to_do


def test_in_a_storm_every_read_ends_and_every_error_has_a_name(sandbox: Sandbox, client_at: Build) -> None:
    zoho = client_at(sandbox.url).lane("reconcile")
    zoho.list_customers()
    sandbox.faults(api={"500": 0.1, "502_html": 0.1, "empty": 0.1, "reset": 0.05, "401_14": 0.05}, seed=5)
    ended = {"ok": 0, "named": 0}
    for _ in range(25):
        try:
            zoho.list_customers()
            ended["ok"] += 1
        except errors.ZohoError:
            ended["named"] += 1
    assert sum(ended.values()) == 25
    assert ended["ok"] > 0


def test_writes_in_a_storm_are_found_by_their_key_and_never_doubled_conv_04(
    sandbox: Sandbox, client_at: Build
) -> None:
    zoho = client_at(sandbox.url)
    customer = a_customer(zoho)
    sandbox.faults(api={"timeout_after_effect": 0.2, "500": 0.1, "reset": 0.1, "hold_s": 1}, seed=11)
    told: dict[str, str] = {}
    for _ in range(8):
        key = str(uuid4())
        body = {
            "customer_id": customer,
            "plan": {"plan_code": "team-m"},
            "auto_collect": False,
            "reference_id": key,
        }
        try:
            told[key] = zoho.create_subscription(body).zoho_id
        except errors.OutcomeUnknown:
            told[key] = "unknown"
        except errors.NoEffect:
            told[key] = "nothing"
    sandbox.faults()
    there: dict[str, int] = {}
    for subscription in sandbox.state("subscriptions"):
        reference = subscription["reference_id"]
        there[reference] = there.get(reference, 0) + 1
    for key, outcome in told.items():
        assert there.get(key, 0) <= 1
        if outcome == "nothing":
            assert key not in there
        elif outcome != "unknown":
            assert there[key] == 1
