"""Zoho's drifting JSON read into models (facts 10: gotchas 4, 5, 6, 10, 28, 29)."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.zoho import payloads
from portal.zoho.errors import BadAnswer
from portal.zoho.payloads import base

SUBSCRIPTION: dict[str, Any] = {
    "subscription_id": "5001",
    "status": "live",
    "amount": Decimal("21.2"),
    "sub_total": 20,
    "created_at": "2026-03-01",
    "expires_at": "",
    "interval": "1",
    "customer_id": "7001",
    "plan": {"plan_code": "pro-m", "price": 20, "quantity": 0.0, "tax_percentage": ""},
    "addons": [{"addon_code": "seat", "price": "9", "quantity": 2}],
    "updated_time": "2026-03-01T09:30:00-0500",
}


def test_empty_dates_and_numbers_are_absent() -> None:
    found = payloads.Subscription.parse({**SUBSCRIPTION, "child_invoice_id": "", "next_billing_at": None})
    assert found.expires_on is None
    assert found.next_billing_on is None
    assert found.child_invoice_zoho_id == ""
    assert found.plan.tax_percentage is None


def test_an_offset_without_a_colon_becomes_aware_utc() -> None:
    found = payloads.Subscription.parse(SUBSCRIPTION)
    assert found.updated_at == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    assert found.created_on == date(2026, 3, 1)


@pytest.mark.parametrize("spelling", [1, "1", Decimal(1), Decimal("1.0")])
def test_numbers_come_as_numbers_or_as_text(spelling: object) -> None:
    assert payloads.Subscription.parse({**SUBSCRIPTION, "interval": spelling}).interval == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [(42, "0042"), ("0042", "0042"), ("42", "0042"), (1111, "1111"), ("", ""), (None, "")],
)
def test_last_four_digits_keep_their_leading_zeros(given: object, expected: str) -> None:
    assert payloads.Card.parse({"card_id": "1", "last_four_digits": given}).last_four == expected


def test_an_unknown_status_is_kept_as_it_is() -> None:
    assert payloads.Subscription.parse({**SUBSCRIPTION, "status": "snoozed"}).status == "snoozed"


def test_an_unreadable_amount_is_refused_and_never_becomes_nought() -> None:
    """An error must never look like 0."""
    for odd in ("", None, "a lot", [], True):
        with pytest.raises(BadAnswer):
            payloads.Subscription.parse({**SUBSCRIPTION, "amount": odd})
    with pytest.raises(BadAnswer):
        payloads.Invoice.parse({"invoice_id": "1", "total": 5})


def test_an_object_without_an_id_is_refused() -> None:
    for nothing in (None, [], "x", {}, {"subscription_id": "", "amount": 1}):
        with pytest.raises(BadAnswer):
            payloads.Subscription.parse(nothing)


def test_both_shapes_of_an_invoice_read_alike() -> None:
    common = {"invoice_id": "1", "total": 370, "balance": "0.00", "status": "paid", "customer_id": "7"}
    got = payloads.Invoice.parse(
        {
            **common,
            "number": "INV-1",
            "invoice_date": "2026-04-01",
            "updated_time": "2026-04-01T06:03:11-0500",
        }
    )
    posted = payloads.Invoice.parse(
        {
            **common,
            "invoice_number": "INV-1",
            "date": "2026-04-01",
            "last_modified_time": "2026-04-01T06:03:11-0500",
        }
    )
    assert (got.number, got.invoice_date, got.updated_at) == (
        posted.number,
        posted.invoice_date,
        posted.updated_at,
    )
    assert got.balance == 0


def test_a_list_row_of_an_invoice_says_that_it_is_not_whole() -> None:
    row = {"invoice_id": "1", "total": 1, "balance": 0}
    assert not payloads.Invoice.parse(row).is_complete
    assert payloads.Invoice.parse({**row, "invoice_items": []}).is_complete


def test_zip_and_zipcode_are_one() -> None:
    invoice = payloads.Invoice.parse(
        {"invoice_id": "1", "total": 1, "balance": 1, "billing_address": {"zipcode": "01001", "city": "A"}}
    )
    customer = payloads.Customer.parse({"customer_id": "1", "billing_address": {"zip": 1001}})
    assert invoice.billing_address["zip"] == "01001"
    assert customer.billing_address["zip"] == "1001"


def test_an_events_payload_comes_as_object_or_as_text_and_its_time_as_date_or_moment() -> None:
    payload = {"created_time": "2023-08-02T15:28:59-0400", "data": {"subscription": {"subscription_id": "1"}}}
    for form in (payload, json.dumps(payload)):
        event = payloads.Event.parse({"event_id": "9", "event_time": "2023-08-02", "payload": form})
        assert event.payload["data"]["subscription"]["subscription_id"] == "1"
        assert event.at == datetime(2023, 8, 2, 19, 28, 59, tzinfo=UTC)
        assert event.on == date(2023, 8, 2)
    whole = payloads.Event.parse({"event_id": "9", "event_time": "2016-06-05T18:28:20-0700"})
    assert whole.at == datetime(2016, 6, 6, 1, 28, 20, tzinfo=UTC)


def test_a_hosted_page_names_what_it_made_flat_or_one_level_deeper() -> None:
    made = {"subscription": {"subscription_id": "5", "customer": {"customer_id": "7"}}}
    for data in (made, {"data": made}):
        page = payloads.HostedPage.parse({"hostedpage_id": "2-ab", "status": "success", "data": data})
        assert page.subscription_zoho_id == "5"
        assert page.customer_zoho_id == "7"
    assert payloads.HostedPage.parse({"hostedpage_id": "2-ab", "data": ""}).subscription_zoho_id == ""


def test_raw_keeps_what_zoho_said_and_can_be_written_back_digit_by_digit() -> None:
    text = '{"customer_id": "1", "outstanding": 99999.99, "unused_credits": 0.10, "note": "é"}'
    raw = json.loads(text, parse_float=Decimal)
    found = payloads.Customer.parse(raw)
    assert found.raw == raw
    assert found.outstanding == Decimal("99999.99")
    assert json.loads(payloads.dump(raw), parse_float=Decimal) == raw


def test_one_unreadable_line_does_not_cost_the_invoice() -> None:
    invoice = payloads.Invoice.parse(
        {
            "invoice_id": "1",
            "total": 10,
            "balance": 10,
            "invoice_items": [{"name": "Pro", "price": 10}, {"name": "odd", "price": "ten"}, "nonsense"],
        }
    )
    assert [line.name for line in invoice.lines] == ["Pro"]


def test_amounts_too_precise_for_a_float_are_written_as_text() -> None:
    assert payloads.dump({"a": Decimal("0.1234567890123456789")}) == '{"a": "0.1234567890123456789"}'


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False)
    | st.text("a1. -é\x00", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = [
    *("subscription_id", "amount", "plan", "addons", "card", "customer", "updated_time", "expires_at"),
    *("invoice_id", "total", "balance", "subscriptions", "billing_address", "invoice_items", "payments"),
    *("card_id", "last_four_digits", "expiry_month", "plan_code", "price_brackets", "event_id", "payload"),
    *("payment_id", "autotransaction", "customer_id", "status", "interval", "date", "creditnote_id"),
]
MODELS = [
    payloads.Subscription,
    payloads.Invoice,
    payloads.Card,
    payloads.Customer,
    payloads.Plan,
    payloads.Addon,
    payloads.Coupon,
    payloads.Payment,
    payloads.CreditNote,
    payloads.Event,
    payloads.HostedPage,
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=st.sampled_from(MODELS), row=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=10))
def test_any_json_is_read_or_refused_as_a_bad_answer(
    model: type[payloads.Payload], row: dict[str, Any]
) -> None:
    try:
        found = model.parse(row)
    except BadAnswer:
        return
    assert found.raw == row
    assert found.zoho_id  # type: ignore[attr-defined]  # every model of the list has one


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=json_values)
def test_the_readers_of_values_never_raise(value: object) -> None:
    for read in (
        *(base.text_from, base.number_from, base.whole_from, base.flag_from, base.day_from),
        *(base.moment_from, base.last_four_from, base.rows_from, base.object_from, base.address_from),
    ):
        read(value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ((9, 2030), (9, 2030)),
        (("09", "2030"), (9, 2030)),
        ((9, 30), (9, 2030)),
        ((0, 0), (None, None)),
        ((13, 20300), (None, None)),
        (("", ""), (None, None)),
    ],
)
def test_a_cards_expiry_that_is_none_is_not_known(
    written: tuple[Any, Any], read: tuple[int | None, int | None]
) -> None:
    """A year 0 stopped the reminders of all customers, a year 9999 every page of one."""
    card = payloads.Card.parse({"card_id": "1", "expiry_month": written[0], "expiry_year": written[1]})
    assert (card.expiry_month, card.expiry_year) == read
