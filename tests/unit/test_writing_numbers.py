"""How amounts, dates, times and quantities are written for people of several places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from portal import clock
from portal.money import Money
from portal.web import filters, locales

NOON = datetime(2026, 11, 24, 12, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock.replaced_by(lambda: NOON):
        yield


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> object:
    """Write for a visitor from somewhere: `of("de-DE", "Europe/Berlin")`."""

    def choose(tag: str, zone: str = "UTC") -> None:
        found = locales.between(tag, zone)
        monkeypatch.setattr(filters, "conventions", lambda: found)

    return choose


@pytest.mark.parametrize(
    ("tag", "amount", "currency", "written"),
    [
        ("en-US", "49", "USD", "$49.00"),
        ("en-US", "-5", "USD", "−$5.00"),
        ("en-US", "-0.001", "USD", "$0.00"),
        ("en-US", "1200", "JPY", "¥1,200"),
        ("en-US", "1200.5", "JPY", "¥1,201"),
        ("en-US", "123456789012.34", "USD", "$123,456,789,012.34"),
        ("en-US", "0.005", "USD", "$0.01"),
        ("de-DE", "1234.5", "EUR", "1.234,50 €"),
        ("en-IN", "1234567", "INR", "₹12,34,567.00"),
        ("nonsense", "1", "USD", "$1.00"),
        ("en-US", "1", "KWD", "KWD 1.000"),
    ],
)
def test_amounts_follow_the_visitor(of: object, tag: str, amount: str, currency: str, written: str) -> None:
    of(tag)  # type: ignore[operator]
    assert filters.money(Decimal(amount), currency).replace("\u00a0", " ") == written
    assert filters.money(Money(Decimal(amount), currency)).replace("\u00a0", " ") == written


def test_what_is_not_known_is_never_a_zero(of: object) -> None:
    of("en-US")  # type: ignore[operator]
    assert filters.money(None, "USD") == "not known"
    assert filters.money(Decimal(1), "") == "not known"
    assert filters.number(None) == filters.day(None) == filters.moment(None) == "not known"


@pytest.mark.parametrize(
    ("tag", "amount", "currency", "written"),
    [
        ("en-US", "0.0025", "USD", "$0.0025"),
        ("en-US", "49.000000", "USD", "$49.00"),
        ("de-DE", "0.0025", "EUR", "0,0025 €"),
        ("en-US", "0.5", "JPY", "¥0.5"),
    ],
)
def test_a_price_has_all_its_decimals(of: object, tag: str, amount: str, currency: str, written: str) -> None:
    of(tag)  # type: ignore[operator]
    assert filters.price(Decimal(amount), currency).replace("\u00a0", " ") == written


def test_dates_are_words_of_the_visitors_english(of: object) -> None:
    of("de-DE", "Europe/Berlin")  # type: ignore[operator]
    assert filters.full_day(date(2026, 11, 29)) == "Sunday, 29 November 2026"
    assert filters.moment(NOON) == "24 November 2026 at 13:03 CET"
    assert filters.stamp(NOON) == "13:03 CET"
    of("en-US", "America/New_York")  # type: ignore[operator]
    assert filters.full_day(date(2026, 11, 29)) == "Sunday, November 29, 2026"
    assert filters.stamp(NOON - timedelta(days=1)).startswith("November 23, 2026 at 7:03")
    assert filters.clock_time(NOON).endswith("EST")


def test_the_hour_that_comes_twice_is_told_apart_by_its_zone(of: object) -> None:
    of("en-GB", "Europe/Berlin")  # type: ignore[operator]
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert [filters.clock_time(first + timedelta(hours=n)) for n in (0, 1)] == ["02:30 CEST", "02:30 CET"]


def test_what_is_remembered_for_one_visitor_is_not_told_another(of: object) -> None:
    for tag, zone, amount, day, at in (
        ("en-US", "UTC", "$1,234.50", "Nov 24, 2026", "12:03\u202fPM UTC"),
        ("de-DE", "Europe/Berlin", "1.234,50\N{NO-BREAK SPACE}$", "24 Nov 2026", "13:03 CET"),
    ) * 2:
        of(tag, zone)  # type: ignore[operator]
        assert filters.money(Decimal("1234.5"), "USD") == amount
        assert filters.short_day(NOON) == day
        assert filters.clock_time(NOON) == at


def test_a_zone_without_a_name_is_told_by_its_distance(of: object) -> None:
    of("en-US", "Asia/Kathmandu")  # type: ignore[operator]
    assert filters.clock_time(NOON).endswith("UTC+5:45")
    of("en-US", "No/Where")  # type: ignore[operator]
    assert filters.clock_time(NOON).endswith("UTC")


@pytest.mark.parametrize(
    ("days", "written"),
    [
        (0, "today"),
        (1, "tomorrow"),
        (-1, "yesterday"),
        (20, "in 20 days"),
        (-3, "3 days ago"),
        (90, "in 3 months"),
    ],
)
def test_how_far_a_day_is(of: object, days: int, written: str) -> None:
    of("en-US")  # type: ignore[operator]
    assert filters.days_away(NOON.date() + timedelta(days)) == written


def test_how_far_a_day_is_counts_from_the_organisations_day(of: object) -> None:
    of("en-US")  # type: ignore[operator]
    ahead = NOON.date() + timedelta(31)
    assert filters.days_away(ahead - timedelta(3), ahead) == "3 days ago"


def test_quantities_and_rates_have_no_needless_zeros(of: object) -> None:
    of("en-US")  # type: ignore[operator]
    assert filters.number(Decimal("3.000000")) == "3"
    assert filters.number(Decimal("2.500000")) == "2.5"
    assert filters.number(12000) == "12,000"
    assert filters.percent(Decimal("8.2500")) == "8.25%"
