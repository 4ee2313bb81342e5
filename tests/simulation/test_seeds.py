"""CONV-01, CONV-02: whatever the seed draws, after one reconciliation portal and Zoho are one (INV-1 to 8).

A seed of 200 steps makes some hundreds of calls to Zoho at about 45 database statements each and takes
3 to 5 s of a 2-core machine, so the suite plays eight; `make simulate SEEDS=200` plays more.
"""

from __future__ import annotations

import pytest

from tests.simulation import run
from tests.simulation.stage import Stage

SEEDS = range(1, 9)
STEPS = 200


@pytest.mark.parametrize("seed", SEEDS)
def test_inv_1_to_8_hold_for_the_seed(stage: Stage, seed: int) -> None:
    outcome = run.play(stage, seed, STEPS)

    told = "\n".join(
        [
            *outcome.violations[:20],
            f"options: {outcome.options.as_text()}",
            f"replay: python -m tests.simulation --seed {seed} --steps {STEPS}",
        ]
    )
    assert not outcome.violations, told


def test_conv_01_a_seed_replays_step_by_step(stage: Stage) -> None:
    first, second = (run.play(stage, 5, 40).history for _ in range(2))

    assert first.lines == second.lines
    assert first.digest == second.digest
