"""What is a card number, and what only looks like one (PCI-01)."""

from __future__ import annotations

import json

import pytest

from portal import card_numbers
from portal.zoho import answers
from portal.zoho.transport import Answer


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("4111111111111111", "************1111"),
        ("my card is 4111 1111 1111 1111, thanks", "my card is ************1111, thanks"),
        ("3782-822463-10005", "***********0005"),
        ("5555555555554444 and 6011111111111117", "************4444 and ************1117"),
    ],
)
def test_a_card_number_keeps_its_last_four_digits(typed: str, kept: str) -> None:
    assert card_numbers.mask(typed) == kept


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # Luhn's rule
        "1111111111111117",  # no card begins so
        "411111111111",  # too short
        "41111111111111111111",  # too long
        "+4915112345672",  # a telephone number
        "ab4111111111111111cd",  # part of a longer word
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert card_numbers.mask(text) == text


def test_ids_addresses_and_telephone_numbers_are_never_touched() -> None:
    told = {
        "payment_id": "4111111111111111",
        "invoice_ids": ["4111111111111111"],
        "url": "https://pay.example/4111111111111111",
        "phone": "4111111111111111",
        "paid": True,
    }
    assert card_numbers.mask_within(told) == told


def test_what_zoho_answers_is_masked_before_anybody_sees_it() -> None:
    """A note that somebody typed at Zoho never reaches the mirror, a page or a log."""
    body = {
        "code": 0,
        "customer": {"customer_id": "1", "notes": "card 4111111111111111", "n": [5555555555554444]},
    }
    found = answers.read(Answer(200, {}, json.dumps(body).encode()), writes=False)
    assert found["customer"] == {
        "customer_id": "1",
        "notes": "card ************1111",
        "n": ["************4444"],
    }
