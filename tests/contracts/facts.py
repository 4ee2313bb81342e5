"""What is known about Zoho, read from beside the checkout; where it is absent the tests that need it say
so.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parents[3] / "shared" / "zoho" / "facts.md"
ABSENT = "the facts about Zoho are not beside this checkout (../shared/zoho/facts.md)"
HEADING = re.compile(r"#{2,3} (\d+(?:\.\d+)?)\.? ")


@cache
def sections() -> dict[str, str]:
    """The text of each section by its number, heading included; a section ends where the next begins."""
    found: dict[str, list[str]] = {}
    number = ""
    for line in FILE.read_text().splitlines():
        if heading := HEADING.match(line):
            number = heading[1]
        if number:
            found.setdefault(number, []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def rows(section: str) -> list[list[str]]:
    """The rows of a section's tables, their cells stripped; headings and rules are left out."""
    lines = [line for line in sections()[section].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = [place for place, row in enumerate(cells) if set(row[0]) <= {"-"}]
    return [row for place, row in enumerate(cells) if place not in rules and place + 1 not in rules]
