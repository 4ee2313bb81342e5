"""What is demanded of a seed, for the files that play them (a file is what one worker of pytest plays)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation import run
from tests.simulation.stage import Stage

STEPS = 200


def demand_of(seeds: range) -> Callable[[Stage, int], None]:
    """A test that plays each of the seeds and demands that no invariant was violated."""

    @pytest.mark.parametrize("seed", seeds)
    def test(stage: Stage, seed: int) -> None:
        outcome = run.play(stage, seed, STEPS)

        told = "\n".join(
            [
                *outcome.violations[:20],
                f"options: {outcome.options.as_text()}",
                f"replay: python -m tests.simulation --seed {seed} --steps {STEPS}",
            ]
        )
        assert not outcome.violations, told

    return test
