"""Kill -9 in the middle of a move of the clock and of a reset: the world is before, after, or goes on.

A moved world is compared with its twin that nobody killed: every invoice, payment and event is there once,
with the same ids, so no renewal was done half or twice.
"""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.app import create_app
from sandbox.engine import invariants
from sandbox.settings import Settings
from tests.harness.processes import until
from tests.sandbox.outside.conftest import Receiver
from tests.sandbox.outside.victim import Victim, post

KINDS = ("customers", "subscriptions", "invoices", "payments", "credit_notes", "cards", "events")
# what real time leaves its trace in: the second within the morning, and how deliveries went
FLEETING = ("created_time", "updated_time", "last_updated_time", "webhooks")
DAYS = 170  # less than the event log remembers
GENERATED = 1500


@pytest.fixture
def victim(made_world: Path, tmp_path: Path, receiver: Receiver) -> Iterator[Victim]:
    shutil.copytree(made_world, tmp_path / "world")
    made = Victim(tmp_path / "world", tmp_path / "sandbox.log", receiver)
    made.start()
    yield made
    made.process.stop()


def lasting(value: Any) -> Any:
    """A document without what differs between two runs of one history."""
    if isinstance(value, dict):
        return {name: lasting(each) for name, each in value.items() if name not in FLEETING}
    return [lasting(each) for each in value] if isinstance(value, list) else value


def twin(folder: Path, hook: dict[str, str], target: datetime) -> dict[str, list[Any]]:
    """What the same world comes to when nobody kills it."""
    app = create_app(Settings(data=folder, deliver="manual"))
    client, world = app.test_client(), app.extensions["sandbox_world"]
    assert client.post("/_control/webhooks", json=hook).status_code == 200
    world.advance_to(target)
    assert invariants.breaches(world) == []
    found = {k: client.get(f"/_control/state?kind={k}&per_page=1000").json[k] for k in KINDS}
    world.store.close()
    return {kind: lasting(rows) for kind, rows in found.items()}


def kill_in_the_middle(victim: Victim, target: datetime, after_s: float) -> date:
    """Let the clock go, kill a moment after the first day, and start again; the day that was reached."""
    begun = victim.control("clock")["today"]
    asked = {"to": target.isoformat(), "background": True}
    assert post(f"{victim.url}/_control/clock", asked).status_code == 202
    until(lambda: victim.control("clock")["today"] > begun, pause=0.001, what="the first day")
    time.sleep(after_s)
    victim.process.kill()
    victim.start()
    standing = victim.control("clock")
    assert standing["progress"]["running"] is False
    return date.fromisoformat(standing["today"])


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_a_killed_move_of_the_clock_goes_on_and_bills_nothing_twice(
    victim: Victim, made_world: Path, tmp_path: Path, receiver: Receiver, kills: int
) -> None:
    hook = {"url": receiver.url, "secret": "SandboxWebhookSecret01"}
    victim.control("webhooks", hook)
    now = datetime.fromisoformat(victim.control("clock")["now"])
    dice, target = random.Random(kills), now + timedelta(days=DAYS)

    reached = [now.date()]
    while len(reached) <= kills and reached[-1] < target.date():
        reached.append(kill_in_the_middle(victim, target, dice.uniform(0, 0.2 / kills)))
    if reached[-1] < target.date():
        victim.control("clock", {"to": target.isoformat()})
    told = until(lambda: delivered(victim, receiver), what="every webhook of a committed event")
    state = {kind: lasting(victim.listed(kind)) for kind in KINDS}

    assert reached == sorted(reached)
    assert any(now.date() < day < target.date() for day in reached), "no kill was in the middle"
    shutil.copytree(made_world, tmp_path / "twin")
    expected = twin(tmp_path / "twin", hook, target)
    for kind in KINDS:
        assert state[kind] == expected[kind], kind
    assert told <= {event["event_id"] for event in state["events"]}, "none tells of what was rolled back"


def delivered(victim: Victim, receiver: Receiver) -> set[str] | None:
    """The events that arrived, once every one that listens was sent and nothing waits."""
    sent = victim.control("deliveries?limit=1000")
    arrived = {json.loads(body)["event_id"] for body in receiver.bodies()}
    due = {row["event_id"] for row in sent["deliveries"]}
    return arrived if due and not sent["waiting"] and due <= arrived else None


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_reset_leaves_the_old_world_or_the_new_one(
    victim: Victim, tmp_path: Path, receiver: Receiver, rounds: int
) -> None:
    victim.control("webhooks", {"url": receiver.url})
    headers, dice = victim.headers(), random.Random(rounds)
    sizes = {victim.control("state")["counts"]["customers"]}
    for number in range(rounds):
        asked = {"seed": "demo", "subscriptions": GENERATED + number}
        sizes.add(8 + GENERATED + number)
        call = threading.Thread(target=ignoring_the_end, args=(f"{victim.url}/_control/reset", asked))
        call.start()
        time.sleep(dice.uniform(0.05, 1.5))
        victim.process.kill()
        call.join()
        victim.start()
        assert victim.control("state")["counts"]["customers"] in sizes
        assert [each["url"] for each in victim.control("webhooks")["webhooks"]] == [receiver.url]
        read = requests.get(f"{victim.url}/billing/v1/plans", headers=headers, timeout=30)
        assert read.json()["plans"], "a token that was given out is still good"
    victim.control("reset", {"seed": "empty"})

    folder = tmp_path / "world"
    worlds = [path.name for path in folder.glob("world-*.db")]
    assert worlds == [(folder / "current").read_text()], "what a killed reset left behind is gone"


def ignoring_the_end(address: str, body: dict[str, Any]) -> None:
    with suppress(requests.RequestException):
        post(address, body)
