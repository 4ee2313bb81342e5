"""Zoho's hosted page as a person at it fills it in."""

from __future__ import annotations

import requests

GOOD, DECLINED = "4111111111111111", "4000000000000002"


def pay_at(page_url: str, number: str = GOOD, **changed: str) -> requests.Response:
    """Type a card and an address, and press the page's button; redirects are not followed."""
    form = {
        "act": "pay",
        "method": "card",
        "card_number": number,
        "card_name": "Bob Noyce",
        "expiry": "08 / 39",
        "cvv": "123",
        "street": "1 Main Street",
        "city": "Boston",
        "state": "MA",
        "zip": "02101",
        "country": "U.S.A",
    }
    return requests.post(page_url, data=form | changed, allow_redirects=False, timeout=30)
