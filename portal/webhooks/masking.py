"""No card number is ever stored, even if somebody typed one into a note at Zoho (PCI-01).

A run of 13 to 19 digits (spaces and dashes allowed between them) that begins like a card and satisfies
Luhn's rule keeps its last four digits. Values of keys that end in ``_id`` are left alone: Zoho's ids are
such runs, and one in ten satisfies the rule by chance.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_RUN = re.compile(r"(?<![\d])\d(?:[ -]?\d){12,18}(?![\d])")
_SHORTEST = 13
# Visa, Mastercard, Amex, Diners, JCB, Discover, UnionPay, Maestro: what a card number begins with.
_BEGINS = re.compile(r"^(?:4|5[0-8]|2[2-7]|3[04-9]|6)")


def mask_text(text: str) -> str:
    """Replace every card number in ``text`` by stars and its last four digits."""
    return _RUN.sub(_masked, text)


def mask_body(body: bytes, parsed: Mapping[str, Any]) -> bytes:
    """Return the body to be stored: the very bytes, or, where a card number was in it, JSON without it."""
    if not _holds_card(parsed):
        return body
    return json.dumps(_clean(parsed), default=_plain, ensure_ascii=False).encode()


def _holds_card(value: Any, key: str = "") -> bool:
    """Look before anything is copied: nearly every delivery has none."""
    if isinstance(value, Mapping):
        return any(_masks(name) or _holds_card(inner, name) for name, inner in value.items())
    if isinstance(value, list):
        return any(_holds_card(inner, key) for inner in value)
    return isinstance(value, str | int) and not _is_id(key) and _masks(str(value))


def _masks(text: str) -> bool:
    return len(text) >= _SHORTEST and mask_text(text) != text


def _is_id(key: str) -> bool:
    return key.lower().endswith(("_id", "_ids"))


def _clean(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {mask_text(name): _clean(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, key) for inner in value]
    if _is_id(key):
        return value
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        masked = mask_text(str(value))
        return value if masked == str(value) else masked
    return value


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


def _plain(value: Any) -> Any:
    if not isinstance(value, Decimal):
        raise TypeError(f"not JSON: {type(value).__name__}")
    return float(value)
