"""Worlds: large ones, ones that travel as JSON, and ones whose process was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from sandbox import transfer
from sandbox.settings import Settings
from sandbox.world import World
from tests.contracts.company import TOKEN, Company


def test_a_generated_world_keeps_every_invariant_and_goes_on_living(company: Company) -> None:
    company.world.reset("demo", 150)
    company.headers = _token(company)
    company.check_money()
    with company.world.store.read() as tx:
        assert tx.count("subscriptions") == 158
        before = tx.count("invoices")
    company.wait(31)
    with company.world.store.read() as tx:
        assert tx.count("invoices") > before + 120
    statuses = {row["status"] for row in company.get("/subscriptions")["subscriptions"]}
    assert {"live", "cancelled", "non_renewing"} <= statuses


def test_a_generated_customer_is_like_one_that_signed_up(company: Company) -> None:
    company.world.reset("empty", 30)
    company.headers = _token(company)
    generated = company.get("/subscriptions", filter_by="SubscriptionStatus.LIVE")["subscriptions"][0]
    printed = company.subscription(generated["subscription_id"])
    bought = company.subscribe(printed["plan"]["plan_code"], plan={"exclude_trial": True})
    assert set(printed) == set(bought)
    invoices = company.invoices(printed["subscription_id"])
    assert len(invoices) == 12
    assert set(invoices[0]) == set(company.invoices(bought["subscription_id"])[0])
    assert invoices[0]["payments"][0]["amount"] == invoices[0]["total"]


def test_the_same_number_makes_the_same_world(company: Company) -> None:
    seen = []
    for _ in range(2):
        company.world.reset("empty", 20)
        with company.world.store.read() as tx:
            seen.append(
                [(doc["plan"]["code"], doc["status"], doc["anchor"]) for doc in tx.find("subscriptions")]
            )
    assert seen[0] == seen[1]


def test_a_world_travels_as_json(company: Company) -> None:
    company.subscribe(addons=[{"addon_code": "seat-m"}], coupon_code="HALF3")
    company.wait(40)
    document = json.loads(json.dumps(transfer.export(company.world)))
    here, today, headers = company.get("/subscriptions"), company.today(), company.headers
    company.begin()
    assert company.get("/subscriptions")["subscriptions"] == []
    transfer.load(company.world, document)
    company.headers = headers
    assert company.today() == today
    assert company.get("/subscriptions") == here
    company.wait(31)


@pytest.mark.parametrize("document", [None, {}, {"format": 2}, {"format": 1, "meta": {}}, []])
def test_what_is_no_world_changes_nothing(company: Company, document: object) -> None:
    company.customer()
    with pytest.raises(ValueError, match="not an exported world"):
        transfer.load(company.world, document)
    assert len(company.get("/customers")["customers"]) == 1


def test_a_world_that_breaks_in_the_middle_of_loading_changes_nothing(company: Company) -> None:
    company.customer()
    document = transfer.export(company.world)
    document["kinds"]["customers"]["rows"].append(["1", "no document"])
    with pytest.raises(ValueError, match="not a row"):
        transfer.load(company.world, document)
    assert len(company.get("/customers")["customers"]) == 1


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    process, url = _serve(tmp_path)
    told: list[str] = []
    try:
        token = requests.post(url + "/oauth/v2/token", data=TOKEN, timeout=10).json()["access_token"]
        headers = {"Authorization": f"Zoho-oauthtoken {token}"}
        for number in range(30):
            body = {"display_name": f"C{number}", "email": f"c{number}@example.com"}
            answer = requests.post(url + "/billing/v1/customers", json=body, headers=headers, timeout=10)
            told.append(answer.json()["customer"]["customer_id"])
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    world = World(Settings(data=tmp_path))
    with world.store.read() as tx:
        assert all(tx.get("customers", id_) for id_ in told)
    world.store.close()


def test_a_move_of_the_clock_that_was_killed_goes_on_where_it_stopped(company: Company) -> None:
    company.go_to("2027-01-10")
    id_ = company.subscribe()["subscription_id"]
    again = World(company.world.settings)
    assert again.clock.today() == company.today()
    assert again.next_job() == company.world.next_job()
    again.advance_to(again.clock.at(again.clock.today().replace(month=3), 12))
    assert len(company.invoices(id_)) == 3
    again.store.close()


def _token(company: Company) -> dict[str, str]:
    token = company.client.post("/oauth/v2/token", data=TOKEN).get_json()["access_token"]
    return {"Authorization": f"Zoho-oauthtoken {token}"}


def _serve(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A sandbox as a process of its own group."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SANDBOX_PORT": str(port),
        "SANDBOX_DATA": str(folder),
        "SANDBOX_SMTP_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            requests.get(url + "/oauth/serverinfo", timeout=1)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            break
    return process, url
