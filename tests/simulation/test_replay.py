"""CONV-01: `--seed N` replays bit for bit, in this process and in another one with other hashes."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.harness import database
from tests.simulation import crew, run
from tests.simulation.stage import Stage

SEED, STEPS = 5, 60


def test_conv_01_a_seed_replays_step_by_step(stage: Stage) -> None:
    first, second = (run.play(stage, SEED, STEPS).history for _ in range(2))

    assert first.lines == second.lines
    assert first.digest == second.digest


def test_conv_01_a_seed_replays_in_another_process(
    stage: Stage, server: database.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a stage of its own, after another seed than here, and with text hashed otherwise."""
    here = run.play(stage, SEED, STEPS).history
    monkeypatch.setenv("PYTHONHASHSEED", "4711")
    known = (server.admin_url, server.template, tmp_path)
    with get_context("spawn").Pool(1, crew.set_stage, known) as pool:
        _, there = pool.map(crew.play_one, [(SEED + 1, 20), (SEED, STEPS)])

    assert there.history.lines == here.lines
    assert there.history.counts == here.counts
