"""Amounts of money: a :class:`~decimal.Decimal` with its currency, never a float.

Zoho sends amounts as JSON numbers and strings, in major units with a decimal point (``21.2`` is
21 dollars 20); :func:`decimal_from` reads either. Rounding is half-up to the currency's minor unit
(facts.md 12.7), and only where somebody is charged or shown a total.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Self

from babel.core import get_global

_DEFAULT_PRECISION = 2


def precision_of(currency: str) -> int:
    """Return how many decimals ``currency`` (ISO 4217) has: 2 for USD, 0 for JPY."""
    fractions = get_global("currency_fractions")
    known = fractions.get(currency) or fractions.get("DEFAULT") or (_DEFAULT_PRECISION,)
    return int(known[0])


def decimal_from(value: object, *, default: Decimal | None = None) -> Decimal:
    """Read a Zoho number: ``21.2``, ``"21.20"``; ``""`` and ``None`` give ``default``.

    Raises :class:`ValueError` for anything else that is not a finite number, and for an empty value
    without a default: an error must never look like 0.
    """
    if value is None or value == "":
        if default is None:
            raise ValueError("an amount is missing")
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"not an amount: {value!r}")
    try:
        number = Decimal(str(value))
    except InvalidOperation as problem:
        raise ValueError(f"not an amount: {value!r}") from problem
    if not number.is_finite():
        raise ValueError(f"not an amount: {value!r}")
    return number


def as_json(value: object) -> float | str:
    """Write an amount as the JSON number it was read from (``default`` of :func:`json.dumps`).

    The shortest float that prints the same digits, because JSON has no other numbers; as text where a float
    would print others.
    """
    if not isinstance(value, Decimal):
        raise TypeError(f"not JSON: {type(value).__name__}")
    nearest = float(value)
    return nearest if Decimal(repr(nearest)) == value else str(value)


@dataclass(frozen=True, slots=True)
class Money:
    """``amount`` in major units of ``currency`` (ISO 4217). Adding two currencies is an error."""

    amount: Decimal
    currency: str

    def __add__(self, other: Self) -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Self) -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._same(other)

    def __bool__(self) -> bool:
        return self.amount != 0

    def rounded(self) -> "Money":
        """Round half-up to the currency's minor unit."""
        step = Decimal(1).scaleb(-precision_of(self.currency))
        return Money(self.amount.quantize(step, rounding=ROUND_HALF_UP), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other.amount
