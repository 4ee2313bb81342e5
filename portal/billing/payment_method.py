"""Cards and bank accounts in words: what they are called and when a card needs replacing."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from portal.billing.statuses import Word

SOON_DAYS = 45
_DECEMBER = 12


def name(method: Mapping[str, Any] | None) -> str:
    """Return "Visa ending 4242", "Bank account ending 0042"; last fours always have four digits."""
    if method is None:
        return "no payment method"
    digits = str(method.get("last_four") or "").strip()
    ending = f" ending {digits.zfill(4)}" if digits else ""
    if method["kind"] == "bank_account":
        return f"Bank account{ending}"
    if method["kind"] == "paypal":
        return "PayPal"
    return f"{_brand(method.get('brand') or '')}{ending}"


def mention(method: Mapping[str, Any] | None) -> str:
    """Return the name as it stands within a sentence: "the card ending 4242", "Visa ending 4242"."""
    called = name(method)
    is_common = called.startswith(("Card", "Bank account"))
    return f"the {called[0].lower()}{called[1:]}" if is_common else called


def expires_on(method: Mapping[str, Any]) -> date | None:
    """Return the last day a card is valid: the end of its month (facts.md 5.4)."""
    if not method.get("expiry_month") or not method.get("expiry_year"):
        return None
    year, month = int(method["expiry_year"]), int(method["expiry_month"])
    if not 1 <= month <= _DECEMBER:
        return None
    after = date(year + month // _DECEMBER, month % _DECEMBER + 1, 1)
    return date.fromordinal(after.toordinal() - 1)


def word(method: Mapping[str, Any], today: date) -> Word:
    """Return whether a method can be charged, as far as its date tells."""
    end = expires_on(method)
    if end is None:
        return Word("On file", "good")
    if end < today:
        return Word("Expired", "bad")
    if (end - today).days <= SOON_DAYS:
        return Word("Expires soon", "warn")
    return Word("On file", "good")


def _brand(given: str) -> str:
    known = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "discover": "Discover"}
    return known.get(given.lower().replace(" ", ""), given or "Card")
