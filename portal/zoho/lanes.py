"""How Zoho's limit of calls is shared out: pure arithmetic, no database (API-01, API-02, API-03).

The whole limit L a minute is kept by construction: a bucket of a fifth of L refills with four fifths of L
a minute, so no window of 60 seconds can hold more than L grants (from L = 4 on; below that, 4). Calls of
the merchant's other programs it cannot see; what is left between the average and the limit is theirs.

Three lanes share the bucket. Each has a part of its own, refilled with its guaranteed share (60, 30, 10 %
for people waiting, webhooks, reconciliation), so that nobody starves (R12). What a full part cannot take
overflows into a common part that any lane may use, so nothing is wasted. A person waiting may also use
the parts of lanes that have asked for nothing lately; the others never touch the interactive part, which
is more than the floors of 20 % and 50 % ask for.

The daily limit closes the lanes one after another: reconciliation at 70 % of it, webhooks at 95 %
(from 85 % on they live on their guaranteed share), what people read at 95 %, and only their acts may use
the rest.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Self

INTERACTIVE, WEBHOOK, RECONCILE = LANES = ("interactive", "webhook", "reconcile")
SHARES = {INTERACTIVE: 0.6, WEBHOOK: 0.3, RECONCILE: 0.1}
# Whose part a lane may use besides its own and the common one, when its owner is idle.
MAY_BORROW = {INTERACTIVE: (RECONCILE, WEBHOOK), WEBHOOK: (RECONCILE,), RECONCILE: ()}
IDLE_AFTER = timedelta(seconds=10)
COMMON = "common"
DAY_RECONCILE, DAY_SLOW, DAY_READS = 0.70, 0.85, 0.95


@dataclass(frozen=True, slots=True)
class Terms:
    """What Zoho allows: calls a minute, calls a day, calls at once."""

    per_minute: int
    per_day: int
    at_once: int

    @property
    def burst(self) -> float:
        return max(3.0, 0.2 * self.per_minute)

    @property
    def per_second(self) -> float:
        return max(self.per_minute - self.burst, 1.0) / 60

    def part_of(self, lane: str) -> float:
        """How much a lane's own part can hold: its share of the burst, and at least one call."""
        if lane != INTERACTIVE:
            return max(1.0, SHARES[lane] * self.burst)
        return self.burst - self.part_of(WEBHOOK) - self.part_of(RECONCILE)

    def slots_of(self, lane: str) -> int:
        """How many calls a lane may have under way: people always find a free slot."""
        most = max(1, int(self.at_once * 0.8))
        return {INTERACTIVE: most, WEBHOOK: max(1, most - 1), RECONCILE: max(1, most // 2)}[lane]


@dataclass(frozen=True, slots=True)
class Bucket:
    """The tokens in each part, and when each lane last asked."""

    parts: dict[str, float]
    refilled_at: datetime
    day: date
    day_calls: int = 0
    asked_at: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def full(cls, terms: Terms, now: datetime) -> Self:
        parts = {lane: terms.part_of(lane) for lane in LANES}
        return cls({**parts, COMMON: 0.0}, now, now.date())

    @property
    def total(self) -> float:
        return sum(self.parts.values())

    def refilled(self, terms: Terms, now: datetime) -> "Bucket":
        """Let time pass. A clock that runs behind another process's clock adds nothing."""
        seconds = max((now - self.refilled_at).total_seconds(), 0.0)
        parts, overflow = dict(self.parts), 0.0
        for lane in LANES:
            filled = parts.get(lane, 0.0) + seconds * terms.per_second * SHARES[lane]
            parts[lane] = min(filled, terms.part_of(lane))
            overflow += filled - parts[lane]
        room = terms.burst - sum(parts[lane] for lane in LANES)
        parts[COMMON] = min(max(parts.get(COMMON, 0.0) + overflow, 0.0), max(room, 0.0))
        new_day = max(self.day, now.date())
        calls = self.day_calls if new_day == self.day else 0
        at = max(self.refilled_at, now)
        return replace(self, parts=parts, refilled_at=at, day=new_day, day_calls=calls)

    def taken(self, terms: Terms, lane: str, now: datetime) -> "Bucket | None":
        """Take one token for ``lane``, or None when it has to wait. Call on a refilled bucket."""
        asked_at = {**self.asked_at, lane: now}
        for part in (lane, COMMON, *self._borrowable(lane, now)):
            if self.parts.get(part, 0.0) >= 1 and not (part != lane and self._lives_on_share(terms, lane)):
                parts = {**self.parts, part: self.parts[part] - 1}
                return replace(self, parts=parts, day_calls=self.day_calls + 1, asked_at=asked_at)
        return None

    def asked(self, lane: str, now: datetime) -> "Bucket":
        """Remember that ``lane`` wants more, so that nobody takes its part for idle."""
        return replace(self, asked_at={**self.asked_at, lane: now})

    def wait_for(self, terms: Terms, lane: str) -> float:
        """Seconds until the lane's own part holds a token again; it may be sooner."""
        missing = 1 - self.parts.get(lane, 0.0)
        return max(missing, 0.0) / (terms.per_second * SHARES[lane])

    def _borrowable(self, lane: str, now: datetime) -> list[str]:
        return [
            other
            for other in MAY_BORROW[lane]
            if other not in self.asked_at or now - self.asked_at[other] > IDLE_AFTER
        ]

    def _lives_on_share(self, terms: Terms, lane: str) -> bool:
        return lane == WEBHOOK and self.day_calls >= DAY_SLOW * terms.per_day


def closed_for_the_day(terms: Terms, day_calls: int, lane: str, *, writes: bool) -> bool:
    """Tell whether this lane has to leave the rest of the day's calls to others (API-03)."""
    if lane == RECONCILE:
        return day_calls >= DAY_RECONCILE * terms.per_day
    if lane == INTERACTIVE and writes:
        return day_calls >= terms.per_day
    return day_calls >= DAY_READS * terms.per_day
