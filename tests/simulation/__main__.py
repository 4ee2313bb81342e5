"""`python -m tests.simulation --seeds N [--seed K] [--steps 200]`: play seeds, print what broke."""

from __future__ import annotations

import argparse
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from tests.simulation import crew

if TYPE_CHECKING:
    from tests.simulation.run import Outcome

# A process plays one seed at a time; how much of two cores one needs, Postgres included, is about one.
JOBS = min(2, os.cpu_count() or 1)


def main() -> int:
    """Play the seeds; 1 when an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, counted from --first")
    parser.add_argument("--first", type=int, default=1, help="the first of them (default 1)")
    parser.add_argument("--seed", type=int, help="play this one seed and print its whole history")
    parser.add_argument("--steps", type=int, default=200, help="steps a seed (default 200)")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"seeds played at once (default {JOBS})")
    asked = parser.parse_args()
    if asked.seed is not None:
        asked.first, asked.seeds = asked.seed, 1
    _fix_hashes()
    started, violations = perf_counter(), 0
    seeds = range(asked.first, asked.first + asked.seeds)
    for outcome in crew.play_all(seeds, asked.steps, asked.jobs):
        violations += len(outcome.violations)
        report(outcome, whole=asked.seed is not None)
    wall_s = round(perf_counter() - started)
    print(f"seeds={asked.seeds} steps={asked.seeds * asked.steps} violations={violations} wall_s={wall_s}")
    return 1 if violations else 0


def report(outcome: Outcome, *, whole: bool = False) -> None:
    """Print a line a seed; for a violating one everything that is needed to see it again."""
    options, history = outcome.options, outcome.history
    if whole:
        print("\n".join(history.lines))
        print(dict(history.counts))
    verdict = f"{len(outcome.violations)} violations" if outcome.violations else "ok"
    print(f"seed {options.seed}: {verdict}, {outcome.took_s:.1f} s, digest {history.digest}", flush=True)
    if outcome.violations:
        print("  options: " + options.as_text())
        print("\n".join(f"  {text}" for text in outcome.violations[:20]))
        print(
            f"  replay: python -m tests.simulation --seed {options.seed} --steps {options.steps}", flush=True
        )


def _fix_hashes() -> None:
    """Sets of text are walked in the order of their hashes: fix it, so that a seed replays as it was."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        arguments = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, arguments, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
