"""`python -m tests.simulation --seeds N [--seed K] [--steps 200]`: play seeds, print what broke."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter


def main() -> int:
    """Play the seeds; 1 when an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, counted from --first")
    parser.add_argument("--first", type=int, default=1, help="the first of them (default 1)")
    parser.add_argument("--seed", type=int, help="play this one seed and print its whole history")
    parser.add_argument("--steps", type=int, default=200, help="steps a seed (default 200)")
    asked = parser.parse_args()
    if asked.seed is not None:
        asked.first, asked.seeds = asked.seed, 1
    _fix_hashes()
    return _play(asked)


def _play(asked: argparse.Namespace) -> int:
    from tests.harness import database
    from tests.simulation import run, stage

    started = perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="sim-"))
    server = database.start()
    violations = 0
    try:
        with stage.build(server, folder, f"{server.template}_simulation") as built:
            for seed in range(asked.first, asked.first + asked.seeds):
                outcome = run.play(built, seed, asked.steps)
                violations += len(outcome.violations)
                report(outcome, whole=asked.seed is not None)
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    wall_s = round(perf_counter() - started)
    print(f"seeds={asked.seeds} steps={asked.seeds * asked.steps} violations={violations} wall_s={wall_s}")
    return 1 if violations else 0


def report(outcome: object, *, whole: bool = False) -> None:
    """Print a line a seed; for a violating one everything that is needed to see it again."""
    from tests.simulation.run import Outcome

    assert isinstance(outcome, Outcome)
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
        os.execve(sys.executable, arguments, {**os.environ, "PYTHONHASHSEED": "0"})


if __name__ == "__main__":
    sys.exit(main())
