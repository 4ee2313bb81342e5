"""What a purchase costs: every line charged now, and what comes later (issue: checkout summary).

The arithmetic follows Zoho's invoices (facts.md 12.7: half-up per line, the tax once; discount before
tax). It is an estimate all the same: tax rules and credits live in Zoho, and the payment page shows
the exact amount before anything is charged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from portal.billing.catalogue import Addon, Coupon, Plan, Selection
from portal.money import Money

_PERCENT = Decimal(100)
_ONCE = "once"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice to come: ``total`` is quantity times price before discount and tax.

    ``exact_tax`` is not rounded: Zoho rounds the tax once, on the invoice (facts.md 3.3, tax_rounding).
    """

    name: str
    quantity: int
    price: Money
    total: Money
    discount: Money
    exact_tax: Money
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """Lines with their sums."""

    lines: tuple[Line, ...]
    currency: str
    tax_name: str = ""

    @property
    def sub_total(self) -> Money:
        """Sum of the lines before discount and tax."""
        return _sum((line.total for line in self.lines), self.currency)

    @property
    def discount(self) -> Money:
        """Sum of the discounts, as a positive amount."""
        return _sum((line.discount for line in self.lines), self.currency)

    @property
    def tax(self) -> Money:
        """The tax, rounded once."""
        return _sum((line.exact_tax for line in self.lines), self.currency).rounded()

    @property
    def total(self) -> Money:
        """What is to be paid."""
        return self.sub_total - self.discount + self.tax


@dataclass(frozen=True, slots=True)
class Summary:
    """What is charged ``now``, and what each later term costs from ``next_on`` (organisation's zone)."""

    now: Bill
    later: Bill
    next_on: date | None
    trial_ends_on: date | None
    coupon: Coupon | None = None

    @property
    def is_free_now(self) -> bool:
        """Whether nothing is charged today."""
        return not self.now.total


def of_purchase(selection: Selection, today: date) -> Summary:
    """Compute the summary of buying ``selection`` today (a date in the organisation's zone)."""
    plan = selection.plan
    first = _bill(_first_lines(selection), selection, discounted=True)
    # A coupon that lasts is still there at the second invoice; a one-time one is not.
    lasting = selection.coupon is not None and (
        selection.coupon.redemption == "forever"
        or (selection.coupon.redemption == "duration" and (selection.coupon.duration or 0) > 1)
    )
    later = _bill(_recurring_lines(selection), selection, discounted=lasting)
    if plan.trial_days > 0:
        ends = today + timedelta(days=plan.trial_days)
        return Summary(Bill((), plan.currency), first, ends, ends, selection.coupon)
    next_on = add_interval(today, plan.interval.count, plan.interval.unit)
    return Summary(first, later, next_on, None, selection.coupon)


class _Part(NamedTuple):
    """What becomes a line: ``addon_code`` is empty for the plan and its setup fee."""

    name: str
    quantity: int
    price: Decimal
    tax_percentage: Decimal | None
    note: str
    addon_code: str = ""
    # Where it is not the price times the quantity.
    amount: Decimal | None = None


def _first_lines(selection: Selection) -> list[_Part]:
    plan = selection.plan
    parts = _recurring_lines(selection)
    if plan.setup_fee:
        parts.insert(1, _Part("Setup fee", 1, plan.setup_fee, plan.tax_percentage, _ONCE))
    parts += [
        _addon_part(addon, quantity, _ONCE) for addon, quantity in selection.addons if not addon.is_recurring
    ]
    return parts


def _recurring_lines(selection: Selection) -> list[_Part]:
    plan, per = selection.plan, selection.plan.interval.per
    quantity = selection.choice.quantity
    amount = plan.amount(quantity)
    parts = [_Part(plan.name, quantity, plan.price, plan.tax_percentage, per, amount=amount)]
    parts += [_addon_part(addon, quantity, per) for addon, quantity in selection.addons if addon.is_recurring]
    return parts


def _addon_part(addon: Addon, quantity: int, note: str) -> _Part:
    amount = addon.amount(quantity)
    return _Part(addon.name, quantity, addon.price, addon.tax_percentage, note, addon.code, amount)


def _bill(parts: list[_Part], selection: Selection, *, discounted: bool) -> Bill:
    currency = selection.plan.currency
    coupon = selection.coupon if discounted else None
    flat_left = Money(Decimal(0) if coupon is None or coupon.is_percentage else coupon.value, currency)
    lines = []
    for part in parts:
        amount = part.price * part.quantity if part.amount is None else part.amount
        total = Money(amount, currency).rounded()
        discount = Money(Decimal(0), currency)
        if coupon is not None and _is_covered(coupon, part):
            discount, flat_left = _discount(coupon, total, flat_left)
        tax = (total - discount) * ((part.tax_percentage or Decimal(0)) / _PERCENT)
        price = Money(part.price, currency)
        lines.append(Line(part.name, part.quantity, price, total, discount, tax, part.note))
    return Bill(tuple(lines), currency, selection.plan.tax_name)


def _is_covered(coupon: Coupon, part: _Part) -> bool:
    if not part.addon_code:
        return coupon.discounts_plan()
    return coupon.discounts_addon(part.addon_code, is_recurring=part.note != _ONCE)


def _discount(coupon: Coupon, total: Money, flat_left: Money) -> tuple[Money, Money]:
    if coupon.is_percentage:
        return (total * (coupon.value / _PERCENT)).rounded(), flat_left
    taken = min(total.amount, flat_left.amount)
    return Money(taken, total.currency), Money(flat_left.amount - taken, total.currency)


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    result = Money(Decimal(0), currency)
    for amount in amounts:
        result += amount
    return result


def add_interval(start: date, count: int, unit: str) -> date:
    """Return ``start`` plus ``count`` units; a month later than 31 January is the last of February."""
    if unit == "days":
        return start + timedelta(days=count)
    if unit == "weeks":
        return start + timedelta(weeks=count)
    months = count * (12 if unit == "years" else 1)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in range(start.day, 27, -1):
        try:
            return date(year, month + 1, day)
        except ValueError:
            continue
    return date(year, month + 1, min(start.day, 28))


def saving_percent(short: Plan, long: Plan) -> int | None:
    """Return by how many percent ``long`` is cheaper a month than ``short``; None when it is not."""
    if not (short.interval.months and long.interval.months) or short.price <= 0:
        return None
    if not (short.pricing.is_simple and long.pricing.is_simple):
        return None
    if short.currency != long.currency or short.interval.months >= long.interval.months:
        return None
    a_month = long.price / long.interval.months * short.interval.months
    saving = int((short.price - a_month) / short.price * _PERCENT)
    return saving if saving > 0 else None
