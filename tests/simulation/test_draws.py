"""FLT: what a seed draws really happens, and is said in the options that are printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation import options as drawn
from tests.simulation import run
from tests.simulation.options import PARTS, TROUBLES, Options
from tests.simulation.stage import Stage

STEPS = 60


def stormy() -> Options:
    """Every rare draw at once, each as strong as a seed may draw it."""
    options = drawn.draw(3, STEPS)
    sky = options.weather | {"skew_s": 600}
    return replace(
        options,
        weather=sky | {"webhooks": {"truncate": 0.5}},
        weights=options.weights | {"weather": 0, "merchant": 40},
        transactions=TROUBLES,
        failovers=3,
        clock_jumps=3,
        swizzle=list(PARTS),
        token_s=120,
    )


def test_flt_every_rare_draw_happens_and_nothing_breaks(stage: Stage) -> None:
    outcome = run.play_with(stage, stormy())

    counts = outcome.history.counts
    expected = [
        *(f"stopped {part}" for part in PARTS),
        *(f"database {name}" for name in (*TROUBLES, "read-only")),
        *("the portal's clock jumps", "Zoho's clock set ahead", "Zoho's clock set back"),
        "webhook truncated",
    ]
    assert [name for name in expected if not counts[name]] == []
    assert outcome.violations == []


@pytest.mark.parametrize(
    "name", ["transactions", "failovers", "clock_jumps", "swizzle", "skew_s", "truncate"]
)
def test_flt_each_is_drawn_by_some_seeds_and_printed(name: str) -> None:
    """A swizzle by about one seed in four, the others more often; none by all."""
    told = [drawn.draw(seed, STEPS) for seed in range(1, 401)]
    having = [one for one in told if _drawn(one, name)]

    least, most = (0.18, 0.32) if name == "swizzle" else (0.3, 0.97)
    assert least <= len(having) / len(told) <= most
    assert all(f'"{name}"' in one.as_text() for one in having)


def _drawn(options: Options, name: str) -> object:
    if name in ("skew_s", "truncate"):
        return options.weather["webhooks"].get(name) or options.weather.get(name)
    return getattr(options, name)
