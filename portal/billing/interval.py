"""How often something is charged, in words and in months."""

from dataclasses import dataclass

_ADJECTIVES = {
    (1, "days"): "daily",
    (1, "weeks"): "weekly",
    (1, "months"): "monthly",
    (3, "months"): "quarterly",
    (6, "months"): "half-yearly",
    (1, "years"): "yearly",
}
_MONTHS_PER_UNIT = {"months": 1, "years": 12}


@dataclass(frozen=True, slots=True)
class Interval:
    """``count`` times ``unit``; units are Zoho's: days, weeks, months, years."""

    count: int
    unit: str

    @property
    def noun(self) -> str:
        """Return "month", "3 months": what comes after "a" or "every"."""
        singular = self.unit.removesuffix("s")
        return singular if self.count == 1 else f"{self.count} {self.unit}"

    @property
    def adjective(self) -> str:
        """Return "monthly", "yearly", or "every 5 weeks" where there is no word."""
        return _ADJECTIVES.get((self.count, self.unit), f"every {self.noun}")

    @property
    def per(self) -> str:
        """Return "a month" or "every 3 months": what follows a price."""
        return f"a {self.noun}" if self.count == 1 else f"every {self.noun}"

    @property
    def months(self) -> int | None:
        """Return the length in months, None for days and weeks (no saving is computed from those)."""
        per_unit = _MONTHS_PER_UNIT.get(self.unit)
        return None if per_unit is None else per_unit * self.count
