"""What befalls both programs besides the weather, and before which step: drawn once, with dice of its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random

from tests.simulation.options import SKEW_S, Options

# Between two stops (or starts) of a swizzle so many steps are taken, at most.
BETWEEN = 4
READ_ONLY_S = (5, 900)


@dataclass(frozen=True)
class Happening:
    """`what` is a verb of the agenda; `part` or `seconds` says to whom or how much."""

    what: str
    part: str = ""
    seconds: int = 0


Agenda = dict[int, list[Happening]]


def draw(options: Options) -> Agenda:
    """What happens before which step of the seed."""
    dice = Random(f"agenda:{options.seed}")
    found: Agenda = defaultdict(list)
    for _ in range(options.failovers):
        found[dice.randrange(options.steps)].append(
            Happening("read only", seconds=dice.randint(*READ_ONLY_S))
        )
    for _ in range(options.clock_jumps):
        found[dice.randrange(options.steps)].append(Happening("clock", seconds=dice.randint(-SKEW_S, SKEW_S)))
    _swizzle(found, dice, options)
    return found


def _swizzle(found: Agenda, dice: Random, options: Options) -> None:
    """Stop the parts one by one, and start them again in another order."""
    step = dice.randrange(max(1, options.steps // 2))
    for part in options.swizzle:
        found[step].append(Happening("stop", part))
        step += dice.randint(1, BETWEEN)
    for part in dice.sample(options.swizzle, len(options.swizzle)):
        found[step].append(Happening("start", part))
        step += dice.randint(1, BETWEEN)
