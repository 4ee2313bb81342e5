"""Zoho's documented proration, to the cent (facts.md 3.5)."""

from datetime import date
from decimal import Decimal

import pytest

from portal.billing import quote
from portal.billing.interval import Interval
from portal.billing.quote import Item, NoQuote, Running, Target
from portal.errors import Refused
from portal.money import Money

MONTH = Interval(1, "months")
YEAR = Interval(1, "years")


def running(price: str = "300", **changes: object) -> Running:
    values: dict[str, object] = {
        "status": "live",
        "currency": "USD",
        "interval": MONTH,
        "starts": date(2026, 4, 5),
        "ends": date(2026, 5, 5),
        "items": (Item("old", "Old", Decimal(price), Decimal(1)),),
    }
    return Running(**(values | changes))  # type: ignore[arg-type]


def target(price: str = "500", interval: Interval = MONTH, **changes: object) -> Target:
    values: dict[str, object] = {
        "currency": "USD",
        "interval": interval,
        "items": (Item("new", "New", Decimal(price), Decimal(1)),),
    }
    return Target(**(values | changes))  # type: ignore[arg-type]


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_upgrade_follows_zohos_own_example() -> None:
    found = quote.change_now(running(), target(), date(2026, 4, 15))
    assert (found.credited, found.charged, found.due_today) == (usd("200.00"), usd("333.33"), usd("133.33"))
    assert found.next_on == date(2026, 5, 5)
    assert found.next_total == usd("500.00")


def test_downgrade_charges_nothing_and_keeps_the_rest_as_credit() -> None:
    found = quote.change_now(running("500"), target("300"), date(2026, 4, 15))
    assert found.due_today == usd("0")
    assert found.credit_left == usd("133.33")


def test_another_interval_starts_a_new_term_today_at_the_full_price() -> None:
    found = quote.change_now(running("30"), target("300", YEAR), date(2026, 4, 15))
    assert found.charged == usd("300.00")
    assert found.credited == usd("20.00")
    assert found.next_on == date(2027, 4, 15)


def test_lines_are_rounded_one_by_one_and_their_tax_once() -> None:
    """facts.md 3.3: `tax_rounding` is `entity_level` in every recording."""
    tax = Decimal("8.25")
    items = (
        Item("new", "New", Decimal("49.99"), Decimal(3), tax),
        Item("seat", "Seat", Decimal("9.99"), Decimal(1), tax),
    )
    found = quote.change_now(running(), target(items=items), date(2026, 4, 18))
    assert [line.amount for line in found.charges] == [usd("84.98"), usd("5.66")]  # 84.983 and 5.661
    assert found.charged_tax == usd("7.48")  # 90.64 * 8.25 % = 7.4778; one by one it would be 7.01 + 0.47 too
    assert found.charged == usd("98.12")


def test_an_organisation_that_rounds_tax_by_line_gets_no_estimate() -> None:
    with pytest.raises(NoQuote):
        quote.change_now(running(rounds_tax_once=False), target(), date(2026, 4, 15))


def test_a_change_at_the_end_of_the_term_costs_nothing_today() -> None:
    found = quote.change_at_term_end(running(), target())
    assert found.due_today == usd("0")
    assert found.next_on == date(2026, 5, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"coupon_code": "HALF3"},
        {"can_prorate": False},
        {"is_simple_pricing": False},
        {"is_inclusive_tax": True},
        {"has_scheduled_change": True},
        {"starts": None},
        {"ends": None},
    ],
)
def test_what_the_documents_do_not_settle_is_refused_not_guessed(changes: dict[str, object]) -> None:
    with pytest.raises(NoQuote):
        quote.change_now(running(**changes), target(), date(2026, 4, 15))


@pytest.mark.parametrize("changes", [{"status": "dunning"}, {"status": "cancelled"}, {"currency": "EUR"}])
def test_what_cannot_be_changed_is_no_open_amount(changes: dict[str, object]) -> None:
    """An amount that only Zoho's page knows leads there; these must not."""
    with pytest.raises(Refused) as refusal:
        quote.change_now(running(**changes), target(), date(2026, 4, 15))
    assert not isinstance(refusal.value, NoQuote)


def test_a_trial_without_an_end_gets_no_date_from_nowhere() -> None:
    with pytest.raises(NoQuote):
        quote.change_now(running(status="trial", ends=None), target(), date(2026, 4, 15))


def test_a_day_outside_the_term_is_refused() -> None:
    with pytest.raises(NoQuote):
        quote.change_now(running(), target(), date(2026, 5, 5))


def test_direction_compares_the_price_of_a_day() -> None:
    assert quote.is_upgrade(running("30"), target("500", YEAR)) is True
    assert quote.is_upgrade(running("50"), target("500", YEAR)) is False
