"""A simulator that finds nothing proves nothing: faults planted in the portal must be noticed, by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from portal.mail import outbox
from portal.mirror import bundle, rows
from portal.sync import inbox, intents, runs
from portal.sync.reconcile import Full
from portal.webhooks import delivery
from portal.zoho import signature
from portal.zoho.calls import Call, Caller
from portal.zoho.errors import OutcomeUnknown
from portal.zoho.lanes import Bucket
from tests.simulation import options as drawn
from tests.simulation import run
from tests.simulation.options import Options
from tests.simulation.stage import Stage
from tests.simulation.virtual import swapped

Plant = Callable[[], AbstractContextManager[None]]

STEPS = 60
CALM: dict[str, Any] = {"seed": 7, "api": {}, "oauth": {}, "webhooks": {}}


def weather(**lanes: Any) -> dict[str, Any]:
    return CALM | lanes


def options(seed: int, weather: dict[str, Any], **changed: Any) -> Options:
    """A seed without any fault but those that the test is about."""
    quiet = replace(
        run.calm(drawn.draw(seed, STEPS)),
        skew_s=0,
        revoked=False,
        mail={"refuse": 0.0, "lose_answer": 0.0},
    )
    return replace(
        quiet,
        **{"weather": weather, "weights": quiet.weights | {"weather": 0}, "worker_asleep": 0.1} | changed,
    )


def without_guard() -> AbstractContextManager[None]:
    return swapped(rows, "_may_replace", lambda *_: True)


def blind_retry() -> AbstractContextManager[None]:
    once = Caller._with_token

    def twice(self: Caller, call: Call, deadline: float | None) -> Any:
        try:
            return once(self, call, deadline)
        except OutcomeUnknown:
            return once(self, call, deadline)

    return swapped(Caller, "_with_token", twice)


def without_dedupe() -> AbstractContextManager[None]:
    return swapped(delivery, "_dedupe_key", lambda *_: str(uuid4()))


def without_signature() -> AbstractContextManager[None]:
    return swapped(signature, "verify", lambda *_: 0)


@contextmanager
def acknowledged_unkept() -> Iterator[None]:
    """Neither when it arrives nor, which would make up for it, when the event is pulled."""
    with (
        swapped(inbox, "receive", lambda _conn, arrivals: [True] * len(arrivals)),
        swapped(inbox, "store", lambda *_: True),
    ):
        yield


def mail_again() -> AbstractContextManager[None]:
    return swapped(
        outbox, "mark_unknown", lambda conn, key, error: outbox._settle(conn, key, "pending", error)
    )


def without_ghosts() -> AbstractContextManager[None]:
    return swapped(Full, "_ghosts", lambda *_: None)


def without_lists() -> AbstractContextManager[None]:
    return swapped(Full, "_compare", lambda *_: None)


def rounded_by_float() -> AbstractContextManager[None]:
    return swapped(bundle, "parse", lambda text: json.loads(text or "[]"))


def runs_never_end() -> AbstractContextManager[None]:
    return swapped(runs, "finish", lambda *_, **__: None)


def without_trail() -> AbstractContextManager[None]:
    return swapped(intents, "_record_activity", lambda *_: None)


def without_budget() -> AbstractContextManager[None]:
    return swapped(Bucket, "taken", lambda self, *_: self)


# How many lives are looked through at most, and with which they begin where the first say nothing.
SEEDS = 8
FIRST: dict[Plant, int] = {without_lists: 4, without_guard: 5}
STALE = weather(api={"stale": 0.5, "stale_s": [60, 120]})
LOST_ANSWERS = weather(api={"timeout_after_effect": 0.5, "hold_s": 12})
DOUBLED = weather(webhooks={"duplicate": 0.8, "replay": 0.3})
FORGED = weather(webhooks={"forge": 0.6, "corrupt": 0.2})
CROWDED = dict.fromkeys(drawn.STEPS, 0) | {"person": 50, "time": 1}
MEDDLED = dict.fromkeys(drawn.STEPS, 0) | {"merchant": 50, "person": 5, "time": 5}
UNHEARD = weather(webhooks={"drop": 1.0, "drop_as": "silent"})


@pytest.mark.parametrize(
    ("invariant", "plant", "weather", "changed"),
    [
        pytest.param(
            "INV-1", without_ghosts, UNHEARD, {"weights": MEDDLED}, id="deletions are not looked for"
        ),
        pytest.param(
            "INV-1", without_lists, UNHEARD, {"weights": MEDDLED}, id="the unannounced is not looked for"
        ),
        pytest.param("INV-2", blind_retry, LOST_ANSWERS, {}, id="a write is sent again blindly"),
        pytest.param(
            "INV-3", mail_again, CALM, {"mail": {"refuse": 0.0, "lose_answer": 0.7}}, id="mail again"
        ),
        pytest.param("INV-4", acknowledged_unkept, CALM, {}, id="a delivery is acknowledged and not kept"),
        pytest.param("INV-4", without_dedupe, DOUBLED, {}, id="deliveries are not told apart"),
        pytest.param("INV-5", without_guard, STALE, {}, id="an older answer replaces a newer one"),
        pytest.param("INV-6", without_signature, FORGED, {}, id="signatures are not looked at"),
        pytest.param(
            "INV-8",
            without_budget,
            CALM,
            {"weights": CROWDED, "steps": 150},
            id="the call budget is not kept",
        ),
        pytest.param("INV-9", rounded_by_float, CALM, {}, id="sums are floats"),
        pytest.param("INV-10", runs_never_end, CALM, {"steps": 20}, id="runs never end"),
        pytest.param("INV-11", without_trail, CALM, {}, id="acts leave no trail"),
    ],
)
def test_planted_fault_is_noticed(
    stage: Stage, invariant: str, plant: Plant, weather: dict[str, Any], changed: dict[str, Any]
) -> None:
    found: list[str] = []
    first = FIRST.get(plant, 1)
    for seed in range(first, first + SEEDS):
        with plant():
            found += run.play_with(stage, options(seed, weather, **changed)).violations
        if any(text.startswith(invariant) for text in found):
            return
    pytest.fail(f"nobody noticed; only: {found[:5]}")


def test_same_seeds_without_the_fault_are_clean(stage: Stage) -> None:
    for sky in (LOST_ANSWERS, STALE, DOUBLED):
        assert run.play_with(stage, options(1, sky)).violations == []
