"""Faults over the API and OAuth: seeded, repeatable, before or after the effect (FLT)."""

from __future__ import annotations

import io
import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from pypdf import PdfReader
from pypdf.errors import PdfReadError

from sandbox.engine.acts import ACTS
from sandbox.faults import weather
from tests.sandbox.outside.conftest import Bench


def get(bench: Bench, path: str, headers: dict[str, str], **query: Any) -> Any:
    return bench.client.get(f"/billing/v1/{path}", headers=headers, query_string=query)


def storm(bench: Bench, **faults: Any) -> None:
    bench.control("faults", {"api": {"hold_s": 0, "slow_s": 0} | faults, "seed": 7})


def statuses(bench: Bench, headers: dict[str, str], calls: int) -> list[int]:
    return [get(bench, "plans", headers).status_code for _ in range(calls)]


def test_same_seed_and_calls_meet_the_same_faults_and_another_seed_others(bench: Bench) -> None:
    headers = bench.headers()
    faults = {"429": 0.2, "500": 0.2, "timeout": 0.1, "hold_s": 0}

    runs = []
    for seed in (7, 7, 8):
        bench.control("faults", {"api": faults, "seed": seed})
        runs.append(statuses(bench, headers, 40))

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert {200, 429, 500, 504} == set(runs[0])


def test_clearing_the_weather_ends_it(bench: Bench) -> None:
    headers = bench.headers()
    storm(bench, **{"500": 1})
    assert statuses(bench, headers, 3) == [500] * 3

    bench.control("faults", {})
    assert statuses(bench, headers, 3) == [200] * 3


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("429", 429, 44),
        ("429_daily", 429, 45),
        ("429_concurrency", 429, 1070),
        ("500", 500, 1000),
        ("503", 503, 1000),
        ("200_error", 200, 1000),
        ("401_14", 401, 14),
        ("403", 403, 57),
    ],
)
def test_fault_answers_in_zohos_envelope(bench: Bench, fault: str, status: int, code: int) -> None:
    headers = bench.headers()
    storm(bench, **{fault: 1})

    answer = get(bench, "plans", headers)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert "Retry-After" not in answer.headers


def test_429_may_carry_retry_after(bench: Bench) -> None:
    headers = bench.headers()
    storm(bench, **{"429_retry_after": 1, "retry_after_s": 30})

    assert get(bench, "plans", headers).headers["Retry-After"] == "30"


@pytest.mark.parametrize(("fault", "status", "start"), [("502_html", 502, b"<html>"), ("empty", 200, b"")])
def test_fault_that_is_no_json(bench: Bench, fault: str, status: int, start: bytes) -> None:
    headers = bench.headers()
    storm(bench, **{fault: 1})

    answer = get(bench, "plans", headers)

    assert (answer.status_code, answer.data[:6]) == (status, start)


@pytest.mark.parametrize(("fault", "made"), [("timeout", 0), ("timeout_after_effect", 1)])
def test_a_time_out_comes_before_or_after_the_effect(bench: Bench, fault: str, made: int) -> None:
    headers = bench.headers()
    before = bench.control("state")["counts"]["customers"]
    bench.control("faults", {"api": {"next": [fault], "hold_s": 0}})
    body = {"display_name": "Late Ltd", "email": "late@example.com"}

    answer = bench.client.post("/billing/v1/customers", headers=headers, json=body)

    assert (answer.status_code, answer.headers["X-Sandbox-Fault"]) == (504, fault)
    assert bench.control("state")["counts"]["customers"] - before == made
    assert get(bench, "plans", headers).status_code == 200, "one scripted fault, then calm"


def test_a_time_out_holds_the_answer_as_long_as_it_says(bench: Bench) -> None:
    headers, slept = bench.headers(), []
    bench.app.extensions["sandbox_layer"].sleep = slept.append
    storm(bench, timeout=1, hold_s=[20, 20])

    get(bench, "plans", headers)

    assert slept == [20.0]


def test_a_scripted_fault_strikes_only_the_matching_calls(bench: Bench) -> None:
    headers = bench.headers()
    match = {"method": "GET", "path": "/subscriptions"}
    bench.control("faults", {"api": {"next": ["500"], "match": match}})

    assert get(bench, "plans", headers).status_code == 200
    assert get(bench, "subscriptions", headers).status_code == 500


def test_expired_token_is_really_expired(bench: Bench) -> None:
    headers = bench.headers()
    bench.control("faults", {"api": {"next": ["token_expired"]}})

    assert [get(bench, "plans", headers).status_code for _ in range(2)] == [401, 401]
    assert get(bench, "plans", bench.headers()).status_code == 200


def test_stale_list_shows_the_past_while_detail_shows_the_present(bench: Bench) -> None:
    headers = bench.headers()
    storm(bench, stale_list=1, stale_s=60)
    get(bench, "customers", headers)
    body = {"display_name": "Newest Ltd", "email": "new@example.com"}
    made = bench.client.post("/billing/v1/customers", headers=headers, json=body).json["customer"]

    def listed() -> bool:
        rows = get(bench, "customers", headers).json["customers"]
        return made["customer_id"] in {row["customer_id"] for row in rows}

    assert not listed()
    assert get(bench, f"customers/{made['customer_id']}", headers).status_code == 200
    bench.control("clock", {"advance_seconds": 31})
    listed()
    bench.control("clock", {"advance_seconds": 31})
    assert listed()


def test_lagging_reads_are_never_further_behind_than_the_weather_says(bench: Bench) -> None:
    """After a quiet time nothing comes back that is older than any lag (a created subscription once hid)."""
    headers = bench.headers()
    storm(bench, stale=1, stale_s=60)
    get(bench, "customers", headers)
    body = {"display_name": "Newest Ltd", "email": "new@example.com"}
    made = bench.client.post("/billing/v1/customers", headers=headers, json=body).json["customer"]
    bench.control("clock", {"advance_seconds": 1200})

    assert get(bench, f"customers/{made['customer_id']}", headers).status_code == 200


def test_shifting_pages_miss_or_repeat_a_row(bench: Bench) -> None:
    headers = bench.headers()

    def walk() -> list[str]:
        seen: list[str] = []
        for page in range(1, 20):
            answer = get(bench, "invoices", headers, page=page, per_page=4).json
            seen += [row["invoice_id"] for row in answer["invoices"]]
            if not answer["page_context"]["has_more_page"]:
                break
        return seen

    calm = walk()
    storm(bench, shift=0.5)
    walks = [walk() for _ in range(6)]

    assert len(calm) == len(set(calm))
    assert any(len(set(each)) < len(calm) for each in walks), "a row was missed"
    assert any(len(set(each)) < len(each) for each in walks), "a row came twice"
    bench.control("faults", {})
    assert walk() == calm


def test_truncated_pdf_is_half_of_one(bench: Bench) -> None:
    headers = bench.headers()
    invoice = bench.control("state?kind=invoices")["invoices"][0]["invoice_id"]
    whole = get(bench, f"invoices/{invoice}", headers, accept="pdf").data
    storm(bench, truncated_pdf=1)

    half = get(bench, f"invoices/{invoice}", headers, accept="pdf").data

    assert PdfReader(io.BytesIO(whole)).pages
    assert half == whole[: len(whole) // 2]
    with pytest.raises(PdfReadError):
        PdfReader(io.BytesIO(half), strict=True)


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("throttle", 400, "Access Denied"),
        ("throttle_200", 200, "Access Denied"),
        ("throttle_localised", 200, "访问被拒绝"),
        ("invalid_code", 200, "invalid_code"),
        ("invalid_client", 200, "invalid_client"),
        ("500", 500, "internal_error"),
    ],
)
def test_weather_over_the_token_endpoint(bench: Bench, fault: str, status: int, error: str) -> None:
    bench.control("faults", {"oauth": {fault: 1}})

    answer = bench.token()

    assert (answer.status_code, answer.json["error"]) == (status, error)


def test_revoked_by_weather_stays_revoked_after_it(bench: Bench) -> None:
    code = bench.control("oauth/codes", {})["code"]
    client = {"client_id": "1000.SANDBOXCLIENT", "client_secret": "sandbox-client-secret"}
    mine = bench.token(grant_type="authorization_code", code=code, **client).json["refresh_token"]
    refresh = {"grant_type": "refresh_token", "refresh_token": mine, **client}
    bench.control("faults", {"oauth": {"revoked": 1}})
    assert bench.token(**refresh).json == {"error": "invalid_code"}

    bench.control("faults", {})

    assert bench.token(**refresh).json == {"error": "invalid_code"}


def test_2_6_limits_per_minute_block_and_say_when_to_come_back(bench: Bench) -> None:
    headers = bench.headers()
    bench.control("settings", {"u6_per_minute": 3, "u6_retry_after": True, "u6_block_s": 90})
    with time_machine.travel(bench.world.clock.epoch(), tick=False) as traveller:
        answers = [get(bench, "plans", headers) for _ in range(4)]
        traveller.shift(61)
        still = get(bench, "plans", headers)
        traveller.shift(30)
        free = get(bench, "plans", headers)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (answers[3].json["code"], answers[3].headers["Retry-After"]) == (44, "90")
    assert (still.status_code, free.status_code) == (429, 200)


def test_2_6_limit_per_day_answers_45(bench: Bench) -> None:
    headers = bench.headers()
    bench.control("settings", {"u6_per_day": 2})

    codes = [get(bench, "plans", headers).json["code"] for _ in range(3)]

    assert codes == [0, 0, 45]


def test_2_6_too_many_calls_at_once_answer_1070(bench: Bench) -> None:
    headers, inside, go_on = bench.headers(), threading.Event(), threading.Event()
    bench.control("settings", {"u6_concurrent": 1})
    bench.control("faults", {"api": {"next": ["slow"]}})

    def wait(_: float) -> None:
        inside.set()
        go_on.wait(10)

    bench.app.extensions["sandbox_layer"].sleep = wait
    first = threading.Thread(target=get, args=(bench, "plans", headers))
    first.start()
    assert inside.wait(10)
    second = bench.app.test_client().get("/billing/v1/plans", headers=headers)
    go_on.set()
    first.join()

    assert (second.status_code, second.json["code"]) == (429, 1070)
    assert get(bench, "plans", headers).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"api": {"nonsense": 1}},
        {"api": {"429": 2}},
        {"api": {"429": True}},
        {"lane": {}},
        {"api": {"hold_s": "long"}},
        {"api": {"next": ["nonsense"]}},
        {"seed": "x"},
        {"skew_s": "slow"},
        {"skew_s": 1e12},
        {"webhooks": {"drop_as": "x"}},
        {"webhooks": {"copies": 3}},
        {"webhooks": {"copies": [5, 2]}},
        {"webhooks": {"copies": [0.5, 2]}},
        {"webhooks": {"reorder": "yes"}},
        {"api": {"match": {"path": 5}}},
        {"api": {"match": {"path": "subscriptions"}}},
        {"api": {"match": {"method": "post"}}},
        {"api": {"match": {"methods": "POST"}}},
        {"api": {"next": [{}]}},
        {"oauth": {"next": "throttle"}},
        [],
    ],
)
def test_weather_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(weather.Invalid):
        weather.check(json.loads(json.dumps(wrong)))


def test_every_magnitude_may_be_a_span(bench: Bench) -> None:
    headers = bench.headers()
    spans = {"duplicate": 1, "reorder": True, "reorder_s": [0, 3], "delay_s": [0, 5]}
    bench.control(
        "faults", {"api": {"next": ["429_retry_after"], "retry_after_s": [5, 9]}, "webhooks": spans}
    )

    refused = get(bench, "plans", headers)
    bench.emit()

    assert 5 <= int(refused.headers["Retry-After"]) <= 9
    assert bench.control("deliveries")["waiting"] >= 2


@pytest.mark.parametrize("skew", [-600, 86_400])
def test_timestamps_are_off_by_the_skew_and_days_are_not(bench: Bench, skew: int) -> None:
    with time_machine.travel(bench.world.clock.epoch(), tick=False):
        day, true = bench.world.clock.today(), bench.world.clock.stamp()
        bench.control("faults", {"skew_s": skew})
        bench.emit()
        told = bench.control("events")["events"][0]["payload"]["created_time"]
        assert moment(told) - moment(true) == timedelta(seconds=skew)
        assert bench.world.clock.today() == day

        bench.control("faults", {})
        assert bench.world.clock.stamp() == true, "clearing the weather may take its clock back"


def test_a_drawn_skew_is_the_seeds_and_survives_a_restart(bench: Bench) -> None:
    seen = []
    for seed in (1, 1, 2):
        bench.control("faults", {"skew_s": [-600, 600], "seed": seed})
        seen.append(bench.world.clock.skew)
    assert seen[0] == seen[1] != seen[2]
    assert max(abs(each) for each in seen) <= timedelta(minutes=10)
    bench.world.clock.skew = timedelta()
    bench.world.clock.reload()
    assert bench.world.clock.skew == seen[2]


def moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


RULES = Path(__file__).resolve().parents[4] / "shared" / "security-reliability.md"
# each fault of the list that is Zoho's, with what makes it here; `act` is something that staff do
MADE_BY: dict[str, dict[str, Any]] = {
    "webhook dropped": {"webhooks": {"drop": 0.3}},
    "duplicated": {"webhooks": {"duplicate": 1, "copies": [1000, 1000]}},
    "delayed / reordered": {"webhooks": {"delay_s": [0, 7 * 86_400], "reorder": True, "reorder_s": 21_600}},
    "corrupted, truncated": {"webhooks": {"corrupt": 0.25, "truncate": 0.25}},
    "forged, replayed": {"webhooks": {"forge": 0.2, "replay": 0.2}},
    "Zoho 429 (with and without Retry-After)": {"api": {"429": 0.15, "429_retry_after": 0.15}},
    'Zoho 5xx, HTML error page, empty body, 200 with error code, 200 "Access Denied" from token endpoint': {
        "api": {"500": 0.1, "503": 0.1, "502_html": 0.1, "empty": 0.1, "200_error": 0.1},
        "oauth": {"throttle_200": 0.2, "500": 0.1},
    },
    "time-out before effect / **after effect**": {
        "api": {"timeout": 0.1, "timeout_after_effect": 0.2, "hold_s": 30},
        "oauth": {"timeout_after_effect": 0.2},
    },
    "slow answers": {"api": {"slow": 1, "slow_s": [0, 30]}, "oauth": {"slow": 1, "slow_s": [0, 30]}},
    "stale list (read-after-write lag in Zoho)": {"api": {"stale_list": 1, "stale_s": [0, 600]}},
    "pagination shift during listing (insert/delete between pages)": {"api": {"shift": 1}},
    "access token expired mid-batch; refresh token revoked": {
        "api": {"token_expired": 0.02},
        "oauth": {"revoked": 0.05},
    },
    "clock skew portal vs Zoho, jump back (DST, NTP)": {"skew_s": [-86_400, 86_400]},
    "admin changes, merges or deletes objects in Zoho meanwhile": {
        "acts": ["change_plan", "edit_customer", "merge_customers", "delete_subscription", "delete_customer"]
    },
}
# faults of the portal's own machine, which nothing here can make
NOT_ZOHOS = {
    "Postgres restart, SIGKILL, failover read-only",
    "pool exhausted, lock time-out, deadlock, serialization error",
    "disk full (tmpfs 48 MB works here [R])",
    "worker/web kill -9, SIGSTOP longer than the lease",
    "duplicate clicks, back button, two tabs, stale price",
    "mail provider time-out after accept",
    "swizzle: stop a random subset of {web, worker, db, Zoho, Auth} one by one, restart in another order",
}


@pytest.mark.parametrize("made_by", MADE_BY.values(), ids=list(MADE_BY))
def test_flt_each_fault_of_the_list_can_be_had_at_its_magnitude(made_by: dict[str, Any]) -> None:
    acts = made_by.get("acts", [])
    assert set(acts) <= set(ACTS)
    assert weather.check({key: value for key, value in made_by.items() if key != "acts"}) or acts


@pytest.mark.skipif(not RULES.exists(), reason="the fault list is not beside this checkout (../shared)")
def test_flt_no_fault_of_the_list_is_forgotten() -> None:
    text = RULES.read_text().partition("### Fault list and magnitudes (FLT)")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|")[0].strip() for line in text.splitlines() if line.startswith("|")]
    assert set(rows[2:]) == set(MADE_BY) | NOT_ZOHOS


def test_a_fault_may_go_by_a_strangers_name(bench: Bench) -> None:
    asked = {"api": {"502": 0.5, "next": ["502", None, "timeout_before_effect"]}}
    known = {"api": {"502_html": 0.5, "next": ["502_html", None, "timeout"]}}
    assert bench.control("faults", asked) == bench.control("faults") == known
