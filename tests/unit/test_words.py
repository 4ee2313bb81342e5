"""The glossary, cards that end, sums under an invoice, cursors: pure rules of the pages."""

from __future__ import annotations

from datetime import UTC, date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing import declines, details, invoice, payment_method, statuses, subscription
from portal.errors import Refused
from portal.web import paging

TODAY = date(2026, 11, 24)


def an_invoice(**columns: Any) -> dict[str, Any]:
    usual = {
        "status": "sent",
        "balance": Decimal(49),
        "total": Decimal(49),
        "due_date": date(2026, 12, 1),
        "ach_payment_initiated": False,
        "write_off_amount": Decimal(0),
    }
    return {**usual, **columns}


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({}, "Due"),
        ({"due_date": date(2026, 11, 23)}, "Overdue"),
        ({"due_date": TODAY}, "Due"),
        ({"balance": Decimal(9)}, "Partly paid"),
        ({"balance": Decimal(0), "status": "overdue"}, "Paid"),
        ({"balance": Decimal(0), "write_off_amount": Decimal(49)}, "Written off"),
        ({"ach_payment_initiated": True, "due_date": date(2026, 1, 1)}, "Bank payment under way"),
        ({"balance": Decimal(-5), "total": Decimal(-5), "due_date": date(2026, 1, 1)}, "Paid"),
        ({"status": "void"}, "Void"),
        ({"status": "draft"}, "Draft"),
        ({"status": "pending"}, "In preparation"),
        ({"due_date": None}, "Due"),
    ],
)
def test_how_an_invoice_stands(columns: dict[str, Any], word: str) -> None:
    assert statuses.invoice_word(an_invoice(**columns), TODAY).text == word


def test_a_status_we_never_heard_of_is_shown_as_it_is() -> None:
    assert statuses.subscription_word("frozen_for_review").text == "Frozen for review"
    assert statuses.payment_mode("smoke_signal") == "Smoke signal"


@pytest.mark.parametrize(
    ("month", "year", "word"),
    [
        (11, 2026, "Expires soon"),
        (10, 2026, "Expired"),
        (12, 2026, "Expires soon"),
        (2, 2027, "On file"),
        (13, 2026, "On file"),
        (None, None, "On file"),
    ],
)
def test_a_card_is_valid_to_the_end_of_its_month(month: int | None, year: int | None, word: str) -> None:
    """facts.md 5.4"""
    card = {"kind": "card", "expiry_month": month, "expiry_year": year}
    assert payment_method.word(card, TODAY).text == word


def test_the_last_day_of_december_and_of_a_leap_february() -> None:
    assert payment_method.expires_on({"expiry_month": 12, "expiry_year": 2026}) == date(2026, 12, 31)
    assert payment_method.expires_on({"expiry_month": 2, "expiry_year": 2028}) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ({"kind": "card", "brand": "visa", "last_four": "42"}, "Visa ending 0042"),
        ({"kind": "card", "brand": "", "last_four": None}, "Card"),
        ({"kind": "bank_account", "last_four": "0007"}, "Bank account ending 0007"),
        ({"kind": "paypal"}, "PayPal"),
        (None, "no payment method"),
    ],
)
def test_what_a_method_is_called(method: dict[str, Any] | None, name: str) -> None:
    assert payment_method.name(method) == name


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ({"kind": "card", "brand": "visa", "last_four": "42"}, "Visa ending 0042"),
        ({"kind": "card", "brand": "", "last_four": "1111"}, "the card ending 1111"),
        ({"kind": "bank_account", "last_four": "0007"}, "the bank account ending 0007"),
        ({"kind": "paypal"}, "PayPal"),
    ],
)
def test_how_a_method_stands_within_a_sentence(method: dict[str, Any], name: str) -> None:
    assert payment_method.mention(method) == name


def test_a_decline_we_do_not_understand_is_not_explained_away() -> None:
    assert declines.reason("card_expired") == "the card has expired"
    assert declines.reason("a-code-of-tomorrow") == "the bank declined the payment"


def sums_of(**columns: Any) -> list[tuple[str, Decimal]]:
    usual = {"sub_total": Decimal(64), "discount_total": None, "tax_total": None, "total": Decimal(64)}
    return invoice.sums({**usual, **columns})


def test_the_sums_lead_to_the_total_in_every_reading_of_zoho() -> None:
    tax, off = Decimal("5.28"), Decimal(10)
    assert sums_of() == []
    assert sums_of(sub_total=None) == []
    assert sums_of(tax_total=tax, total=Decimal("69.28")) == [("Subtotal", Decimal(64)), ("Tax", tax)]
    assert sums_of(discount_total=off, tax_total=tax, total=Decimal("59.28")) == [
        ("Subtotal", Decimal(64)),
        ("Discount", -off),
        ("Tax", tax),
    ]
    assert sums_of(discount_total=off, tax_total=tax, total=Decimal("69.28"))[0] == (
        "Subtotal, discount taken off",
        Decimal(64),
    )
    assert sums_of(tax_total=tax) == [("Subtotal", Decimal(64)), ("Tax, included", tax)]
    assert sums_of(total=Decimal(65))[-1] == ("Other adjustments", Decimal(1))


def test_taxes_are_named_only_when_their_sum_is_the_tax() -> None:
    raw = {"taxes": [{"tax_name": "State", "tax_amount": "3.28"}, {"tax_name": "City", "tax_amount": 2}]}
    total = Decimal("69.28")
    assert [name for name, _ in sums_of(tax_total=Decimal("5.28"), total=total, raw=raw)] == [
        "Subtotal",
        "State",
        "City",
    ]
    assert [name for name, _ in sums_of(tax_total=Decimal(5), total=Decimal(69), raw=raw)] == [
        "Subtotal",
        "Tax",
    ]


def test_an_unknown_status_promises_nothing() -> None:
    row = {"status": "frozen", "amount": Decimal(1), "currency_code": "USD"}
    assert subscription.next_step(row).kind == "nothing"


READS = st.sampled_from([paging.a_day, paging.a_moment, paging.an_amount])


@given(st.text(max_size=400), READS)
def test_no_text_in_the_address_breaks_a_cursor(text: str, reads: Any) -> None:
    """INP-01, INP-07"""
    try:
        found = paging.parse(text, reads)
    except Refused:
        return
    assert found is None or isinstance(found, paging.Cursor)


@given(st.text(max_size=60), READS)
def test_no_value_in_a_cursor_breaks_it(value: str, reads: Any) -> None:
    """INP-01: what is no day, moment or amount is refused before the database sees it."""
    try:
        found = paging.parse(str(paging.Cursor("after", value, uuid4())), reads)
    except Refused:
        return
    assert found is not None
    assert reads(found.value) == found.value


@given(
    st.sampled_from(["after", "before"]),
    st.tuples(st.just(paging.a_day), st.dates().map(str))
    | st.tuples(st.just(paging.a_moment), st.datetimes(timezones=st.just(UTC)).map(str))
    | st.tuples(st.just(paging.an_amount), st.decimals(-(10**12), 10**12, places=6).map("{:f}".format)),
)
def test_a_cursor_survives_the_address(direction: Any, read: tuple[Any, str]) -> None:
    reads, value = read
    cursor = paging.Cursor(direction, value, uuid4())
    assert paging.parse(str(cursor), reads) == cursor


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        ({"street": "Hauptstr. 1", "city": "Aachen", "zip": "52062", "country": "Germany"}, 3),
        ({"city": "Boston", "state": "MA"}, 1),
        ({"zip": "02101", "attention": None}, 1),
        ("somewhere", 0),
        (None, 0),
    ],
)
def test_what_zoho_leaves_out_of_an_address_leaves_no_trace(address: Any, lines: int) -> None:
    told = details.billed_to({"billing_address": address})
    assert len(told) == lines
    assert all(line == line.strip(" ,") for line in told)
