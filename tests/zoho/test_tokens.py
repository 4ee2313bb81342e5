"""One access token for all processes: renewed once, sealed, never asked for in a loop (API-07, CRY-01)."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from portal import clock
from portal.config import Settings
from portal.db import rotation
from portal.db.transaction import Pool
from portal.sealing import Keyring
from portal.zoho import errors
from portal.zoho.client import ZohoClient
from tests.harness.processes import Sandbox
from tests.zoho import crowd
from tests.zoho.conftest import KEYS
from tests.zoho.hostile import TOKEN, Request, World
from tests.zoho.test_budget import plain

Build = Callable[..., ZohoClient]
Row = psycopg.Connection[dict[str, Any]]
ENDPOINT = "/oauth/v2/token"
THROTTLE_EN = {
    "error": "Access Denied",
    "error_description": "You have made too many requests",
    "status": "failure",
}
THROTTLE_ZH = {"error": "拒绝访问", "error_description": "您请求过于频繁，请稍后再试。", "status": "failure"}


def slowly(seconds: float, token: dict[str, Any] | None = None) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        time.sleep(seconds)
        request.say(200, token or TOKEN)

    return answer


def seconds_from_now(seconds: float) -> Callable[[], Any]:
    moment = clock.now() + timedelta(seconds=seconds)
    return lambda: moment


def test_eight_processes_at_expiry_make_one_refresh_api_07(
    settings_at: Callable[..., Settings], enemy: World
) -> None:
    enemy.behaviours[ENDPOINT] = slowly(1.0)
    settings = plain(settings_at(enemy.url))
    seen = crowd.run("get_token", [(settings, [KEYS])] * 8)
    assert {token for token, _ in seen} == {TOKEN["access_token"]}
    assert enemy.count(ENDPOINT) == 1


def test_while_one_renews_the_others_go_on_with_the_old_token_api_07(
    settings_at: Callable[..., Settings], enemy: World, client_at: Build, conn: Row
) -> None:
    client_at(enemy.url).tokens.access()
    conn.execute("update oauth_tokens set access_expires_at = now() + interval '5 minutes'")
    enemy.behaviours[ENDPOINT] = slowly(2.0, {**TOKEN, "access_token": "1000.newer"})
    seen = crowd.run("get_token", [(plain(settings_at(enemy.url)), [KEYS])] * 3)
    assert {token for token, _ in seen} == {TOKEN["access_token"], "1000.newer"}
    assert enemy.count(ENDPOINT) == 2


def test_it_is_renewed_at_fifty_minutes_and_not_before_api_07(client_at: Build, enemy: World) -> None:
    tokens = client_at(enemy.url).tokens
    tokens.access()
    for minutes, asked in ((49, 1), (51, 2), (52, 2)):
        with clock.replaced_by(seconds_from_now(minutes * 60)):
            tokens.access()
        assert enemy.count(ENDPOINT) == asked


def test_a_process_that_dies_while_renewing_frees_the_claim(
    client_at: Build, enemy: World, conn: Row
) -> None:
    tokens = client_at(enemy.url).tokens
    conn.execute(
        "insert into oauth_tokens (organization_id, refresh_lease, refresh_lease_until)"
        " values ('10000001', gen_random_uuid(), now() + interval '30 seconds')"
    )
    with pytest.raises(errors.TokenThrottled):
        tokens.access(wait_seconds=0)
    with clock.replaced_by(seconds_from_now(31)):
        assert tokens.access().token == TOKEN["access_token"]


def test_whoever_was_overtaken_while_renewing_does_not_undo_the_newer_token_api_07(
    client_at: Build, enemy: World, conn: Row
) -> None:
    """Its claim ran out while the accounts server took its time."""
    renewed: list[str] = []

    def overtaken(request: Request) -> None:
        enemy.behaviours[ENDPOINT] = slowly(0, {**TOKEN, "access_token": "1000.newer"})
        conn.execute("update oauth_tokens set refresh_lease_until = now() - interval '1 second'")
        renewed.append(client_at(enemy.url).tokens.access().token)
        request.say(200, TOKEN)

    enemy.behaviours[ENDPOINT] = overtaken
    client_at(enemy.url).tokens.access()

    assert renewed == ["1000.newer"]
    assert client_at(enemy.url).tokens.access().token == "1000.newer"


@pytest.mark.parametrize(("status", "body"), [(200, THROTTLE_EN), (400, THROTTLE_EN), (200, THROTTLE_ZH)])
def test_a_throttle_in_any_language_is_waited_out_without_asking_again_api_07(
    client_at: Build, enemy: World, status: int, body: dict[str, str]
) -> None:
    enemy.behaviours[ENDPOINT] = lambda request: request.say(status, body)
    zoho = client_at(enemy.url)
    for _ in range(3):
        with pytest.raises(errors.TokenThrottled) as refusal:
            zoho.fetch_customer("1")
        assert refusal.value.retry_at is not None
    assert enemy.count(ENDPOINT) == 1
    assert enemy.count("/billing") == 0
    enemy.behaviours[ENDPOINT] = slowly(0)
    with clock.replaced_by(seconds_from_now(601)):
        zoho.tokens.access()
    assert enemy.count(ENDPOINT) == 2


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("invalid_code", "connect the organisation again"),
        ("invalid_client", "ZOHO_DC"),
        ("invalid_client_secret", "ZOHO_CLIENT_SECRET"),
        ("invalid_redirect_uri", "BASE_URL"),
        ("general_error", "ZOHO_CLIENT_ID"),
    ],
)
def test_each_refusal_says_what_to_do_and_is_remembered(
    client_at: Build, enemy: World, conn: Row, error: str, hint: str
) -> None:
    """HTTP 200 with an `error` key is Zoho's normal way to say no (facts 1.3)."""
    enemy.behaviours[ENDPOINT] = lambda request: request.say(200, {"error": error})
    for zoho in (client_at(enemy.url), client_at(enemy.url)):
        with pytest.raises(errors.Unauthorized) as refusal:
            zoho.fetch_customer("1")
        assert hint in refusal.value.what_to_do
    assert enemy.count(ENDPOINT) == 1
    [row] = conn.execute("select failure, failed_at from oauth_tokens").fetchall()
    assert hint in row["failure"]
    assert row["failed_at"] is not None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"access_token": ""}'])
def test_an_answer_that_is_no_token_never_becomes_one(client_at: Build, enemy: World, body: bytes) -> None:
    enemy.behaviours[ENDPOINT] = lambda request: request.say(200, body)
    with pytest.raises(errors.NoEffect):
        client_at(enemy.url).tokens.access()


def test_never_more_than_three_refreshes_in_ten_minutes_inv_8(
    client_at: Build, enemy: World, conn: Row
) -> None:
    tokens = client_at(enemy.url).tokens
    for minute in range(10):
        conn.execute("update oauth_tokens set access_expires_at = now() - interval '1 hour'")
        with clock.replaced_by(seconds_from_now(minute * 55)):
            try:
                tokens.access(wait_seconds=0)
            except errors.TokenThrottled:
                continue
    assert enemy.count(ENDPOINT) == 3


def test_a_token_the_api_refuses_is_renewed_once_and_the_call_made_once_more(
    client_at: Build, enemy: World
) -> None:
    refuse_once = iter([True])

    def answer(request: Request) -> None:
        if next(refuse_once, False):
            request.say(401, {"code": 57, "message": "no"})
        else:
            request.say(200, {"code": 0, "customer": {"customer_id": "1"}})

    zoho = client_at(enemy.url)
    zoho.tokens.access()
    enemy.behaviours["/billing"] = answer
    assert zoho.fetch_customer("1").zoho_id == "1"
    assert enemy.count(ENDPOINT) == 2
    assert enemy.count("/billing") == 2


def test_a_permission_problem_does_not_become_a_loop_of_refreshes(client_at: Build, enemy: World) -> None:
    """Expired and under-scoped look alike (facts 1.6)."""
    enemy.behaviours["/billing"] = lambda request: request.say(401, {"code": 57, "message": "no"})
    zoho = client_at(enemy.url)
    for _ in range(4):
        with pytest.raises(errors.Unauthorized) as refusal:
            zoho.update_customer("1", {})
        assert "permissions" in refusal.value.what_to_do
    assert enemy.count(ENDPOINT) <= 2


def test_a_foreign_organisation_costs_no_refresh(client_at: Build, enemy: World) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(403, {"code": 6041, "message": "no"})
    with pytest.raises(errors.Unauthorized) as refusal:
        client_at(enemy.url).fetch_customer("1")
    assert "ZOHO_ORGANIZATION_ID" in refusal.value.what_to_do
    assert enemy.count(ENDPOINT) == 1


def test_without_a_connection_the_error_says_where_to_make_one(client_at: Build, enemy: World) -> None:
    with pytest.raises(errors.Unauthorized) as refusal:
        client_at(enemy.url, zoho_refresh_token="").fetch_customer("1")
    assert "portal zoho connect" in refusal.value.what_to_do
    assert enemy.asked == []


def test_tokens_lie_sealed_and_move_to_a_new_key_cry_01(
    client_at: Build, enemy: World, pool: Pool, conn: Row
) -> None:
    zoho = client_at(enemy.url)
    zoho.tokens.access()
    [row] = conn.execute("select access_token from oauth_tokens").fetchall()
    assert TOKEN["access_token"].encode() not in row["access_token"]
    newer = Keyring.from_settings(["newer:" + "bmV3ZXIga2V5IG9mIDMyIGJ5dGVzIGZvciB0ZXN0cyE=", KEYS])
    assert rotation.reseal(pool, newer) == 1
    [row] = conn.execute("select access_token from oauth_tokens").fetchall()
    assert newer.is_current(row["access_token"])


def test_the_token_shows_in_no_repr_and_no_error(client_at: Build, enemy: World) -> None:
    access = client_at(enemy.url).tokens.access()
    assert TOKEN["access_token"] not in repr(access)


def test_a_token_that_still_works_outlives_an_accounts_server_that_does_not(
    client_at: Build, enemy: World
) -> None:
    tokens = client_at(enemy.url).tokens
    token = tokens.access().token
    enemy.behaviours[ENDPOINT] = lambda request: request.say(500, b"<html>")
    with clock.replaced_by(seconds_from_now(55 * 60)):
        assert tokens.access().token == token
    with clock.replaced_by(seconds_from_now(61 * 60)), pytest.raises(errors.Unreachable):
        tokens.access()


def test_background_work_renews_before_any_person_has_to(client_at: Build, enemy: World) -> None:
    found = {"code": 0, "customer": {"customer_id": "1"}}
    enemy.behaviours["/billing"] = lambda request: request.say(200, found)
    zoho = client_at(enemy.url)
    zoho.fetch_customer("1")
    with clock.replaced_by(seconds_from_now(45 * 60)):
        zoho.fetch_customer("1")
        assert enemy.count(ENDPOINT) == 1
        zoho.lane("reconcile").fetch_customer("1")
        assert enemy.count(ENDPOINT) == 2


def test_a_refresh_token_that_the_sandbox_does_not_know_is_named(client_at: Build, sandbox: Sandbox) -> None:
    with pytest.raises(errors.Unauthorized) as refusal:
        client_at(sandbox.url, zoho_refresh_token="1000.never.was").list_customers()
    assert "connect the organisation again" in refusal.value.what_to_do
