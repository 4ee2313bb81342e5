"""How long something takes: many runs, the middle and the slow end, never the mean."""

import time
from collections.abc import Callable


def milliseconds(act: Callable[[], object], runs: int, *, warm_up: int = 3) -> list[float]:
    """Run an act and return the duration of each run, sorted."""
    for _ in range(warm_up):
        act()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begun) * 1000)
    return sorted(taken)


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which this share of the runs lies."""
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)
