"""Each open question about Zoho (facts 13) is a setting with alternatives, a default and a line in the
page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.control import switches
from sandbox.settings import Settings
from tests.contracts import facts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"
ROW = re.compile(r"^\| (`SANDBOX_[^|]+) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)
QUESTION = re.compile(r"u(\d+)_")


def documented() -> dict[str, str]:
    """The cell of values that the page has for each setting."""
    found = {}
    for names, values, meaning in ROW.findall(PAGE.read_text()):
        assert meaning.strip(), names
        several = re.findall(r"`SANDBOX_(\w+)`", names)
        cells = values.split(", ") if len(several) > 1 and values.count("`") > 2 else [values] * len(several)
        found |= {name.lower(): cell for name, cell in zip(several, cells, strict=True)}
    return found


def values(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_every_setting_has_a_line_and_every_line_a_setting() -> None:
    assert set(documented()) == set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_page_names_the_default_first_and_every_alternative(name: str) -> None:
    known, told = switches.alternatives()[name], values(documented()[name])
    default = as_text(known["default"])
    assert told[:1] == ([default] if default else []), "the default stands first"
    if known["values"] and len(told) > 1:
        assert set(told) == {as_text(each) for each in known["values"]}
    elif QUESTION.match(name) and known["values"]:
        pytest.fail(f"{name}: the page names no alternative")


@pytest.mark.skipif(not facts.FILE.exists(), reason=facts.ABSENT)
def test_every_open_question_has_a_setting_and_words_in_the_console() -> None:
    asked = {row[0] for row in facts.rows("13")}
    answered = {f"U{found[1]}" for name in Settings.model_fields if (found := QUESTION.match(name))}
    assert len(asked) == 20
    assert answered == asked
    assert {name.upper() for name in switches.QUESTIONS} == asked


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if QUESTION.match(name)])
def test_a_question_can_be_answered_while_it_runs(name: str) -> None:
    assert name not in switches.FIXED
    assert switches.question(name)
    known = switches.alternatives()[name]
    assert len(known["values"]) > 1 or isinstance(known["default"], int | float)
