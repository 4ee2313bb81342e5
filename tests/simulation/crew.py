"""Seeds played side by side: processes with a stage of their own each, on one database server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from tests.harness import database
from tests.simulation import run, stage
from tests.simulation.history import over
from tests.simulation.run import Outcome
from tests.simulation.stage import Stage

_held = ExitStack()
_stage: Stage | None = None


def play_all(seeds: range, steps: int, jobs: int) -> Iterator[Outcome]:
    """Play the seeds and hand out what came of each, in their order."""
    folder = Path(tempfile.mkdtemp(prefix="simulation-"))
    server = database.start()
    known = (server.admin_url, server.template, folder)
    try:
        with get_context("spawn").Pool(min(jobs, len(seeds)), set_stage, known) as pool:
            yield from pool.imap(play_one, [(seed, steps) for seed in seeds])
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


def set_stage(admin_url: str, template: str, folder: Path) -> None:
    """Begin a process: build the stage that it plays on."""
    global _stage  # noqa: PLW0603 - one stage a process, built once
    server = database.Server(admin_url, template)
    name = f"{template}_simulation_{os.getpid()}"
    _stage = _held.enter_context(stage.build(server, folder / str(os.getpid()), name))


def play_one(wanted: tuple[int, int]) -> Outcome:
    """Play a seed for some steps on this process's stage."""
    assert _stage is not None
    outcome = run.play(_stage, *wanted)
    outcome.history.now = over  # a clock cannot travel between processes
    return outcome
