"""No card number is ever stored or logged, whoever typed it, and wherever (PCI-01).

A run of 13 to 19 digits (spaces and dashes allowed between them) that stands alone, begins like a card and
satisfies Luhn's rule keeps its last four digits. Left alone are the values of keys that hold such runs by
nature, one in ten of which satisfies the rule by chance: Zoho's ids, addresses, telephone numbers.
"""

import re
from typing import Any

_RUN = re.compile(r"(?<![\w+])\d(?:[ -]?\d){12,18}(?!\w)")
# Visa, Mastercard, Amex, Diners, JCB, Discover, UnionPay, Maestro: what a card number begins with.
_BEGINS = re.compile(r"4|5[0-8]|2[2-7]|3[04-9]|6")
_NO_CARDS = re.compile(r"_ids?$|url$|phone$|^mobile|^fax", re.IGNORECASE)
_SHORTEST = 13


def mask(text: str) -> str:
    """Replace every card number in ``text`` by stars and its last four digits."""
    return _RUN.sub(_masked, text)


def mask_within(value: Any, key: str = "") -> Any:
    """Return JSON with its card numbers masked, in keys as well as in values."""
    # Every word of every answer comes by here, and nearly all are short: they cost no call.
    if isinstance(value, dict):
        return {
            name if len(name) < _SHORTEST else mask(name): inner
            if isinstance(inner, str) and len(inner) < _SHORTEST
            else mask_within(inner, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [mask_within(inner, key) for inner in value]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    text = str(value)
    if len(text) < _SHORTEST or _NO_CARDS.search(key):
        return value
    masked = mask(text)
    return value if masked == text else masked


def _masked(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    if not _BEGINS.match(digits) or not _satisfies_luhn(digits):
        return match[0]
    return "*" * (len(digits) - 4) + digits[-4:]


def _satisfies_luhn(digits: str) -> bool:
    total = sum(
        sum(divmod(int(character) * (1 + place % 2), 10)) for place, character in enumerate(reversed(digits))
    )
    return total % 10 == 0
