"""Zoho Accounts in the sandbox: tokens, limits, consent, data centres (facts 1)."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from sandbox.oauth import codes, terms
from tests.sandbox.outside.conftest import READY, REFRESH, Bench

CALLBACK = "http://127.0.0.1:8000/admin/zoho/callback"
FULL = "ZohoSubscriptions.fullaccess.all"
ASK = {
    "client_id": READY["client_id"],
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": FULL,
    "access_type": "offline",
    "state": "s t&1",
}


def consent(bench: Bench, **more: str) -> dict[str, str]:
    answer = bench.client.post("/oauth/v2/auth", data=ASK | {"answer": "accept"} | more)
    assert answer.status_code == 302
    return {key: value[0] for key, value in parse_qs(urlsplit(answer.location).query).items()}


def exchange(bench: Bench, code: str, **more: str) -> dict[str, str]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    answer = bench.token(**form, **READY | more)
    assert answer.status_code == 200
    body: dict[str, str] = answer.json
    return body


def calls(bench: Bench, token: str) -> int:
    headers = {"Authorization": f"Zoho-oauthtoken {token}"}
    return bench.client.get("/billing/v1/events", headers=headers).status_code


def test_1_3_refresh_answers_without_a_new_refresh_token(bench: Bench) -> None:
    body = bench.token().json

    assert set(body) == {"access_token", "api_domain", "expires_in", "scope", "token_type"}
    assert body["expires_in"] == 3600
    assert calls(bench, body["access_token"]) == 200


def test_1_3_parameters_are_read_from_the_query_too(bench: Bench) -> None:
    answer = bench.client.post("/oauth/v2/token", query_string=REFRESH)

    assert "access_token" in answer.json


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "1000.NOBODY"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client_secret"),
        ({"refresh_token": "1000.no.such"}, "invalid_code"),
        ({"grant_type": "password"}, "general_error"),
        ({"client_id": ""}, "general_error"),
        ({"refresh_token": ""}, "general_error"),
        ({"grant_type": "authorization_code"}, "general_error"),
    ],
)
def test_1_3_errors_come_with_http_200(bench: Bench, change: dict[str, str], error: str) -> None:
    answer = bench.token(**REFRESH | change)

    assert (answer.status_code, answer.json) == (200, {"error": error})


def test_1_2_consent_page_asks_and_the_callback_names_state_location_and_server(
    bench: Bench,
) -> None:
    page = bench.client.get("/oauth/v2/auth", query_string=ASK)
    back = consent(bench, location="eu")

    assert FULL in page.text
    assert back["state"] == "s t&1"
    assert (back["location"], back["accounts-server"]) == ("eu", bench.world.settings.base_url)
    assert {"access_token", "refresh_token"} <= set(exchange(bench, back["code"]))


def test_1_2_denial_comes_back_as_access_denied(bench: Bench) -> None:
    answer = bench.client.post("/oauth/v2/auth", data=ASK | {"answer": "reject"})

    assert parse_qs(urlsplit(answer.location).query)["error"] == ["access_denied"]


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "1000.NOBODY"},
        {"redirect_uri": "https://evil.example/callback"},
        {"scope": "ZohoSubscriptions.nothing.READ"},
        {"response_type": "token"},
    ],
)
def test_1_2_a_request_that_cannot_be_trusted_is_never_redirected(
    bench: Bench, change: dict[str, str]
) -> None:
    answer = bench.client.get("/oauth/v2/auth", query_string=ASK | change)

    assert (answer.status_code, answer.location) == (400, None)


def test_1_2_only_a_shown_consent_earns_a_refresh_token(bench: Bench) -> None:
    consent(bench)
    again = bench.client.get("/oauth/v2/auth", query_string=ASK)
    code = parse_qs(urlsplit(again.location).query)["code"][0]

    assert "refresh_token" not in exchange(bench, code)
    assert bench.client.get("/oauth/v2/auth", query_string=ASK | {"prompt": "consent"}).status_code == 200


def test_1_4_grant_code_is_used_once_and_lives_two_minutes(bench: Bench) -> None:
    first, second = consent(bench)["code"], consent(bench)["code"]
    assert "access_token" in exchange(bench, first)

    assert exchange(bench, first) == {"error": "invalid_code"}
    with time_machine.travel(bench.world.clock.epoch() + 121):
        assert exchange(bench, second) == {"error": "invalid_code"}


def test_1_2_pkce_needs_the_verifier_behind_the_challenge(bench: Bench) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}

    right, wrong = consent(bench, **asked)["code"], consent(bench, **asked)["code"]

    assert "access_token" in exchange(bench, right, code_verifier=verifier)
    assert exchange(bench, wrong, code_verifier="w" * 43) == {"error": "invalid_code"}


def test_1_4_ten_access_tokens_in_ten_minutes_then_blocked_for_the_window(bench: Bench) -> None:
    with time_machine.travel(bench.world.clock.epoch(), tick=False) as traveller:
        made = [bench.token() for _ in range(11)]
        traveller.shift(601)
        later = bench.token()

    assert [answer.status_code for answer in made] == [200] * 10 + [400]
    assert made[10].json["error"] == "Access Denied"
    assert "access_token" in later.json


@pytest.mark.parametrize(
    ("form", "status", "localised"),
    [("400", 400, False), ("200", 200, False), ("200_localised", 200, True)],
)
def test_1_3_throttle_comes_in_every_recorded_form(
    bench: Bench, form: str, status: int, localised: bool
) -> None:
    bench.control("settings", {"oauth_throttle": form})

    answer = [bench.token() for _ in range(11)][-1]

    assert answer.status_code == status
    assert (answer.json["error"] != "Access Denied") is localised


def test_1_4_sixteenth_access_token_kills_the_oldest(bench: Bench) -> None:
    with time_machine.travel(bench.world.clock.epoch(), tick=False) as traveller:
        made = [bench.token().json["access_token"] for _ in range(10)]
        traveller.shift(601)
        made += [bench.token().json["access_token"] for _ in range(6)]

        assert [calls(bench, token) for token in made] == [401] + [200] * 15


def test_1_4_twenty_first_refresh_token_displaces_the_first_and_its_access_tokens(
    bench: Bench,
) -> None:
    with time_machine.travel(bench.world.clock.epoch(), tick=False) as traveller:
        made = []
        for _ in range(21):
            made.append(exchange(bench, consent(bench)["code"]))
            traveller.shift(61)

        form = {"grant_type": "refresh_token", **READY}
        answers = [bench.token(refresh_token=m["refresh_token"], **form).json for m in made]

        assert answers[0] == {"error": "invalid_code"}
        assert all("access_token" in answer for answer in answers[1:])
        assert calls(bench, made[0]["access_token"]) == 401
        assert "access_token" in bench.token().json, "the published token is never displaced"


@pytest.mark.parametrize(
    ("rate", "most", "window"), [("10_per_10_min", 10, 600), ("5_per_min", 5, 60), ("20_per_10_min", 20, 600)]
)
def test_1_4_refresh_tokens_are_made_at_the_rate_of_the_switch(
    bench: Bench, rate: str, most: int, window: int
) -> None:
    bench.control("settings", {"oauth_refresh_rate": rate, "oauth_throttle": "200"})
    with time_machine.travel(bench.world.clock.epoch(), tick=False) as traveller:
        codes = [made_code(bench) for _ in range(most + 1)]
        made = [exchange(bench, code) for code in codes]
        traveller.shift(window - 1)
        assert exchange(bench, made_code(bench))["error"] == "Access Denied"
        traveller.shift(1)
        again = exchange(bench, made_code(bench))

    assert ["refresh_token" in answer for answer in made] == [True] * most + [False]
    assert made[most]["error"] == "Access Denied"
    assert "refresh_token" in again


def made_code(bench: Bench) -> str:
    """A code of the published client beside the rate of codes, which has a test of its own."""
    details = {"user": "owner@northwind.example", "scope": FULL, "location": "us", "lasts_s": 600}
    with bench.world.store.transaction() as tx:
        client = tx.get("oauth_clients", READY["client_id"]) or {}
        return codes.issue(tx, client | {"codes_at": []}, details, terms.of(bench.world))


def test_1_4_thirty_living_access_tokens_by_switch(bench: Bench) -> None:
    bench.control("settings", {"oauth_live_access": "30"})
    with time_machine.travel(bench.world.clock.epoch(), tick=False) as traveller:
        made = []
        for _ in range(4):
            made += [bench.token().json.get("access_token") for _ in range(8)]
            traveller.shift(601)
        assert [calls(bench, token) for token in made] == [401] * 2 + [200] * 30


@pytest.mark.parametrize("lasts", [60, 180])
def test_1_4_a_grant_code_lives_as_long_as_the_switch_says(bench: Bench, lasts: int) -> None:
    bench.control("settings", {"oauth_code_s": lasts})
    first, second = consent(bench)["code"], consent(bench)["code"]
    with time_machine.travel(bench.world.clock.epoch() + lasts - 2):
        assert "access_token" in exchange(bench, first)
    with time_machine.travel(bench.world.clock.epoch() + lasts + 1):
        assert exchange(bench, second) == {"error": "invalid_code"}


def test_1_1_a_client_of_one_data_centre_is_unknown_to_people_of_others(bench: Bench) -> None:
    bench.control("settings", {"data_center_hosts": "prefix"})
    asked = {"name": "Homely", "redirect_uris": ["http://127.0.0.1/cb"], "multi_dc": False}
    client = bench.control("oauth/clients", asked)
    form = {"client_id": client["client_id"], "response_type": "code", "scope": FULL, "answer": "accept"}
    form |= {"redirect_uri": "http://127.0.0.1/cb"}
    assert bench.client.post("/oauth/v2/auth", data=form | {"location": "eu"}).status_code == 400
    assert bench.client.post("/oauth/v2/auth", data=form | {"location": "us"}).status_code == 302

    known = {name: client[name] for name in ("client_id", "client_secret")}
    there = bench.client.post("/dc/eu/oauth/v2/token", data=known | {"grant_type": "refresh_token"})
    assert there.json == {"error": "invalid_client"}


def test_1_4_ten_grant_codes_in_ten_minutes_then_access_denied(bench: Bench) -> None:
    answers = [consent(bench) for _ in range(11)]

    assert [set(a) & {"code", "error"} for a in answers] == [{"code"}] * 10 + [{"error"}]
    assert answers[10]["error"] == "access_denied"


def test_1_4_access_token_ends_after_an_hour(bench: Bench) -> None:
    token = bench.token().json["access_token"]

    with time_machine.travel(bench.world.clock.epoch() + 3601):
        assert calls(bench, token) == 401


def test_access_token_outlives_a_move_of_the_virtual_clock(bench: Bench) -> None:
    token = bench.token().json["access_token"]
    bench.control("clock", {"advance_days": 1})

    assert calls(bench, token) == 200
    bench.control("settings", {"oauth_clock": "virtual"})
    assert calls(bench, token) == 401


def test_revoked_refresh_token_takes_its_access_tokens_with_it(bench: Bench) -> None:
    tokens = exchange(bench, consent(bench)["code"])

    gone = bench.client.post("/oauth/v2/token/revoke", query_string={"token": tokens["refresh_token"]})

    assert gone.json == {"status": "success"}
    assert calls(bench, tokens["access_token"]) == 401


def test_self_client_code_from_the_console_needs_no_redirect(bench: Bench) -> None:
    client = bench.control("oauth/clients", {"name": "CLI", "type": "self"})
    code = bench.control("oauth/codes", {"client_id": client["client_id"], "minutes": 10})["code"]

    form = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    answer = bench.token(grant_type="authorization_code", code=code, **form)

    assert "refresh_token" in answer.json


def test_1_1_another_data_centre_does_not_know_the_code(bench: Bench) -> None:
    bench.control("settings", {"data_center_hosts": "prefix"})
    back = consent(bench, location="in")
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, **READY}

    assert back["accounts-server"].endswith("/dc/in")
    assert exchange(bench, back["code"]) == {"error": "invalid_code"}
    right = consent(bench, location="in")["code"]
    there = bench.client.post("/dc/in/oauth/v2/token", data=form | {"code": right}).json
    assert there["api_domain"].endswith("/dc/in")


@pytest.mark.parametrize("location", ["us", "eu", "in", "au", "jp", "ca", "sa", "cn"])
def test_1_1_every_data_centre_calls_back_and_takes_its_code(bench: Bench, location: str) -> None:
    bench.control("settings", {"data_center_hosts": "prefix"})

    back = consent(bench, location=location)
    host = back["accounts-server"].removeprefix(bench.world.settings.base_url)
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": back["code"]}
    answer = bench.client.post(f"{host}/oauth/v2/token", data=form | READY).json

    assert back["location"] == location
    assert {"access_token", "refresh_token"} <= set(answer)
    api = answer["api_domain"].removeprefix(bench.world.settings.base_url)
    headers = {"Authorization": f"Zoho-oauthtoken {answer['access_token']}"}
    assert bench.client.get(f"{api}/billing/v1/events", headers=headers).status_code == 200


def test_1_1_serverinfo_lists_the_eight_and_uk_only_by_switch_u16(bench: Bench) -> None:
    eight = bench.client.get("/oauth/serverinfo").json["locations"]
    bench.control("settings", {"u16_uk_uae": True})
    more = bench.client.get("/oauth/serverinfo").json["locations"]

    assert set(eight) == {"us", "eu", "in", "au", "jp", "ca", "sa", "cn"}
    assert set(more) - set(eight) == {"uk"}


@pytest.mark.parametrize(
    ("switch", "status", "code"), [("401/57", 401, 57), ("401/14", 401, 14), ("400/14", 400, 14)]
)
def test_1_6_expired_token_answers_by_switch_u5(bench: Bench, switch: str, status: int, code: int) -> None:
    bench.control("settings", {"u5_expired_token": switch})

    answer = bench.client.get("/billing/v1/events", headers={"Authorization": "Zoho-oauthtoken x"})

    assert (answer.status_code, answer.json["code"]) == (status, code)


@pytest.mark.parametrize(("switch", "status"), [("refused", 401), ("accepted", 200)])
def test_10_27_bearer_is_taken_by_switch_alone(bench: Bench, switch: str, status: int) -> None:
    bench.control("settings", {"oauth_bearer": switch})
    token = bench.token().json["access_token"]

    answer = bench.client.get("/billing/v1/events", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == status
    assert calls(bench, token) == 200


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("ZohoSubscriptions.webhooks.READ", "events", 200),
        ("ZohoSubscriptions.webhooks.ALL", "events", 200),
        ("ZohoSubscriptions.customers.READ", "events", 401),
    ],
)
def test_1_5_scope_is_asked_of_every_operation(bench: Bench, scope: str, path: str, status: int) -> None:
    code = bench.control("oauth/codes", {"scope": scope})["code"]
    token = exchange(bench, code)["access_token"]

    answer = bench.client.get(f"/billing/v1/{path}", headers={"Authorization": f"Zoho-oauthtoken {token}"})

    assert answer.status_code == status


@pytest.mark.parametrize(("organisation", "status"), [(None, 200), ("10000001", 200), ("7", 403)])
def test_2_1_missing_organisation_is_the_default_and_a_wrong_one_refused(
    bench: Bench, organisation: str | None, status: int
) -> None:
    extra = {"X-com-zoho-subscriptions-organizationid": organisation} if organisation else {}

    answer = bench.client.get("/billing/v1/events", headers=bench.headers() | extra)

    assert answer.status_code == status


def test_tokens_survive_a_reset_of_the_world(bench: Bench) -> None:
    headers = bench.headers()
    bench.control("reset", {"seed": "empty"})

    assert bench.client.get("/billing/v1/events", headers=headers).status_code == 200
