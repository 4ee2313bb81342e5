"""What the weather does to one event on its way to one endpoint.

Decided when the event happens and stored with its deliveries, so that neither a
restart nor the speed of the receiver changes what is lost, doubled or late.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sandbox.faults import weather
from sandbox.store import Doc, Tx

SPOILERS = ("corrupt", "truncate")
ORDER = ("drop", "duplicate", "corrupt", "forge", "replay")


@dataclass(frozen=True)
class Fate:
    """One copy of a delivery: what happens to it, and how much later it is due.

    `age` picks the old event that a replay brings back, from 0 (the first) to 1 (this one).
    """

    kind: str = ""
    delay_s: float = 0
    age: float = 1


def webhook_fates(tx: Tx) -> list[Fate]:
    """The copies to send; without weather one, at once, as it is."""
    sky = weather.read(tx)
    lane = sky.get("webhooks")
    if not lane:
        return [Fate()]
    ordinal = int(tx.meta(weather.WEBHOOK_ORDINAL) or 0)
    tx.set_meta(weather.WEBHOOK_ORDINAL, str(ordinal + 1))
    dice = weather.dice(sky, "webhooks", ordinal)
    # Every number is drawn for every event, so that one probability changes only its own fault.
    struck = {name: dice.random() < lane.get(name, 0) for name in ORDER}
    # with dice of its own, so that the runs of older seeds stay what they were
    struck["truncate"] = weather.dice(sky, "truncate", ordinal).random() < lane.get("truncate", 0)
    copies = dice.randint(*weather.magnitude(sky, "webhooks", "copies"))
    if struck["drop"]:
        silent = weather.magnitude(sky, "webhooks", "drop_as") == "silent"
        return [] if silent else [Fate("drop")]
    spoilt = next((name for name in SPOILERS if struck[name]), "")
    fates = [
        Fate(spoilt if copy == 0 else "", _delay(sky, dice))
        for copy in range(copies if struck["duplicate"] else 1)
    ]
    extra = [name for name in ("forge", "replay") if struck[name]]
    return fates + [Fate(name, _delay(sky, dice), dice.random()) for name in extra]


def _delay(sky: Doc, dice: Random) -> float:
    delay = weather.between(dice, weather.magnitude(sky, "webhooks", "delay_s"))
    spread = weather.between(dice, weather.magnitude(sky, "webhooks", "reorder_s"))
    shuffle = dice.uniform(0, spread)
    return delay + (shuffle if weather.magnitude(sky, "webhooks", "reorder") else 0)
