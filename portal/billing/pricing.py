"""What a quantity of an addon costs by its pricing scheme, with the brackets that Zoho gives (addons.yml).

``unit``: so much each. ``volume``: each at the price of the bracket that the whole quantity falls into.
``tier``: each at the price of its own bracket. ``package``: the bracket's price for all of it. What the
brackets do not tell is not known (None), never 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from portal.money import decimal_from


@dataclass(frozen=True, slots=True)
class Bracket:
    """Quantities from ``start`` to ``end`` (None: without an end) and their price."""

    start: int
    end: int | None
    price: Decimal

    def holds(self, quantity: int) -> bool:
        """Tell whether the quantity falls into it."""
        return self.start <= quantity and (self.end is None or quantity <= self.end)


@dataclass(frozen=True, slots=True)
class Pricing:
    """A scheme in Zoho's word with its brackets, lowest first."""

    scheme: str = "unit"
    brackets: tuple[Bracket, ...] = ()

    @property
    def is_simple(self) -> bool:
        """Whether it is so much each."""
        return self.scheme in ("", "unit")

    def amount(self, price: Decimal, quantity: int) -> Decimal | None:
        """Return what ``quantity`` costs a term before tax; ``price`` is the addon's own, for one."""
        if self.is_simple:
            return price * quantity
        inside = next((one for one in self.brackets if one.holds(quantity)), None)
        if inside is None:
            return None
        if self.scheme == "volume":
            return inside.price * quantity
        if self.scheme == "package":
            return inside.price
        return self._tiers(quantity) if self.scheme == "tier" else None

    def _tiers(self, quantity: int) -> Decimal | None:
        total, counted = Decimal(0), 0
        for one in self.brackets:
            if counted >= quantity:
                break
            if one.start != counted + 1:
                return None  # a gap: nobody says what these cost
            upto = quantity if one.end is None else min(quantity, one.end)
            total += one.price * (upto - counted)
            counted = upto
        return total


BY_THE_UNIT = Pricing()
# Schemes whose price is told by brackets alone.
BRACKETED = frozenset({"volume", "tier", "package"})


def pricing_from(scheme: str, rows: Iterable[Mapping[str, Any]] | None) -> Pricing:
    """Read Zoho's brackets; a package has no start (it follows the one before), an open bracket no end."""
    brackets: list[Bracket] = []
    try:
        for row in rows or ():
            after = (brackets[-1].end or 0) + 1 if brackets else 1
            start = int(decimal_from(row.get("start_quantity"), default=Decimal(after)))
            end = int(decimal_from(row.get("end_quantity"), default=Decimal(0)))
            brackets.append(Bracket(start or after, end or None, decimal_from(row.get("price"))))
    except (ValueError, AttributeError):
        return Pricing(scheme)
    return Pricing(scheme, tuple(brackets))
