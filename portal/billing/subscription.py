"""A subscription in plain facts: what it costs how often, and what happens next and when.

``row`` is a subscription as the mirror has it. Nothing here promises: a renewal that Zoho has not billed
is "expected".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.billing.interval import Interval
from portal.billing.statuses import RENEWING, RUNNING
from portal.money import Money

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens to a subscription by itself. ``kind`` chooses the sentence:

    charge, invoice (billed without charging), change (the planned one), trial_end, end, start, pause,
    resume, or nothing.
    """

    kind: str
    on: date | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """The one sentence of the overview. ``kind``: none, one, several, mixed, or trouble, ending, trial,
    starting, paused, over for a single one that is in that state.
    """

    kind: str
    row: Row | None = None
    price: Money | None = None
    interval: Interval | None = None
    count: int = 0


def name_of(row: Row) -> str:
    """Return what to call it: its plan, or its own name."""
    return str(row["plan_name"] or row["name"] or row.get("number") or "Subscription")


def price_of(row: Row) -> Money:
    """Return what a term costs, tax included."""
    return Money(row["amount"], row["currency_code"])


def interval_of(row: Row) -> Interval:
    """Return how often it is billed."""
    return Interval(int(row["interval"]), row["interval_unit"])


def next_step(row: Row) -> NextStep:
    """Return what happens next by itself."""
    status = row["status"]
    if status == "non_renewing":
        return NextStep("end", row["scheduled_cancellation_on"] or row["current_term_ends_on"])
    if status == "future":
        return NextStep("start", row["starts_on"], price_of(row))
    if status == "paused":
        return NextStep("resume", row["resume_on"]) if row["resume_on"] else NextStep("nothing")
    if status not in RENEWING:
        return NextStep("nothing")
    if row["pause_on"]:
        return NextStep("pause", row["pause_on"])
    if status == "trial":
        return NextStep("trial_end", row["trial_ends_on"] or row["next_billing_on"], price_of(row))
    return _renewal(row)


def _renewal(row: Row) -> NextStep:
    if row["has_scheduled_change"]:
        # what is charged then is not what it costs now, and nobody has told us the new sum
        return NextStep("change", row["next_billing_on"])
    kind = "charge" if row["auto_collect"] else "invoice"
    return NextStep(kind, row["next_billing_on"], price_of(row))


def headline(rows: Sequence[Row]) -> Headline:
    """Return the sentence that says it all about these subscriptions."""
    running = [row for row in rows if row["status"] in RUNNING]
    if not rows:
        return Headline("none")
    if not running:
        return Headline("over", rows[0], count=len(rows))
    if len(running) == 1:
        row = running[0]
        return Headline(_kind_of(row["status"]), row, price_of(row), interval_of(row), 1)
    paying = [row for row in running if row["status"] in ("live", "dunning", "unpaid", "non_renewing")]
    alike = {(row["currency_code"], interval_of(row)) for row in paying}
    if len(alike) == 1 and len(paying) == len(running):
        currency, interval = alike.pop()
        total = sum((row["amount"] for row in paying[1:]), paying[0]["amount"])
        return Headline("several", None, Money(total, currency), interval, len(running))
    return Headline("mixed", count=len(running))


def _kind_of(status: str) -> str:
    return {
        "dunning": "trouble",
        "unpaid": "trouble",
        "non_renewing": "ending",
        "trial": "trial",
        "future": "starting",
        "paused": "paused",
    }.get(status, "one")
