"""What the person typed: a card, a bank account or a method on file, checked field by field.

Card and account numbers live in these objects for one request and are written nowhere; their
`repr` hides them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

CARD_LENGTHS = range(12, 20)
ACCOUNT_LENGTHS = range(4, 18)
ROUTING_LENGTH = 9
MONTHS = range(1, 13)
ADDRESS = ("street", "city", "state", "zip", "country")


@dataclass(frozen=True)
class Card:
    number: str = field(repr=False)
    month: int
    year: int
    holder: str


@dataclass(frozen=True)
class Bank:
    routing: str
    account: str = field(repr=False)
    holder: str
    kind: str


@dataclass(frozen=True)
class Entered:
    """One of the three; `attempt` counts the tries with the same number on this page."""

    card: Card | None = None
    bank: Bank | None = None
    on_file: str = ""
    address: dict[str, str] = field(default_factory=dict)
    attempt: int = 1

    @property
    def last_four(self) -> str:
        number = self.card.number if self.card else self.bank.account if self.bank else ""
        return number[-4:]


class Wrong(Exception):
    """Field name -> what to do about it, in words for the page."""

    def __init__(self, complaints: dict[str, str]) -> None:
        super().__init__(", ".join(complaints))
        self.complaints = complaints


def read(form: Mapping[str, str], tries: Mapping[str, int]) -> Entered:
    """The form as a payment, or `Wrong` with every complaint at once, in the order of the fields."""
    chosen = form.get("method", "card")
    address = {name: form.get(name, "").strip()[:200] for name in ADDRESS if form.get(name)}
    if chosen == "card":
        card = _card(form)
        return Entered(card=card, address=address, attempt=tries.get(card.number[-4:], 0) + 1)
    if chosen == "bank":
        return Entered(bank=_bank(form), address=address)
    return Entered(on_file=chosen, address=address)


def _card(form: Mapping[str, str]) -> Card:
    complaints: dict[str, str] = {}
    number = re.sub(r"[\s-]", "", form.get("card_number", ""))
    month, year = _expiry(form)
    holder = form.get("card_name", "").strip()[:100]
    if not (number.isdigit() and len(number) in CARD_LENGTHS):
        complaints["card_number"] = "Enter the long number on the front of your card."
    elif not _luhn(number):
        complaints["card_number"] = "One digit of this card number is wrong. Check it against your card."
    if not holder:
        complaints["card_name"] = "Enter the name as it is on the card."
    if month not in MONTHS:
        complaints["expiry"] = "Enter the expiry date as month and year, like 08 / 29."
    if not re.fullmatch(r"\d{3,4}", form.get("cvv", "").strip()):
        complaints["cvv"] = "Enter the security code, three or four digits."
    if complaints:
        raise Wrong(complaints)
    return Card(number, month, year, holder)


def _bank(form: Mapping[str, str]) -> Bank:
    complaints: dict[str, str] = {}
    routing = re.sub(r"[\s-]", "", form.get("routing_number", ""))
    account = re.sub(r"[\s-]", "", form.get("account_number", ""))
    holder = form.get("account_holder", "").strip()[:100]
    kind = form.get("account_type", "checking")
    if not holder:
        complaints["account_holder"] = "Enter the name of the account's owner."
    if not (routing.isdigit() and len(routing) == ROUTING_LENGTH):
        complaints["routing_number"] = "Enter the nine digits of the routing number."
    if not (account.isdigit() and len(account) in ACCOUNT_LENGTHS):
        complaints["account_number"] = "Enter the account number, digits only."
    if complaints:
        raise Wrong(complaints)
    return Bank(routing, account, holder, kind if kind in ("checking", "savings") else "checking")


def _expiry(form: Mapping[str, str]) -> tuple[int, int]:
    """Month and year from "08 / 29", "8/2029" or "0829"; (0, 0) when it is none of them."""
    found = re.fullmatch(r"\s*(\d{1,2})\s*[/-]?\s*((?:20)?\d{2})\s*", form.get("expiry", ""))
    if not found:
        return 0, 0
    year = int(found[2])
    return int(found[1]), year if year >= 2000 else 2000 + year  # noqa: PLR2004


def _luhn(number: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004
