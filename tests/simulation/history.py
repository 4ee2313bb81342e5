"""What happened in a run: the steps as they were taken, and every violation of an invariant."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class History:
    """The log of one seed. `digest` is equal for equal runs."""

    now: Callable[[], datetime]
    lines: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, text: str) -> None:
        self.lines.append(f"{self.now():%m-%d %H:%M:%S} {text}")

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def violate(self, invariant: str, text: str) -> None:
        self.violations.append(f"{invariant}: {text}")
        self.note(f"VIOLATION {invariant}: {text}")

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]


def over() -> datetime:
    """The clock of a run that is over."""
    raise RuntimeError("nothing happens any more in this run")
