"""The 06:00 job of one day: cards, bank payments, then every subscription that is due."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox.engine import methods, renewals
from sandbox.tx import Tx

if TYPE_CHECKING:
    from sandbox.world import World


def run_day(world: World, tx: Tx, today: date) -> int:
    """Everything that is due by the morning of `today`; gives back how many subscriptions were looked at."""
    methods.notices(world, tx, today)
    renewals.settle_everything(world, tx, today)
    due = tx.ids("subscriptions", where={"due": ("<=", today.isoformat())}, order="due")
    for subscription_id in due:
        sub = tx.get("subscriptions", subscription_id)
        if sub is not None:
            renewals.look_at(world, tx, sub, today)
    return len(due)
