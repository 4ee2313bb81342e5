"""Many customers at once: N subscriptions with a year of invoices and payments, for size and speed.

One customer of each plan is billed by the real engine; its documents become patterns, and every generated
customer is printed from them with its own ids, names and dates.  So the shapes are the engine's own and
only the numbers are drawn, always alike for the same N.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sandbox import catalogue, dates, prototypes
from sandbox import seed as demo
from sandbox.tx import Tx

if TYPE_CHECKING:
    from sandbox.world import World

WEIGHTS = {"team-m": 60, "scale-m": 10, "analytics-m": 15, "starter-m": 15}
MONTHS = 12
MORNING = time(6, 0)
OWN_KINDS = ("customers", "contact_persons", "methods", "subscriptions")
TERM_KINDS = ("invoices", "payments")
IDS_EACH = 40  # 4 of the customer's own and 5 for each month
STRIDE = 2 * IDS_EACH
CANCELLED, LEAVING = 0.03, 0.05

Marks = dict[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """What is drawn for one customer; ids follow from `base`."""

    number: int
    base: int
    plan: str
    first: date
    status: str
    months: int

    def id_of(self, month: int, place: int) -> str:
        """The id of something made in a month."""
        return str(self.base + 10 + month * 5 + place)


class Calendar:
    """Days as documents write them, each worked out once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stamps: dict[date, str] = {}

    def stamp(self, day: date) -> str:
        """Six in the morning of a day."""
        if day not in self._stamps:
            zone = self._world.clock.zone
            self._stamps[day] = self._world.clock.stamp(datetime.combine(day, MORNING, zone))
        return self._stamps[day]


def generate(world: World, tx: Tx, count: int) -> None:
    """Print `count` customers with their year into a fresh world."""
    if not catalogue.find(tx, "plans", "team-m"):
        demo.goods(world, tx)
    patterns = {code: prototypes.patterns(world, tx, code) for code in WEIGHTS}
    accounts = list(draw(world, tx, count))
    calendar = Calendar(world)
    dropped = tx.drop_indexes((*OWN_KINDS, *TERM_KINDS))
    for done, kind in enumerate(OWN_KINDS):
        _tell(world, done)
        marks = ((each, own_marks(calendar, each)) for each in accounts)
        _print(tx, kind, patterns, marks)
    invoices = tx.reserve_numbers("INV-", sum(each.months for each in accounts))
    payments = tx.reserve_numbers("", sum(each.months for each in accounts))
    for done, kind in enumerate(TERM_KINDS):
        _tell(world, len(OWN_KINDS) + MONTHS * done)  # a customer has one of these a month
        _print(tx, kind, patterns, term_marks(calendar, accounts, invoices, payments))
    _tell(world, len(OWN_KINDS) + MONTHS * len(TERM_KINDS))
    tx.make_indexes(dropped)


def _tell(world: World, done: int) -> None:
    """Say how far it is, for who watches a long reset."""
    world.progress.update(done=done, total=len(OWN_KINDS) + MONTHS * len(TERM_KINDS))


def draw(world: World, tx: Tx, count: int) -> Iterator[Account]:
    """The accounts, always the same for a count and a day."""
    drawn = random.Random(count)
    base, number = tx.reserve_ids(count * IDS_EACH), tx.reserve_numbers("SUB-", count)
    tx.reserve_numbers("CUS-", count)
    oldest = dates.add(world.clock.today(), -MONTHS, "months")
    plans, weights = list(WEIGHTS), list(WEIGHTS.values())
    for index in range(count):
        plan = drawn.choices(plans, weights)[0]
        first, fate = oldest + timedelta(days=drawn.randint(1, 28)), drawn.random()
        status = "cancelled" if fate < CANCELLED else "non_renewing" if fate < LEAVING else "live"
        months = drawn.randint(1, MONTHS - 1) if status == "cancelled" else MONTHS
        yield Account(number + index, base + index * STRIDE, plan, first, status, months)


def own_marks(calendar: Calendar, each: Account) -> Marks:
    """What stands in the marks of a customer's own documents."""
    last = dates.add(each.first, each.months - 1, "months")
    ends = dates.add(each.first, each.months, "months")
    return {
        "customer": str(each.base),
        "person": str(each.base + 2),
        "method": str(each.base + 4),
        "subscription": str(each.base + 6),
        "name": f"Customer {each.number:06d}",
        "email": f"customer-{each.number:06d}@example.com",
        "customer_number": f"CUS-{each.number:05d}",
        "subscription_number": f"SUB-{each.number:05d}",
        "index": str(each.months - 1),
        "done": str(each.months),
        "first": each.first.isoformat(),
        "starts": last.isoformat(),
        "ends": ends.isoformat(),
        "due": (ends - timedelta(days=3)).isoformat(),
        "invoice": each.id_of(each.months - 1, 0),
        "created": calendar.stamp(each.first),
        "updated": calendar.stamp(last),
    }


def term_marks(
    calendar: Calendar, accounts: list[Account], invoice: int, payment: int
) -> Iterator[tuple[Account, Marks]]:
    """Every account's terms, the oldest first over all accounts, as they would have been billed."""
    terms = [
        (dates.add(each.first, month, "months"), month, each)
        for each in accounts
        for month in range(each.months)
    ]
    terms.sort(key=lambda term: term[0])
    for place, (day, month, each) in enumerate(terms):
        yield (
            each,
            {
                "customer": str(each.base),
                "method": str(each.base + 4),
                "subscription": str(each.base + 6),
                "name": f"Customer {each.number:06d}",
                "invoice": each.id_of(month, 0),
                "payment": each.id_of(month, 1),
                "application": each.id_of(month, 2),
                "auto": each.id_of(month, 3),
                "item": each.id_of(month, 4),
                "invoice_number": f"INV-{invoice + place:06d}",
                "payment_number": str(payment + place),
                "kind": "renewal" if month else "new_subscription",
                "day": day.isoformat(),
                "created": calendar.stamp(day),
                "updated": calendar.stamp(day),
            },
        )


def _print(
    tx: Tx, kind: str, patterns: dict[str, prototypes.Patterns], marks: Iterator[tuple[Account, Marks]]
) -> None:
    columns = patterns["team-m"].columns(kind)
    tx.bulk(kind, columns, (patterns[each.plan].row(kind, each.status, values) for each, values in marks))
