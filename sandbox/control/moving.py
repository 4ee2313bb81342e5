"""The clock and the reset: acts that may take long, so their progress can be read meanwhile.

One such act at a time. `"background": true` answers at once; `GET /_control/clock`
then tells how far it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.asking import Doc, Refusal, fields
from sandbox.world import World, current

blueprint = Blueprint("control_moving", __name__)
STEPS = ("days", "hours", "minutes", "seconds")
SEEDS = ("demo", "empty")
MOST_SUBSCRIPTIONS = 1_000_000
FARTHEST = 10**12
LAST_YEAR = 2199  # terms of several years are still dates when counted from its end
busy = threading.Lock()


@blueprint.get("/_control/clock")
def show_clock() -> ResponseReturnValue:
    return jsonify(standing(current()))


@blueprint.post("/_control/clock")
def move_clock() -> ResponseReturnValue:
    world = current()
    asked = fields("to", "background", *(f"advance_{step}" for step in STEPS))
    target = destination(world, asked)
    return _perform(asked, lambda: move(world, target), world)


@blueprint.post("/_control/reset")
def reset() -> ResponseReturnValue:
    world = current()
    asked = fields("seed", "subscriptions", "background")
    seed, subscriptions = asked.get("seed", "demo"), asked.get("subscriptions", 0)
    if seed not in SEEDS:
        raise Refusal("seed: demo or empty")
    if type(subscriptions) is not int or not 0 <= subscriptions <= MOST_SUBSCRIPTIONS:
        raise Refusal(f"subscriptions: a number up to {MOST_SUBSCRIPTIONS}")
    log = current_app.extensions["sandbox_calls"]

    def act() -> None:
        world.reset(seed, subscriptions)
        log.clear()

    return _perform(asked, act, world)


def destination(world: World, asked: Doc) -> datetime:
    """The moment ahead that a call names; without a zone it is the organisation's."""
    moment = _named(world, asked)
    if moment < world.clock.now():
        raise Refusal("Time only goes forward.", 409)
    if moment.year > LAST_YEAR:
        raise Refusal(f"The calendar of the sandbox ends with the year {LAST_YEAR}.")
    return moment


def _named(world: World, asked: Doc) -> datetime:
    named = [step for step in STEPS if f"advance_{step}" in asked]
    if bool(named) == ("to" in asked):
        raise Refusal('say either "advance_days": 31 or "to": "2027-01-31T06:00:00"')
    if named:
        return _stepped(world, {step: _amount(asked, f"advance_{step}") for step in STEPS})
    try:
        moment = datetime.fromisoformat(str(asked["to"]))
    except ValueError:
        raise Refusal("to: a moment such as 2027-01-31T06:00:00 is needed") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=world.clock.zone)


def move(world: World, target: datetime) -> None:
    """Let time go on; deliveries that became due are sent by the courier."""
    world.advance_to(target)
    world.wake.set()


def standing(world: World) -> Doc:
    """The time, and how far a long act is."""
    return {
        "now": world.clock.now().isoformat(),
        "today": world.clock.today().isoformat(),
        "time_zone": world.settings.time_zone,
        "progress": dict(world.progress),
    }


def in_background(world: World, act: Callable[[], None]) -> None:
    """Start a long act and return; Refusal while another one runs."""
    _claim()
    world.progress = {"running": True}

    def run() -> None:
        try:
            act()
            world.progress = {**world.progress, "running": False}
        except Exception as trouble:  # noqa: BLE001 - a thread has nobody above it to tell
            world.progress = {"running": False, "error": f"{type(trouble).__name__}: {trouble}"}
        finally:
            busy.release()

    threading.Thread(target=run, name="long act", daemon=True).start()


@contextmanager
def alone() -> Iterator[None]:
    """Hold off other long acts; Refusal while one runs."""
    _claim()
    try:
        yield
    finally:
        busy.release()


def _perform(asked: Doc, act: Callable[[], None], world: World) -> ResponseReturnValue:
    background = asked.get("background", False)
    if not isinstance(background, bool):
        raise Refusal("background: true or false")
    if background:
        in_background(world, act)
        return jsonify(standing(world)), 202
    started = perf_counter()
    with alone():
        try:
            act()
        except ValueError as refusal:
            raise Refusal(str(refusal), 409) from refusal
    took: Any = round(perf_counter() - started, 3)
    return jsonify(standing(world) | {"took_s": took})


def _amount(asked: Doc, name: str) -> float:
    amount = asked.get(name, 0)
    if type(amount) not in (int, float) or not abs(amount) <= FARTHEST:  # nor is NaN, which JSON may bring
        raise Refusal(f"{name}: a number is needed")
    return float(amount)


def _stepped(world: World, steps: dict[str, float]) -> datetime:
    """Days are calendar days in the organisation's zone: a day that loses an hour is a day."""
    rest = {step: amount for step, amount in steps.items() if step != "days"}
    try:
        local = world.clock.now() + timedelta(days=int(steps["days"]))
        part_of_day = steps["days"] - int(steps["days"])
        moved = local.timestamp() + timedelta(days=part_of_day, **rest).total_seconds()
        return datetime.fromtimestamp(moved, world.clock.zone)
    except (OverflowError, ValueError):
        raise Refusal(f"The calendar of the sandbox ends with the year {LAST_YEAR}.") from None


def _claim() -> None:
    if not busy.acquire(blocking=False):
        raise Refusal("the clock is moving or the world is being made; try again", 409)
