"""Events and their deliveries: signed, repeated, resent, and never lost with the process (facts 7)."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from sandbox.app import create_app
from sandbox.settings import Settings
from sandbox.webhooks import sending
from sandbox.webhooks.courier import Courier
from sandbox.webhooks.payloads import Message
from sandbox.webhooks.signing import HEADER, signature, string_to_sign
from tests.harness.processes import Process, free_port, until
from tests.sandbox.outside.conftest import Bench, Receiver

SECRET = "SandboxWebhookSecret01"
INVOICE = {"invoice_id": "9001", "customer_id": "7001", "customer_name": "Bowman Furniture", "total": 50}


def hook(bench: Bench, receiver: Receiver, **more: object) -> None:
    bench.control("webhooks", {"url": receiver.url, "secret": SECRET} | more)


def statuses(bench: Bench) -> list[str]:
    return [row["status"] for row in bench.control("deliveries")["deliveries"]]


def test_7_3_body_of_a_webhook_is_the_payload_of_the_event(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver)
    bench.emit()
    bench.pump()

    listed = bench.client.get("/billing/v1/events", headers=bench.headers()).json
    newest = listed["events"][0]
    shown = bench.client.get(f"/billing/v1/events/{newest['event_id']}", headers=bench.headers()).json

    assert "payload" not in newest
    assert json.loads(receiver.bodies()[0]) == shown["event"]["payload"]
    assert shown["event"]["webhooks"][0]["status"] == "success"
    assert set(shown["event"]["webhooks"][0]) == {"webhook_id", "url", "status", "last_updated_time"}


def test_7_6_delivery_is_signed_over_query_and_raw_body(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver, url=receiver.url + "?tenant=acme", query={"region": "us"})
    bench.emit()
    bench.pump()

    headers, body, path = receiver.got[0]
    assert path.endswith("?tenant=acme&region=us")
    assert headers[HEADER] == signature(SECRET, b"regionustenantacme" + body)


@pytest.mark.parametrize("encoding", ["hex", "HEX", "base64"])
def test_7_6_signature_encoding_follows_switch_u14(bench: Bench, receiver: Receiver, encoding: str) -> None:
    bench.control("settings", {"u14_signature": encoding})
    hook(bench, receiver)
    bench.emit()
    bench.pump()

    headers, body, _ = receiver.got[0]
    signed = string_to_sign(receiver.url, body, form=False)
    assert headers[HEADER] == signature(SECRET, signed, encoding)


def test_7_5_workflow_webhook_sends_the_record_without_an_envelope(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver, payload="workflow", method="PUT", headers={"X-WEBHOOK-KEY": "k"})
    bench.emit("invoice_notification", invoice=INVOICE)
    bench.pump()

    headers, body, _ = receiver.got[0]
    assert json.loads(body) == {"invoice": INVOICE}
    assert headers["X-WEBHOOK-KEY"] == "k"


def test_7_6_form_webhook_signs_the_decoded_pairs(bench: Bench, receiver: Receiver) -> None:
    form = {"customer_name": "${INVOICE.CUSTOMER_NAME}", "total": "${INVOICE.TOTAL}"}
    hook(bench, receiver, payload="workflow", payload_type="form", form=form)
    bench.emit("invoice_notification", invoice=INVOICE)
    bench.pump()

    headers, body, _ = receiver.got[0]
    assert dict(parse_qsl(body.decode())) == {"customer_name": "Bowman Furniture", "total": "50"}
    assert headers[HEADER] == signature(SECRET, b"customer_nameBowman Furnituretotal50")


@pytest.mark.parametrize(("spaces", "body"), [("plus", b"who=Bowman+Co"), ("percent", b"who=Bowman%20Co")])
def test_7_6_form_spaces_follow_switch_u14(
    bench: Bench, receiver: Receiver, spaces: str, body: bytes
) -> None:
    bench.control("settings", {"u14_form_spaces": spaces})
    hook(bench, receiver, payload="workflow", payload_type="form", form={"who": "Bowman Co"})
    bench.emit("invoice_notification", invoice=INVOICE)
    bench.pump()

    headers, sent, _ = receiver.got[0]
    assert sent == body
    assert headers[HEADER] == signature(SECRET, b"whoBowman Co"), "signed as it is decoded"


@pytest.mark.parametrize(("values", "signed"), [("decoded", b"toa b"), ("raw", b"toa%20b")])
def test_7_6_query_values_are_signed_by_switch_u14(
    bench: Bench, receiver: Receiver, values: str, signed: bytes
) -> None:
    bench.control("settings", {"u14_query_values": values})
    hook(bench, receiver, url=receiver.url + "?to=a%20b")
    bench.emit()
    bench.pump()

    headers, body, _ = receiver.got[0]
    assert headers[HEADER] == signature(SECRET, signed + body)


def test_7_1_raw_webhook_fills_its_placeholders(bench: Bench, receiver: Receiver) -> None:
    raw = '{"id":"${INVOICE.INVOICE_ID}","who":"${INVOICE.CUSTOMER_NAME}","none":"${INVOICE.X}"}'
    hook(bench, receiver, payload="workflow", payload_type="raw", raw=raw)
    bench.emit("invoice_notification", invoice=INVOICE | {"customer_name": 'A "B"'})
    bench.pump()

    assert json.loads(receiver.bodies()[0]) == {"id": "9001", "who": 'A "B"', "none": ""}


def test_7_1_endpoint_gets_only_the_events_it_chose(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver, events=["payment_thankyou"])
    bench.emit("subscription_created")
    bench.emit("payment_thankyou", payment={"payment_id": "8001"})

    assert bench.pump() == 1


def test_7_2_growing_retries_follow_the_virtual_clock(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = lambda number: 200 if number == 3 else 503
    bench.control("settings", {"u1_webhook_retries": "growing"})
    hook(bench, receiver)
    bench.emit()

    assert bench.pump() == 1
    assert bench.pump() == 0, "the next try is not due yet"
    bench.control("clock", {"advance_seconds": 6})
    assert bench.pump() == 1
    assert statuses(bench) == ["scheduled"]
    bench.control("clock", {"advance_minutes": 6})
    assert bench.pump() == 1
    assert statuses(bench) == ["success"]


def test_7_2_without_retries_a_failure_is_final(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = lambda _: 500
    bench.control("settings", {"u1_webhook_retries": "none"})
    hook(bench, receiver)
    bench.emit()
    bench.pump()

    assert statuses(bench) == ["failure"]


def test_7_2_endpoint_is_switched_off_after_failures_when_u1_says_so(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    bench.control("settings", {"u1_webhook_retries": "none", "u1_webhook_disable_after": 2})
    hook(bench, receiver)
    for _ in range(3):
        bench.emit()
        bench.pump()

    assert len(receiver.got) == 2
    assert bench.control("webhooks")["webhooks"][0]["active"] is False


def test_7_2_a_redirect_is_no_success(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = lambda _: 302
    bench.control("settings", {"u1_webhook_retries": "none"})
    hook(bench, receiver)
    bench.emit()
    bench.pump()

    assert statuses(bench) == ["failure"]


def test_7_2_resend_delivers_the_same_body_again(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver)
    bench.emit()
    bench.pump()
    event_id = bench.control("events")["events"][0]["event_id"]

    bench.control(f"events/{event_id}/resend", {})
    bench.pump()

    first, again = receiver.bodies()
    assert first == again


def test_several_endpoints_each_get_their_own_signature(bench: Bench, receiver: Receiver) -> None:
    other = SECRET.replace("01", "02")
    pair = [{"url": receiver.url + "?a=1", "secret": SECRET}, {"url": receiver.url, "secret": other}]
    bench.control("webhooks", pair)
    bench.emit()

    assert bench.pump() == 2
    assert len({headers[HEADER] for headers, _, _ in receiver.got}) == 2


def test_7_7_log_forgets_after_180_days_and_filters_by_type_and_day(bench: Bench) -> None:
    bench.emit("subscription_created")
    bench.control("clock", {"advance_days": 100})
    bench.emit("invoice_notification", invoice=INVOICE)
    today = bench.control("clock")["today"]

    def listed(**query: str) -> list[str]:
        answer = bench.client.get("/billing/v1/events", query_string=query, headers=bench.headers())
        mine = ("subscription_created", "invoice_notification")
        rows = [row for row in answer.json["events"] if row["event_type"] in mine]
        return [row["event_type"] for row in rows]

    assert listed(date_start=today) == ["invoice_notification"]
    assert set(listed(filter_by="EventType.subscription_created")) == {"subscription_created"}
    assert listed()[0] == "invoice_notification"
    bench.control("clock", {"advance_days": 81})
    assert set(listed(filter_by="EventType.subscription_created", date_end=today)) == set()


def test_7_7_what_the_log_forgot_is_gone_with_its_deliveries(bench: Bench) -> None:
    bench.emit()
    old = bench.control("events?per_page=1")["events"][0]["event_id"]
    bench.control("clock", {"advance_days": 181})
    with bench.world.store.transaction() as tx:
        for _ in range(200):
            bench.world.emit(tx, "subscription_ahead", {"subscription": {}})
        gone = tx.get("events", old)

    assert gone is None
    assert bench.control(f"deliveries?event_id={old}")["deliveries"] == []


@pytest.mark.parametrize(("switch", "shape"), [("object", dict), ("string", str)])
def test_7_3_payload_shape_follows_switch_u11(bench: Bench, switch: str, shape: type) -> None:
    bench.control("settings", {"u11_event_payload": switch, "u11_event_time": "timestamp"})
    bench.emit()
    event_id = bench.control("events")["events"][0]["event_id"]

    event = bench.client.get(f"/billing/v1/events/{event_id}", headers=bench.headers()).json["event"]

    assert type(event["payload"]) is shape
    assert datetime.strptime(event["event_time"], "%Y-%m-%dT%H:%M:%S%z")


@pytest.mark.parametrize(
    ("weather", "sent", "arrived"),
    [
        ({"drop": 1}, ["failure"] * 4, 0),
        ({"drop": 1, "drop_as": "success"}, ["success"] * 4, 0),
        ({"drop": 1, "drop_as": "silent"}, [], 0),
        ({"duplicate": 1, "copies": [3, 3]}, ["success"] * 12, 12),
        ({"forge": 1}, ["success"] * 8, 8),
    ],
)
def test_weather_over_webhooks(
    bench: Bench, receiver: Receiver, weather: dict[str, object], sent: list[str], arrived: int
) -> None:
    hook(bench, receiver)
    bench.control("faults", {"webhooks": weather, "seed": 3})
    for _ in range(4):
        bench.emit()
    bench.pump(everything=True)

    assert statuses(bench) == sent
    assert len(receiver.got) == arrived


def test_replayed_delivery_is_an_old_event_with_its_own_signature(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver)
    bench.control("faults", {"webhooks": {"replay": 1}, "seed": 1})
    bench.emit()
    bench.pump()

    ids = [json.loads(body)["event_id"] for body in receiver.bodies()]
    fits = [headers[HEADER] == signature(SECRET, body) for headers, body, _ in receiver.got]
    assert len(set(ids)) == 2
    assert fits == [True, True]


def test_simulation_may_take_messages_without_a_network(bench: Bench) -> None:
    sent: list[Message] = []
    bench.app.extensions["sandbox_courier"].post = lambda message, _: (sent.append(message) or 200, "")
    bench.emit()

    assert bench.pump() == 1
    assert sent[0].url.endswith("/webhooks/zoho")
    assert statuses(bench) == ["success"]


def test_same_seed_and_events_meet_the_same_fate(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver)
    storm = {"drop": 0.3, "duplicate": 0.3, "corrupt": 0.2, "delay_s": [0, 60], "reorder": True}

    def fates(seed: int) -> list[tuple[str, int]]:
        known = len(bench.control("deliveries?limit=1000")["deliveries"])
        bench.control("faults", {"webhooks": storm, "seed": seed})
        for _ in range(20):
            bench.emit()
        rows = bench.control("deliveries?limit=1000")["deliveries"][: -known or None]
        return [(row["fate"], row["copy"]) for row in rows]

    assert fates(4) == fates(4)
    assert fates(4) != fates(5)


def test_truncated_delivery_is_half_of_one_and_is_repeated_whole(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = lambda number: 200 if number > 1 else 401
    hook(bench, receiver)
    bench.control("faults", {"webhooks": {"truncate": 1}})
    bench.emit()
    bench.pump(everything=True)
    bench.pump(everything=True)

    half, whole = receiver.bodies()
    assert half == whole[: len(whole) // 2]
    fits = [headers[HEADER] == signature(SECRET, body) for headers, body, _ in receiver.got]
    assert fits == [False, True]


def test_corrupted_delivery_does_not_fit_its_signature_and_is_repeated_whole(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = lambda number: 401 if number == 1 else 200
    bench.control("settings", {"u1_webhook_retries": "growing"})
    hook(bench, receiver)
    bench.control("faults", {"webhooks": {"corrupt": 1}})
    bench.emit()
    bench.pump(everything=True)

    fits = [headers[HEADER] == signature(SECRET, body) for headers, body, _ in receiver.got]
    assert fits == [False, True]


def test_delayed_and_reordered_deliveries_wait_for_their_time(bench: Bench, receiver: Receiver) -> None:
    hook(bench, receiver)
    bench.control("faults", {"webhooks": {"delay_s": [60, 3600], "reorder": True}, "seed": 5})
    for number in range(8):
        bench.emit(subscription={"subscription_id": str(number)})

    assert bench.pump() == 0
    bench.control("clock", {"advance_hours": 2})
    assert bench.pump() == 8
    order = [json.loads(body)["data"]["subscription"]["subscription_id"] for body in receiver.bodies()]
    assert sorted(order) == [str(number) for number in range(8)]
    assert order != sorted(order)


@pytest.mark.parametrize(("timing", "arrived_first"), [("before_redirect", True), ("race", False)])
def test_webhook_can_be_made_to_arrive_before_the_redirect(
    bench: Bench, receiver: Receiver, timing: str, arrived_first: bool
) -> None:
    bench.control("settings", {"webhook_timing": timing})
    hook(bench, receiver)
    customer = bench.control("state?kind=customers")["customers"][0]["customer_id"]
    asked = {"customer_id": customer, "redirect_url": "http://127.0.0.1:1/back"}
    made = bench.client.post(
        "/billing/v1/hostedpages/newsubscription",
        json=asked | {"plan": {"plan_code": "team-m"}},
        headers=bench.headers(),
    ).json["hostedpage"]
    card = {"method": "card", "card_number": "4111111111111111", "card_name": "A", "cvv": "123"}

    address = made["url"].removeprefix(bench.world.settings.base_url)
    paid = bench.client.post(address, data={"act": "pay", "expiry": "08/49", **card})

    assert paid.status_code == 303, paid.text
    assert bool(receiver.got) is arrived_first


def test_a_world_that_is_gone_keeps_no_core_busy(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A courier whose store fails at every delivery waits before it tries again, and ends when asked to."""
    hook(bench, receiver)
    bench.emit()
    tries: list[float] = []

    def gone(*_: object) -> int:
        tries.append(time.monotonic())
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sending, "send", gone)
    courier: Courier = bench.app.extensions["sandbox_courier"]
    courier.start()
    until(lambda: tries, what="the first try")
    time.sleep(0.5)
    courier.stop()

    assert len(tries) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "courier" and thread.is_alive()]


def test_scheduled_deliveries_survive_kill_9_of_the_real_process(
    made_world: Path, tmp_path: Path, receiver: Receiver
) -> None:
    folder = tmp_path / "world"
    shutil.copytree(made_world, folder)
    app = create_app(Settings(data=folder, deliver="manual"))
    bench = Bench(app, app.extensions["sandbox_world"], app.test_client())
    hook(bench, receiver)
    for number in range(60):
        bench.emit(subscription={"subscription_id": str(number)})
    bench.world.store.close()
    port, smtp = free_port(), free_port()
    env = {"SANDBOX_DATA": str(folder), "SANDBOX_PORT": str(port), "SANDBOX_SMTP_PORT": str(smtp)}

    def running() -> Process:
        command = [sys.executable, "-m", "sandbox"]
        return Process("sandbox", command, {**os.environ, **env}, tmp_path / "sandbox.log")

    first = running()
    first.start()
    until(lambda: len(receiver.got) >= 10, what="the first ten deliveries")
    first.kill()
    second = running()
    second.start()
    try:
        ids = until(lambda: arrived(receiver, 60), what="the rest after the restart")
    finally:
        second.stop()

    assert ids == {str(number) for number in range(60)}


def arrived(receiver: Receiver, wanted: int) -> set[str]:
    bodies = [json.loads(body) for body in receiver.bodies()]
    ids = {body["data"]["subscription"]["subscription_id"] for body in bodies}
    return ids if len(ids) == wanted else set()
