"""What the sandbox has answered is still there after kill -9, with its event and its delivery."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path

import requests

from tests.sandbox.outside.conftest import Receiver
from tests.sandbox.outside.victim import Victim

ROUNDS = 3
SEED = 11


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
    for number in range(ROUNDS):
        clients = [threading.Thread(target=buy_until_it_dies, args=(victim, answered)) for _ in range(3)]
        for client in clients:
            client.start()
        time.sleep(dice.uniform(0.5, 1.5))
        (victim.process.kill if number else victim.orphan)()
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
