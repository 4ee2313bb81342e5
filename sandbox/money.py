"""Amounts: Decimal inside, text in documents, numbers only on the wire; rounding is half up."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

ZERO = Decimal(0)
CURRENCIES: dict[str, tuple[str, int]] = {
    "USD": ("$", 2),
    "EUR": ("€", 2),
    "GBP": ("£", 2),
    "CAD": ("CA$", 2),
    "AUD": ("A$", 2),
    "INR": ("₹", 2),
    "JPY": ("¥", 0),
    "KWD": ("KWD", 3),
}


def dec(value: Any) -> Decimal:
    """A stored or received amount; absent means zero.  Raises ValueError for what is no finite number."""
    if value is None or value == "":
        return ZERO
    if isinstance(value, bool):
        raise ValueError("a truth value is no amount")
    try:
        amount = Decimal(str(value))
    except InvalidOperation as wrong:
        raise ValueError(f"not an amount: {value!r}") from wrong
    if not amount.is_finite():
        raise ValueError(f"not an amount: {value!r}")
    return amount


def precision(currency: str) -> int:
    """Decimal places of a currency."""
    return CURRENCIES.get(currency, ("", 2))[1]


def symbol(currency: str) -> str:
    """The sign of a currency."""
    return CURRENCIES.get(currency, (currency, 2))[0]


def rounded(amount: Decimal, places: int = 2) -> Decimal:
    """Half up to the places of the currency."""
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def text(amount: Decimal) -> str:
    """How a document keeps an amount."""
    return format(amount, "f")


def total(amounts: Iterable[Any]) -> Decimal:
    """The sum of stored amounts."""
    return sum((dec(amount) for amount in amounts), ZERO)
