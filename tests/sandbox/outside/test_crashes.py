"""What the sandbox has answered is still there after kill -9, with its event and its delivery."""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests

from tests.harness.processes import Process, free_port
from tests.sandbox.outside.conftest import REFRESH, Receiver

ROUNDS = 3
SEED = 11


class Victim:
    """The sandbox as a process that is killed and started again on the same folder."""

    def __init__(self, folder: Path, log: Path, receiver: Receiver) -> None:
        port = free_port()
        env = {"SANDBOX_DATA": str(folder), "SANDBOX_PORT": str(port), "SANDBOX_SMTP_PORT": "0"}
        command = [sys.executable, "-m", "sandbox"]
        portal = receiver.url.removesuffix("/hook")
        env |= {"SANDBOX_PORTAL_URL": portal, "SANDBOX_OAUTH_LIMITS": "false"}
        self.process = Process("sandbox", command, {**os.environ, **env}, log)
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        self.process.start()
        self.process.wait_for(f"{self.url}/_control/clock")

    def headers(self) -> dict[str, str]:
        token = requests.post(f"{self.url}/oauth/v2/token", data=REFRESH, timeout=10).json()
        return {"Authorization": f"Zoho-oauthtoken {token['access_token']}"}

    def listed(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in range(1, 1000):
            found = requests.get(f"{self.url}/_control/state?kind={kind}&page={page}", timeout=30).json()
            rows += found[kind]
            if not found["page_context"]["has_more_page"]:
                return rows
        raise AssertionError("the list never ended")


def buy_until_it_dies(victim: Victim, answered: list[str]) -> None:
    headers = victim.headers()
    with requests.Session() as session:
        while True:
            try:
                customer = session.post(
                    f"{victim.url}/billing/v1/customers",
                    headers=headers,
                    json={"display_name": "Crash Ltd", "email": "crash@example.com"},
                    timeout=10,
                ).json()["customer"]["customer_id"]
                order = {"customer_id": customer, "plan": {"plan_code": "team-m"}, "auto_collect": False}
                bought = session.post(
                    f"{victim.url}/billing/v1/subscriptions", headers=headers, json=order, timeout=10
                )
                answered.append(bought.json()["subscription"]["subscription_id"])
            except requests.RequestException:
                return


def test_what_was_answered_survives_kill_9(made_world: Path, tmp_path: Path, receiver: Receiver) -> None:
    shutil.copytree(made_world, tmp_path / "world")
    victim = Victim(tmp_path / "world", tmp_path / "sandbox.log", receiver)
    dice, answered = random.Random(SEED), list[str]()
    victim.start()
    for _ in range(ROUNDS):
        clients = [threading.Thread(target=buy_until_it_dies, args=(victim, answered)) for _ in range(3)]
        for client in clients:
            client.start()
        time.sleep(dice.uniform(0.5, 1.5))
        victim.process.kill()
        for client in clients:
            client.join()
        victim.start()

    subscriptions = {row["subscription_id"] for row in victim.listed("subscriptions")}
    created = {
        row["payload"]["data"]["subscription"]["subscription_id"]
        for row in victim.listed("events")
        if row["event_type"] == "subscription_created"
    }
    victim.process.stop()

    assert len(answered) > ROUNDS, "too few purchases to prove anything"
    assert set(answered) <= subscriptions
    assert set(answered) <= created
    assert len(answered) == len(set(answered))
