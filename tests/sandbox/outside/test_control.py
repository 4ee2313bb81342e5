"""`/_control/*`: the names and shapes that other programs drive the sandbox by (design, section 3)."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.control import switches
from sandbox.settings import Settings
from tests.sandbox.outside.conftest import Bench

UNKNOWNS = ("u1_", "u2_", "u3_", "u4_", "u5_", "u6_", "u7_", "u8_", "u9_", "u10_", "u11_", "u12_",
            "u13_", "u14_", "u15_", "u16_", "u17_", "u18_", "u19_", "u20_")  # fmt: skip


def test_reset_makes_a_demo_an_empty_or_a_generated_world(bench: Bench) -> None:
    bench.control("reset", {"seed": "empty"})
    assert bench.control("state")["counts"]["customers"] == 0

    bench.control("reset", {"seed": "demo"})
    names = {c["email"] for c in bench.control("state?kind=customers")["customers"]}
    assert "ada@example.com" in names


def test_clock_advances_by_days_or_to_a_moment_and_never_back(bench: Bench) -> None:
    before = bench.control("clock")["today"]
    after = bench.control("clock", {"advance_days": 31})
    there = bench.control("clock", {"to": "2035-01-31T06:00:00"})
    back = bench.client.post("/_control/clock", json={"to": "2030-01-01T00:00:00"})

    assert after["today"] > before
    assert there["now"].startswith("2035-01-31T06:00:0")
    assert back.status_code == 409


def test_a_month_brings_renewals_with_their_events(bench: Bench) -> None:
    bench.control("clock", {"advance_days": 31})

    happened = {event["event_type"] for event in bench.control("events?per_page=1000")["events"]}

    assert {"subscription_renewed", "payment_thankyou", "invoice_notification"} <= happened


def test_state_pages_over_every_object_as_the_api_shows_it(bench: Bench) -> None:
    seen: list[dict[str, Any]] = []
    for page in range(1, 100):
        answer = bench.control(f"state?kind=invoices&page={page}&per_page=7")
        seen += answer["invoices"]
        if not answer["page_context"]["has_more_page"]:
            break
    one = bench.client.get(f"/billing/v1/invoices/{seen[0]['invoice_id']}", headers=bench.headers())

    assert len(seen) == len({row["invoice_id"] for row in seen}) == answer["total"]
    assert one.json["invoice"] == seen[0]


DETAILS = {
    "products": ("products/{product_id}", "product"),
    "plans": ("plans/{plan_code}", "plan"),
    "addons": ("addons/{addon_code}", "addon"),
    "coupons": ("coupons/{coupon_code}", "coupon"),
    "customers": ("customers/{customer_id}", "customer"),
    "contact_persons": ("customers/{customer_id}/contactpersons/{contactperson_id}", "contact_person"),
    "subscriptions": ("subscriptions/{subscription_id}", "subscription"),
    "invoices": ("invoices/{invoice_id}", "invoice"),
    "payments": ("payments/{payment_id}", "payment"),
    "credit_notes": ("creditnotes/{creditnote_id}", "credit_note"),
    "refunds": ("creditnotes/refunds/{refund_id}", "refund"),
    "unbilled_charges": ("unbilledcharges/{unbilled_charge_id}", "unbilled_charge"),
    "cards": ("customers/{customer_id}/cards/{card_id}", "card"),
    "bank_accounts": ("customers/{customer_id}/bankaccounts/{account_id}", "bank_accounts"),
    "hosted_pages": ("hostedpages/{hostedpage_id}", ""),
    "events": ("events/{event_id}", "event"),
    "webhooks": ("webhooks/{webhook_id}", "webhook"),
}


def test_every_kind_of_the_state_is_what_the_api_shows(bench: Bench) -> None:
    headers = bench.headers()
    live = next(
        s for s in bench.control("state?kind=subscriptions")["subscriptions"] if s["status"] == "live"
    )
    mine = f"/billing/v1/subscriptions/{live['subscription_id']}"
    parked = {"amount": 5, "description": "later", "add_to_unbilled_charges": True}
    for path, body in (("notes", {"description": "called"}), ("charge", parked)):
        assert bench.client.post(f"{mine}/{path}", json=body, headers=headers).json["code"] == 0
    page = {"subscription_id": live["subscription_id"]}
    bench.client.post("/billing/v1/hostedpages/updatecard", json=page, headers=headers)
    paid = next(p for p in bench.control("state?kind=payments")["payments"] if p["status"] == "success")
    bench.control("act", {"kind": "refund", "payment_id": paid["payment_id"], "amount": 3})

    kinds = bench.control("state")["counts"]

    assert set(kinds) == set(DETAILS)
    for kind, (path, key) in DETAILS.items():
        row = bench.control(f"state?kind={kind}")[kind][-1]
        shown = bench.client.get(f"/billing/v1/{path.format(**row)}", headers=headers).json
        shown = shown[key] if key else {name: shown[name] for name in row}
        assert (shown[0] if isinstance(shown, list) else shown) == row, kind


def test_world_comes_back_from_its_copy_as_it_was(bench: Bench) -> None:
    kinds = list(bench.control("state")["counts"])
    before = {kind: bench.control(f"state?kind={kind}&per_page=1000")[kind] for kind in kinds}
    copy = bench.client.get("/_control/export").data

    bench.control("reset", {"seed": "empty"})
    loaded = bench.client.post("/_control/import", data=copy, content_type="application/json")

    assert loaded.status_code == 200
    assert {k: bench.control(f"state?kind={k}&per_page=1000")[k] for k in kinds} == before


def test_a_copy_that_is_none_changes_nothing(bench: Bench) -> None:
    before = bench.control("state")["counts"]

    answer = bench.client.post("/_control/import", json={"format": 1, "kinds": {"plans": 3}})

    assert answer.status_code == 400
    assert bench.control("state")["counts"] == before


def test_staff_act_voids_an_invoice_and_tells_by_event(bench: Bench) -> None:
    invoice = bench.control("state?kind=invoices")["invoices"][0]["invoice_id"]

    done = bench.control("act", {"kind": "void_invoice", "invoice_id": invoice})

    assert done["result"]["status"] == "void"
    assert bench.control("events?per_page=1")["events"][0]["event_type"] == "invoice_voided"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "nonsense"},
        {"kind": "cancel"},
        {"kind": "refund", "payment_id": "7"},
        {"kind": "next_charge_declines", "reason": "bad mood"},
        [],
    ],
)
def test_staff_act_that_makes_no_sense_is_refused_with_400(bench: Bench, body: Any) -> None:
    assert bench.client.post("/_control/act", json=body).status_code == 400


def test_staff_act_that_cannot_be_done_now_is_refused_with_409(bench: Bench) -> None:
    body = {
        "kind": "void_invoice",
        "invoice_id": bench.control("state?kind=invoices")["invoices"][0]["invoice_id"],
    }
    bench.control("act", body)

    again = bench.client.post("/_control/act", json=body)

    assert (again.status_code, again.json) == (409, {"error": "The invoice is already void."})


def test_calls_are_counted_by_minute_and_shown_newest_first(bench: Bench) -> None:
    headers = bench.headers()
    bench.client.delete("/_control/calls")
    for path in ("plans", "subscriptions/5120000000000001"):
        bench.client.get(f"/billing/v1/{path}", headers=headers)

    seen = bench.control("calls")

    assert [call["path"] for call in seen["calls"]] == [
        "/billing/v1/subscriptions/5120000000000001",
        "/billing/v1/plans",
    ]
    assert (seen["total"], sum(seen["per_minute"].values())) == (2, 2)
    assert seen["calls"][0]["code"] == 1002
    assert seen["per_operation"] == {"GET /plans": 1, "GET /subscriptions/{id}": 1}


def test_every_open_question_has_a_switch_with_its_alternatives(bench: Bench) -> None:
    known = bench.control("settings")["alternatives"]

    # U16 is whether a data centre exists, U15 and U17 to U20 are one switch each; all must be there.
    missing = [u for u in UNKNOWNS if not any(name.startswith(u) for name in known)]
    assert missing == []
    assert [u for u in UNKNOWNS if not switches.question(u)] == []
    assert set(known) == set(Settings.model_fields)


def test_document_names_every_setting_and_every_control_call(bench: Bench) -> None:
    text = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    rules = {rule.rule for rule in bench.app.url_map.iter_rules() if rule.rule.startswith("/_control")}
    calls = {re.sub(r"<[^>]+>", "<id>", rule) for rule in rules}

    assert [name for name in Settings.model_fields if f"SANDBOX_{name.upper()}" not in text] == []
    assert sorted(call for call in calls if call not in text) == []


def test_switch_is_kept_over_a_restart_and_wrong_values_are_refused(bench: Bench) -> None:
    bench.control("settings", {"u5_expired_token": "401/14"})
    wrong = bench.client.post("/_control/settings", json={"u5_expired_token": "perhaps"})
    fixed = bench.client.post("/_control/settings", json={"port": 1})

    from sandbox.app import create_app

    again = create_app(Settings(data=bench.world.settings.data, deliver="manual"))

    assert again.extensions["sandbox_world"].settings.u5_expired_token == "401/14"
    assert (wrong.status_code, fixed.status_code) == (400, 409)


def test_webhooks_go_where_they_are_sent(bench: Bench) -> None:
    first = {"url": "http://127.0.0.1:9/a", "secret": "abcdefghijklmnop"}
    bench.control("webhooks", first)
    both = bench.control("webhooks", {"url": "http://127.0.0.1:9/b", "add": True})["webhooks"]
    only = bench.control("webhooks", first | {"payload": "workflow", "events": ["card_expired"]})

    assert [hook["url"] for hook in both] == ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
    assert [hook["webhook_id"] for hook in only["webhooks"]] == [both[0]["webhook_id"]]
    assert only["webhooks"][0]["payload"] == "workflow"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "nowhere"},
        {"url": "http://x/", "secret": "too-short"},
        {"url": "http://x/", "payload": "other"},
        {"url": "http://x/", "method": "PUT"},
        {"url": "http://x/", "events": "some"},
        {"url": "http://x/", "events": ["*", "card_expired"]},
        {"url": "http://x/", "events": ["subscription_activated"]},
        {"url": "http://x/", "events": [{}]},
        {"url": "http://x/", "secert": "abcdefghijklmnop"},
        {"url": "http://[bad/"},
        {"url": "http:///path"},
        {"url": "http://x y/"},
        {"url": "http://x:99999/"},
        {"url": "http://x/", "headers": {"X-Owner": "Zoë"}},
        {"url": "http://x/", "headers": {"X Y": "z"}},
        {"url": "http://x/", "headers": {"X-Number": 7}},
        "http://x/",
    ],
)
def test_webhook_that_zoho_would_not_save_is_refused(bench: Bench, wrong: Any) -> None:
    assert bench.client.post("/_control/webhooks", json=wrong).status_code == 400


def test_an_endpoint_goes_back_from_workflow_to_events(bench: Bench) -> None:
    url = "http://127.0.0.1:9/a"
    bench.control("webhooks", {"url": url, "payload": "workflow", "payload_type": "form", "method": "PUT"})
    again = bench.control("webhooks", {"url": url, "payload": "event"})["webhooks"][0]

    assert (again["payload"], again["payload_type"], again["method"]) == ("event", "default", "POST")
    assert bench.control("webhooks", again)["webhooks"] == [again], "what is shown can be sent back"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "say either"),
        ({"advance_days": 1, "to": "2035-01-31T06:00:00"}, "say either"),
        ({"advance_days": "1"}, "advance_days: a number is needed"),
        ({"advance_days": True}, "advance_days: a number is needed"),
        ({"advance_hours": float("nan")}, "advance_hours: a number is needed"),
        ({"advance_seconds": 10**400}, "advance_seconds: a number is needed"),
        ({"advance_days": 10**9}, "ends with the year"),
        ({"to": "9999-12-31T06:00:00"}, "ends with the year"),
        ({"to": "tomorrow"}, "to: a moment such as"),
        ({"advance_days": 1, "background": "no"}, "background: true or false"),
        ({"advance_day": 1}, "advance_day: no such field"),
    ],
)
def test_clock_says_what_is_wrong_with_a_move_and_stays(bench: Bench, body: Any, said: str) -> None:
    before = bench.control("clock")["today"]

    answer = bench.client.post("/_control/clock", data=json.dumps(body))

    assert answer.status_code == 400
    assert said in answer.json["error"]
    assert bench.control("clock")["today"] == before


def test_clock_takes_a_move_by_nothing(bench: Bench) -> None:
    assert bench.control("clock", {"advance_days": 0})["today"] == bench.control("clock")["today"]


def test_long_act_in_the_background_shows_its_progress(bench: Bench) -> None:
    begun = bench.client.post("/_control/clock", json={"advance_days": 60, "background": True})
    assert begun.status_code == 202

    for _ in range(200):
        standing = bench.control("clock")
        if not standing["progress"]["running"]:
            break
        time.sleep(0.05)

    assert standing["today"] > begun.json["today"]
    assert "error" not in standing["progress"]


def test_page_of_another_site_cannot_drive_the_sandbox(bench: Bench) -> None:
    for path in ("/_control/reset", "/console/clock"):
        foreign = bench.client.post(path, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403, path


@pytest.mark.parametrize("path", ["clock", "reset", "faults", "webhooks", "act", "settings"])
@pytest.mark.parametrize("body", [b"{", b'"text"', b"[1]", b"\xff\xfe"])
def test_no_control_call_breaks_on_a_body_that_makes_no_sense(bench: Bench, path: str, body: bytes) -> None:
    answer = bench.client.post(f"/_control/{path}", data=body)

    assert 400 <= answer.status_code < 500
    assert re.fullmatch(r"\{\"error\":.+\}\s*", answer.text, re.DOTALL)


@pytest.mark.parametrize("events", [None, [], "*", "all", ["*"], ["all"]])
def test_webhook_gets_every_event_however_that_is_said(bench: Bench, events: Any) -> None:
    wanted = {"url": "http://127.0.0.1:9/a", "secret": None, "payload": "event", "events": events}
    assert bench.control("webhooks", wanted)["webhooks"][0]["events"] == []
    assert bench.control("webhooks", [wanted])["webhooks"][0]["secret"] == ""


def test_field_that_is_null_is_as_good_as_absent(bench: Bench) -> None:
    before = bench.control("clock")["today"]
    assert bench.control("clock", {"advance_days": 1, "to": None, "background": None})["today"] > before
    assert bench.control("faults", {"api": None, "webhooks": {"drop": 0.1}}) == {"webhooks": {"drop": 0.1}}
    assert bench.control("reset", {"seed": "empty", "subscriptions": None})["now"]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "weather", 404, "no such call; there are /_control/act, "),
        ("PUT", "clock", 405, "PUT is not for this call; there are "),
        ("GET", "reset", 405, "GET is not for this call; there are "),
    ],
)
def test_call_that_is_not_there_is_refused_in_json(
    bench: Bench, method: str, path: str, status: int, said: str
) -> None:
    answer = bench.client.open(f"/_control/{path}", method=method)
    assert answer.status_code == status
    assert answer.json["error"].startswith(said)
