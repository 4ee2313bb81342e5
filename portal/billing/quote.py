"""What a plan change costs, by Zoho's documented day-based proration (facts.md 3.5), as an estimate.

For a change now with the same interval: the unused days of the old items come back as a credit, the
days that are left are charged for the new ones, and the term's dates stay::

    credit  = old - old / days in term * days used
    invoice = new / days in term * days left

Another interval starts a new term today at the full price. A change at the end of the term charges
nothing today. Everything the documents do not settle is refused rather than guessed (:class:`NoQuote`);
what cannot be changed at all is :class:`~portal.errors.Refused`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.billing.interval import Interval
from portal.billing.summary import add_interval
from portal.errors import Refused
from portal.money import Money

_PERCENT = Decimal(100)
_RUNNING = frozenset({"live", "trial", "non_renewing", "future"})


class NoQuote(Refused):
    """The amount cannot be computed in advance here. The payment page shows it before you pay."""


@dataclass(frozen=True, slots=True)
class Item:
    """A recurring item: plan or addon, ``price`` per unit and term before tax."""

    code: str
    name: str
    price: Decimal
    quantity: Decimal
    tax_percentage: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Price of a whole term before tax."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Running:
    """The subscription as it is: its items and the term they are paid for (``ends`` = next billing day)."""

    status: str
    currency: str
    interval: Interval
    starts: date | None
    ends: date | None
    items: tuple[Item, ...]
    coupon_code: str = ""
    has_scheduled_change: bool = False
    can_prorate: bool = True
    is_simple_pricing: bool = True
    is_inclusive_tax: bool = False
    rounds_tax_once: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """What it shall become."""

    currency: str
    interval: Interval
    items: tuple[Item, ...]
    one_time: tuple[Item, ...] = ()
    setup_fee: Decimal = Decimal(0)
    coupon_code: str = ""
    is_simple_pricing: bool = True


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of the arithmetic, before tax; ``amount`` and ``exact_tax`` are negative for a credit.

    Lines are rounded, their tax is not: Zoho rounds it once, on the document (``tax_rounding`` is
    ``entity_level`` in every recording, facts.md 3.3).
    """

    name: str
    amount: Money
    exact_tax: Money
    days: int
    of_days: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The estimate: charged and credited today, and the next invoice (organisation's zone)."""

    charges: tuple[QuoteLine, ...]
    credits: tuple[QuoteLine, ...]
    next_total: Money
    next_on: date

    @property
    def charged(self) -> Money:
        """The new invoice with tax."""
        return _with_tax(self.charges, self.next_total.currency)

    @property
    def credited(self) -> Money:
        """The credit note with tax, as a positive amount."""
        return -_with_tax(self.credits, self.next_total.currency)

    @property
    def charged_tax(self) -> Money:
        """The tax on the new invoice."""
        return _tax(self.charges, self.next_total.currency)

    @property
    def credited_tax(self) -> Money:
        """The tax on the credit note, negative."""
        return _tax(self.credits, self.next_total.currency)

    @property
    def due_today(self) -> Money:
        """What is left to pay after the credit; never negative."""
        due = self.charged - self.credited
        return due if due.amount > 0 else Money(Decimal(0), due.currency)

    @property
    def credit_left(self) -> Money:
        """What stays as credit for the next invoice; never negative."""
        left = self.credited - self.charged
        return left if left.amount > 0 else Money(Decimal(0), left.currency)


def change_now(running: Running, target: Target, today: date) -> Quote:
    """Estimate a change that takes effect today. Raises :class:`NoQuote` where it cannot be computed."""
    _refuse_the_unknown(running, target)
    if running.status == "trial":
        return _nothing_today(target, running.ends)
    if running.starts is None or running.ends is None or not running.starts <= today < running.ends:
        raise NoQuote
    of_days = (running.ends - running.starts).days
    used = (today - running.starts).days
    left = of_days - used
    credit_lines = tuple(
        _line(item, -(item.total - item.total / of_days * used), running.currency, left, of_days)
        for item in running.items
        if item.total
    )
    once = tuple(_line(item, item.total, target.currency, 1, 1) for item in target.one_time)
    if running.interval != target.interval:
        full = tuple(_line(item, item.total, target.currency, 1, 1) for item in target.items)
        ends = add_interval(today, target.interval.count, target.interval.unit)
        return Quote(full + once, credit_lines, _next_total(target), ends)
    charges = tuple(
        _line(item, item.total / of_days * left, target.currency, left, of_days) for item in target.items
    )
    return Quote(charges + once, credit_lines, _next_total(target), running.ends)


def change_at_term_end(running: Running, target: Target) -> Quote:
    """Estimate a change that waits for the end of the term: nothing today."""
    _refuse_the_unknown(running, target)
    return _nothing_today(target, running.ends)


def is_upgrade(running: Running, target: Target) -> bool:
    """Tell whether the new items cost more a day than the old ones (directions can be restricted)."""
    return _per_day(target.items, target.interval) > _per_day(running.items, running.interval)


def _refuse_the_unknown(running: Running, target: Target) -> None:
    if running.status not in _RUNNING:
        raise Refused("This subscription is not running, so its plan cannot be changed.")
    if running.currency != target.currency:
        raise Refused("That plan is sold in another currency than your account. Choose another one.")
    unknown = (
        running.coupon_code
        or target.coupon_code
        or target.setup_fee
        or not running.can_prorate
        or not (running.is_simple_pricing and target.is_simple_pricing)
        or running.is_inclusive_tax
        or not running.rounds_tax_once
        or running.has_scheduled_change
    )
    if unknown:
        raise NoQuote


def _nothing_today(target: Target, next_on: date | None) -> Quote:
    if next_on is None:
        raise NoQuote
    once = tuple(_line(item, item.total, target.currency, 1, 1) for item in target.one_time)
    return Quote(once, (), _next_total(target), next_on)


def _line(item: Item, amount: Decimal, currency: str, days: int, of_days: int) -> QuoteLine:
    rounded = Money(amount, currency).rounded()
    return QuoteLine(item.name, rounded, rounded * (item.tax_percentage / _PERCENT), days, of_days)


def _next_total(target: Target) -> Money:
    lines = [_line(item, item.total, target.currency, 1, 1) for item in target.items]
    return _with_tax(tuple(lines), target.currency)


def _with_tax(lines: tuple[QuoteLine, ...], currency: str) -> Money:
    return _sum([line.amount for line in lines], currency) + _tax(lines, currency)


def _tax(lines: tuple[QuoteLine, ...], currency: str) -> Money:
    return _sum([line.exact_tax for line in lines], currency).rounded()


def _sum(amounts: list[Money], currency: str) -> Money:
    return Money(sum((amount.amount for amount in amounts), Decimal(0)), currency)


def _per_day(items: tuple[Item, ...], interval: Interval) -> Decimal:
    days = {"days": 1, "weeks": 7, "months": 30, "years": 365}.get(interval.unit, 30) * interval.count
    return sum((item.total for item in items), Decimal(0)) / days
