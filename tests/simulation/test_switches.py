"""Issue 3: the portal works under every value of each switch that can affect it (facts.md 13, U1 to U20)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.settings import Settings
from tests.simulation import life, switches
from tests.simulation.options import QUESTIONS
from tests.simulation.stage import Stage

ROWS = [*switches.together(), *switches.mixed(4)]
MANY = 40


def test_every_switch_is_in_one_table() -> None:
    known, asked = set(Settings.model_fields), set(switches.MATTERS) | set(switches.CANNOT_MATTER)
    assert known == asked, f"say what they mean to the portal: {sorted(known ^ asked)}"
    assert not set(switches.MATTERS) & set(switches.CANNOT_MATTER)
    assert all(len(reason) > 20 for reason in switches.CANNOT_MATTER.values() if not reason.startswith("as "))


@pytest.mark.parametrize("name", switches.MATTERS)
def test_every_value_of_a_switch_is_played(name: str) -> None:
    values = switches.MATTERS[name]
    assert values[0] == Settings.model_fields[name].default
    if offered := switches.alternatives(name):
        assert sorted(map(str, values)) == sorted(map(str, offered))
    played = [row[name] for row in switches.together()]
    assert all(value in played for value in values)


def test_what_seeds_draw_are_switches_that_matter() -> None:
    assert {name: sorted(values) for name, values in QUESTIONS.items()} == {
        name: sorted(switches.MATTERS[name]) for name in QUESTIONS
    }


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_life_under_every_value(stage: Stage, number: int) -> None:
    """Purchase by return and webhook, decline, plan change, method, dunning, payment, pause, cancel, pull."""
    assert life.live(stage, ROWS[number]) == [], ROWS[number]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), switches.alone(), ids=lambda one: str(one).replace("/", "-"))
def test_a_life_under_each_value_alone(stage: Stage, name: str, value: Any) -> None:
    assert life.live(stage, {name: value}) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(MANY))
def test_a_life_under_mixed_values(stage: Stage, number: int) -> None:
    drawn = switches.mixed(MANY)[number]
    assert life.live(stage, drawn) == [], drawn
