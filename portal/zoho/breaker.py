"""When Zoho is left alone: after its failures, and after it told us to wait (API-04, API-05).

Pure; budget.py keeps the state in the database, so that all processes open and close together.

The breaker opens after 5 failures in a row, or when at least half of the last 20 calls failed. It stays
open for 30 seconds, doubling to 5 minutes, and then lets a single probe pass: a success closes it, a
failure opens it for longer. A probe that never reports back (its process was killed) is given up after
30 seconds. A "no" is not a failure.

After a 429 everybody waits until Zoho's time is over, longer each time in a row; then one probe passes
every 10 seconds until one succeeds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
FAILURES_IN_A_ROW = 5
WINDOW = 20
SHARE_OF_WINDOW = 0.5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
PROBE_LIFETIME = timedelta(seconds=30)
PROBE_EVERY = timedelta(seconds=10)
LONGEST_BLOCK = timedelta(hours=1)

FAILURES = frozenset({"timeout", "unreachable", "unknown", "bad_answer"})
# These say nothing about Zoho's health: the call was not made, or our own process broke.
NEUTRAL = frozenset({"crashed", "throttled"})


@dataclass(frozen=True, slots=True)
class Health:
    """What the calls of all processes lately say about Zoho."""

    state: str = CLOSED
    until: datetime | None = None
    failures: int = 0
    recent: str = ""
    opens: int = 0
    blocked_until: datetime | None = None
    throttles: int = 0
    next_probe_at: datetime | None = None

    def closed_until(self, now: datetime) -> datetime | None:
        """Until when the breaker lets nothing pass; None when a call may go."""
        return self.until if self.state != CLOSED and self.until and self.until > now else None

    def held_back_until(self, now: datetime) -> datetime | None:
        """Until when Zoho wants no call; None when one may go."""
        if self.blocked_until and self.blocked_until > now:
            return self.blocked_until
        probing = self.throttles and self.next_probe_at and self.next_probe_at > now
        return self.next_probe_at if probing else None

    def entered(self, now: datetime) -> "Health":
        """A call goes out: it is the probe, if there has to be one."""
        found = self
        if self.state != CLOSED:
            found = replace(found, state=HALF_OPEN, until=now + PROBE_LIFETIME)
        if self.throttles:
            found = replace(found, next_probe_at=now + PROBE_EVERY)
        return found

    def after(self, outcome: str, now: datetime, retry_at: datetime | None = None) -> "Health":
        """A call came back."""
        if outcome == "throttled":
            return self._throttled(now, retry_at or now + FIRST_PAUSE)
        if outcome in NEUTRAL:
            return self
        if outcome in FAILURES:
            return self._failed(now)
        return self._succeeded()

    def _throttled(self, now: datetime, retry_at: datetime) -> "Health":
        pause = min((retry_at - now) * 2 ** min(self.throttles, 5), LONGEST_BLOCK)
        until = max(now + pause, self.blocked_until or now)
        health = replace(self, blocked_until=until, next_probe_at=until, throttles=self.throttles + 1)
        # Zoho did answer: a breaker that waits for its probe need not wait any longer.
        return replace(health, state=CLOSED, until=None, failures=0)

    def _failed(self, now: datetime) -> "Health":
        failures = self.failures + 1
        recent = (self.recent + "1")[-WINDOW:]
        many = len(recent) == WINDOW and recent.count("1") >= SHARE_OF_WINDOW * WINDOW
        if self.state == CLOSED and failures < FAILURES_IN_A_ROW and not many:
            return replace(self, failures=failures, recent=recent)
        if self.state == OPEN and self.until and self.until > now:
            # A call from before the breaker opened comes back late: nothing new.
            return replace(self, failures=failures, recent=recent)
        pause = min(FIRST_PAUSE * 2 ** min(self.opens, 5), LONGEST_PAUSE)
        return replace(
            self, state=OPEN, until=now + pause, failures=failures, recent=recent, opens=self.opens + 1
        )

    def _succeeded(self) -> "Health":
        if self.state == OPEN:
            # A straggler's success: the probe decides, not a call that began before the failures.
            return self
        health = replace(
            self, failures=0, throttles=0, next_probe_at=None, recent=(self.recent + "0")[-WINDOW:]
        )
        if self.state == HALF_OPEN:
            health = replace(health, state=CLOSED, until=None, opens=0, recent="")
        return health
