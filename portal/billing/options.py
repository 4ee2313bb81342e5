"""What may be done with a subscription, by its status and by the merchant's settings (facts.md 3.2, 8.2).

One answer for the buttons of a page and for the acts behind them, so that no button leads to a refusal
that the page could have known.
"""

from dataclasses import dataclass
from typing import Any, Protocol


class Rules(Protocol):
    """The merchant's settings that matter here."""

    @property
    def allow_cancel(self) -> str: ...
    @property
    def allow_pause(self) -> bool: ...
    @property
    def allow_reactivate(self) -> bool: ...
    @property
    def allow_upgrade(self) -> bool: ...
    @property
    def allow_downgrade(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Options:
    """The acts that are open now."""

    change_plan: bool
    cancel_at_end: bool
    cancel_now: bool
    keep: bool
    pause: bool
    resume: bool
    drop_scheduled_change: bool
    choose_method: bool

    @property
    def cancel(self) -> bool:
        """Whether it can be cancelled at all."""
        return self.cancel_at_end or self.cancel_now


def of_subscription(row: dict[str, Any], rules: Rules) -> Options:
    """Decide from a mirrored row. While an act is under way nothing else can be started."""
    status = row["status"]
    is_free = not row.get("live_intent")
    can_cancel = is_free and status in {"live", "trial", "dunning", "unpaid", "future", "paused"}
    return Options(
        change_plan=is_free
        and status in {"live", "trial"}
        and not row["has_scheduled_change"]
        and (rules.allow_upgrade or rules.allow_downgrade),
        # At the end of a term only where a term is running that somebody has paid for or tries.
        cancel_at_end=can_cancel
        and status in {"live", "trial", "dunning"}
        and rules.allow_cancel in ("end_of_term", "both"),
        cancel_now=can_cancel and rules.allow_cancel in ("now", "both"),
        keep=is_free and status == "non_renewing" and rules.allow_reactivate,
        # A direct pause is refused for online subscriptions that owe something (facts.md 3.2).
        pause=is_free and status == "live" and rules.allow_pause and row.get("pause_on") is None,
        resume=is_free and status == "paused" and rules.allow_pause,
        drop_scheduled_change=is_free and bool(row["has_scheduled_change"]),
        choose_method=is_free and status in {"live", "trial", "future", "dunning", "unpaid", "non_renewing"},
    )
