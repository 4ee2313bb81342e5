"""Every requirement of the security notes is named by a test, or excused here with its reason.

The notes live beside the repository (`../shared`) and are not part of it. Without them only what does not
need them is checked.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NOTES = CHECKOUT.parent / "shared" / "security-reliability.md"
FAMILIES = "WH|SES|CSRF|AC|CSP|INP|RED|LOG|CRY|AUT|RL|FIL|HX|PCI|SB|API|JOB"
DEFINED = re.compile(rf"^\s*- ((?:{FAMILIES})-\d\d)\b", re.MULTILINE)
NAMED = re.compile(rf"(?<![A-Za-z0-9])({FAMILIES})[-_](\d\d)(?!\d)", re.IGNORECASE)

# What no test of a program can prove, and who sees to it.
EXCUSED: dict[str, str] = {
    "PCI-06": "papers: the diagram and the matrix of duties stand in docs/security.md, a person signs",
}


def named() -> set[str]:
    """The ids that tests name, alone or within a name like test_wh_05_..."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tests"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    here = str(Path(__file__).relative_to(CHECKOUT))
    texts = [(CHECKOUT / path).read_text() for path in listed if path.endswith(".py") and path != here]
    return {f"{kind.upper()}-{number}" for text in texts for kind, number in NAMED.findall(text)}


@pytest.fixture(scope="module")
def promised() -> set[str]:
    if not NOTES.exists():
        pytest.skip("the security notes are not beside this checkout")
    return set(DEFINED.findall(NOTES.read_text()))


def test_every_promise_is_named_by_a_test_or_excused(promised: set[str]) -> None:
    assert len(promised) > 100
    missing = sorted(promised - named() - EXCUSED.keys())
    assert not missing, f"Prove them, and name the id where that is done: {missing}"


def test_nothing_is_excused_that_a_test_proves_or_nobody_asks_for(promised: set[str]) -> None:
    assert not EXCUSED.keys() & named()
    assert not EXCUSED.keys() - promised


def test_an_excuse_has_a_reason() -> None:
    assert all(len(reason.split()) >= 4 for reason in EXCUSED.values())
