"""How long something takes: many runs, the middle and the slow end, never the mean."""

import time
from collections.abc import Callable

Act = Callable[[], object]


def milliseconds(act: Act, runs: int, *, warm_up: int = 3) -> list[float]:
    """Run an act and return the duration of each run, sorted."""
    for _ in range(warm_up):
        act()
    return sorted(_timed(act) for _ in range(runs))


def side_by_side(one: Act, other: Act, runs: int, *, warm_up: int = 3) -> tuple[list[float], list[float]]:
    """Run two acts in turn and return the durations of each, sorted."""
    for _ in range(warm_up):
        one()
        other()
    pairs = [(_timed(one), _timed(other)) for _ in range(runs)]
    return sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which this share of the runs lies."""
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)


def _timed(act: Act) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000
