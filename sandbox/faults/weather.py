"""What the weather is: probabilities by lane, how they are checked, and how one fault is drawn.

A draw is a function of (seed, lane, ordinal of the call), never of time, so the
same calls in the same order meet the same faults. At most one fault a call: the
probabilities share one number between 0 and 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

from sandbox.clock import SKEW
from sandbox.store import Doc, Tx

META = "weather"
YEAR_S = 366 * 86_400
MOST_COPIES = 1000
METHODS = ("GET", "POST", "PUT", "DELETE")
WEBHOOK_ORDINAL = "weather_webhooks"
API_FAULTS = frozenset(
    {
        *("429", "429_retry_after", "429_daily", "429_concurrency", "500", "502_html", "503"),
        *("empty", "200_error", "timeout", "timeout_after_effect", "reset", "slow"),
        *("stale", "stale_list", "shift", "truncated_pdf", "token_expired", "401_14", "403"),
    }
)
OAUTH_FAULTS = frozenset(
    {
        *("throttle", "throttle_200", "throttle_localised", "500", "502_html", "empty", "slow"),
        *("timeout", "timeout_after_effect", "invalid_code", "invalid_client", "revoked"),
    }
)
WEBHOOK_FAULTS = frozenset({"drop", "duplicate", "corrupt", "truncate", "forge", "replay"})
FAULTS = {"api": API_FAULTS, "oauth": OAUTH_FAULTS, "webhooks": WEBHOOK_FAULTS}
# what a stranger calls them who has not seen the list
OTHER_NAMES = {"502": "502_html", "timeout_before_effect": "timeout"}
# Magnitudes beside the probabilities, with the value that holds when none is given.
MAGNITUDES: dict[str, dict[str, Any]] = {
    "api": {
        "hold_s": 5,
        "slow_s": [0, 3],
        "stale_s": 30,
        "retry_after_s": 60,
        "next": [],
        "match": {},
    },
    "oauth": {"hold_s": 5, "slow_s": [0, 3], "next": []},
    "webhooks": {
        "delay_s": [0, 0],
        "reorder": False,
        "reorder_s": 3,
        "copies": [2, 5],
        "drop_as": "failure",
    },
}


class Invalid(ValueError):
    """Weather that names an unknown fault or an impossible number; the text says which."""


def check(wanted: Any) -> Doc:
    """Accept weather as the control interface takes it, or say what is wrong with it."""
    if not isinstance(wanted, dict):
        raise Invalid("weather is an object; {} clears it")
    known: Doc = {lane: _by_our_names(faults) for lane, faults in wanted.items()}
    for lane, faults in known.items():
        if lane == "seed":
            if not isinstance(faults, int):
                raise Invalid("seed: a whole number is needed")
        elif lane == "skew_s":
            if not _is_span(faults):
                raise Invalid("skew_s: seconds are needed, or [least, most]; negative ones are behind")
        elif lane not in FAULTS:
            raise Invalid(f"{lane}: no such lane; there are api, oauth, webhooks, skew_s and seed")
        elif not isinstance(faults, dict):
            raise Invalid(f"{lane}: an object is needed")
        else:
            _check_lane(lane, faults)
    return known


def _by_our_names(faults: Any) -> Any:
    if not isinstance(faults, dict):
        return faults
    named = {OTHER_NAMES.get(name, name): value for name, value in faults.items()}
    if isinstance(named.get("next"), list):
        named["next"] = [
            OTHER_NAMES.get(each, each) if isinstance(each, str) else each for each in named["next"]
        ]
    return named


def read(tx: Tx) -> Doc:
    """The present weather."""
    return told(tx.meta(META))


def told(text: str | None) -> Doc:
    """The weather in what `write` left."""
    weather: Doc = json.loads(text)["weather"] if text else {}
    return weather


def write(tx: Tx, weather: Doc) -> None:
    """Set the weather; its number tells a new weather from the same one set again."""
    before = tx.meta(META)
    number = json.loads(before)["number"] + 1 if before else 1
    tx.set_meta(META, json.dumps({"number": number, "weather": weather}))
    tx.set_meta(WEBHOOK_ORDINAL, "0")
    skew = between(dice(weather, "clock", 0), weather.get("skew_s", 0))
    tx.set_meta(SKEW, str(skew))


def magnitude(weather: Doc, lane: str, name: str) -> Any:
    return weather.get(lane, {}).get(name, MAGNITUDES[lane][name])


def dice(weather: Doc, lane: str, ordinal: int) -> Random:
    """The random numbers of one call."""
    return Random(f"{weather.get('seed', 0)}:{lane}:{ordinal}")


def draw(weather: Doc, lane: str, dice: Random, applicable: Iterable[str]) -> str:
    """One fault among the applicable ones, or none."""
    faults = weather.get(lane, {})
    number = dice.random()
    for name in sorted(set(applicable) & set(faults)):
        number -= float(faults[name])
        if number < 0:
            return name
    return ""


def between(dice: Random, bounds: Any) -> float:
    """A number in [low, high]; a plain number stands for itself."""
    if isinstance(bounds, list):
        return dice.uniform(float(bounds[0]), float(bounds[-1]))
    return float(bounds)


def _check_lane(lane: str, faults: Doc) -> None:
    for name, value in faults.items():
        if name in MAGNITUDES[lane]:
            _check_magnitude(lane, name, value)
        elif name not in FAULTS[lane]:
            raise Invalid(f"{lane}.{name}: no such fault; there are {', '.join(sorted(FAULTS[lane]))}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise Invalid(f"{lane}.{name}: a probability between 0 and 1 is needed")


def _check_magnitude(lane: str, name: str, value: Any) -> None:
    """Refuse what the layer could not use: a wrong shape here would break every later call."""
    if name == "next" and not _is_script(lane, value):
        raise Invalid(f"{lane}.next: a list of faults, null for a call without one")
    if name.endswith("_s") and not _is_time(value):
        raise Invalid(f"{lane}.{name}: seconds are needed, or [least, most]")
    if name == "copies" and not _is_copies(value):
        raise Invalid("webhooks.copies: [least, most], whole numbers from 1 to 1000")
    if name == "reorder" and not isinstance(value, bool):
        raise Invalid("webhooks.reorder: true or false")
    if name == "drop_as" and value not in ("failure", "success", "silent"):
        raise Invalid("webhooks.drop_as: failure, success or silent")
    if name == "match" and not _is_match(value):
        raise Invalid('api.match: {"method": "POST", "path": "/subscriptions"}, one of them or both')


def _is_script(lane: str, value: Any) -> bool:
    known = (*FAULTS[lane], None, "")
    return isinstance(value, list) and all(each in known for each in value)


def _is_copies(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(type(each) is int for each in value)  # noqa: PLR2004 - least and most
    return pair and 1 <= value[0] <= value[1] <= MOST_COPIES


def _is_match(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"method", "path"}:
        return False
    return value.get("method", "GET") in METHODS and str(value.get("path", "/")).startswith("/")


def _is_time(value: Any) -> bool:
    return _is_span(value) and min(value if isinstance(value, list) else [value]) >= 0


def _is_span(value: Any) -> bool:
    """A number, or the least and the most of one."""
    numbers = value if isinstance(value, list) and len(value) == 2 else [value]  # noqa: PLR2004 - least and most
    return all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) <= YEAR_S for n in numbers)
