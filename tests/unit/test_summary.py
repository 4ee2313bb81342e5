"""What a purchase costs now and later, line by line."""

from datetime import date
from decimal import Decimal

import pytest

from portal.billing import summary
from portal.billing.catalogue import Addon, Catalogue, Choice, Coupon, Plan, UnknownCoupon
from portal.billing.interval import Interval
from portal.billing.pricing import pricing_from
from portal.errors import Refused
from portal.money import Money

TODAY = date(2026, 11, 23)
MONTH = Interval(1, "months")


def plan(code: str = "team-m", price: str = "49", **changes: object) -> Plan:
    values: dict[str, object] = {
        "code": code,
        "name": "Team",
        "product": "p1",
        "description": "",
        "price": Decimal(price),
        "setup_fee": Decimal(0),
        "currency": "USD",
        "interval": MONTH,
        "trial_days": 0,
        "billing_cycles": -1,
        "tax_percentage": Decimal(8),
        "tax_name": "Sales tax",
        "unit": "",
        "is_active": True,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


def addon(code: str, price: str, *, is_recurring: bool = True, **changes: object) -> Addon:
    values: dict[str, object] = {
        "code": code,
        "name": code.title(),
        "product": "p1",
        "description": "",
        "price": Decimal(price),
        "is_recurring": is_recurring,
        "interval_unit": "months",
        "unit": "",
        "plan_codes": frozenset(),
        "tax_percentage": Decimal(8),
        "is_active": True,
    }
    return Addon(**(values | changes))  # type: ignore[arg-type]


def coupon(code: str = "WELCOME20", value: str = "20", **changes: object) -> Coupon:
    values: dict[str, object] = {
        "code": code,
        "name": code,
        "product": "",
        "is_percentage": True,
        "value": Decimal(value),
        "redemption": "one_time",
        "duration": None,
        "max_redemption": None,
        "redemption_count": None,
        "expires_on": None,
        "status": "active",
        "plan_codes": frozenset(),
        "addon_codes": frozenset(),
        "applies_to_all_addons": True,
    }
    return Coupon(**(values | changes))  # type: ignore[arg-type]


def catalogue(
    *, plans: list[Plan] | None = None, addons: list[Addon] | None = None, coupons: list[Coupon] | None = None
) -> Catalogue:
    return Catalogue(
        {one.code: one for one in (plans or [plan()])},
        {one.code: one for one in (addons or [])},
        {one.code: one for one in (coupons or [])},
        {"p1": "Team workspace"},
    )


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_charged_now_holds_every_line_and_later_only_what_recurs() -> None:
    shop = catalogue(
        plans=[plan(setup_fee=Decimal(99))],
        addons=[addon("seat", "9"), addon("onboarding", "250", is_recurring=False)],
    )
    chosen = shop.select(Choice("team-m", 1, (("onboarding", 1), ("seat", 3))), TODAY)
    found = summary.of_purchase(chosen, TODAY)
    assert [line.name for line in found.now.lines] == ["Team", "Setup fee", "Seat", "Onboarding"]
    assert found.now.sub_total == usd("425")
    assert found.now.tax == usd("34.00")
    assert found.later.sub_total == usd("76")
    assert found.next_on == date(2026, 12, 23)


def test_a_trial_charges_nothing_now_and_the_first_invoice_at_its_end() -> None:
    chosen = catalogue(plans=[plan(trial_days=14)]).select(Choice("team-m"), TODAY)
    found = summary.of_purchase(chosen, TODAY)
    assert found.is_free_now
    assert found.trial_ends_on == found.next_on == date(2026, 12, 7)
    assert found.later.total == usd("52.92")


def test_a_one_time_coupon_discounts_the_first_invoice_before_tax() -> None:
    chosen = catalogue(coupons=[coupon()]).select(Choice("team-m", coupon_code="welcome20"), TODAY)
    found = summary.of_purchase(chosen, TODAY)
    assert found.now.discount == usd("9.80")
    assert found.now.total == usd("42.34")  # 39.20 + 3.136 tax
    assert found.later.discount == usd("0")


def test_a_lasting_coupon_discounts_later_invoices_too() -> None:
    forever = coupon("FOREVER10", "10", redemption="forever")
    chosen = catalogue(coupons=[forever]).select(Choice("team-m", coupon_code="FOREVER10"), TODAY)
    assert summary.of_purchase(chosen, TODAY).later.discount == usd("4.90")


def test_a_flat_coupon_is_spent_once_across_lines() -> None:
    flat = coupon("TEN", "60", is_percentage=False)
    shop = catalogue(addons=[addon("seat", "9")], coupons=[flat])
    chosen = shop.select(Choice("team-m", 1, (("seat", 1),), "TEN"), TODAY)
    assert summary.of_purchase(chosen, TODAY).now.discount == usd("58")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expires_on": date(2026, 11, 22)}, "has expired"),
        ({"status": "expired"}, "has expired"),
        ({"status": "inactive"}, "no longer valid"),
        ({"max_redemption": 5, "redemption_count": 5}, "used up"),
        ({"plan_codes": frozenset({"scale-m"})}, "not valid for Team"),
    ],
)
def test_a_coupon_that_cannot_be_used_says_why_and_what_to_do(changes: dict[str, object], says: str) -> None:
    shop = catalogue(coupons=[coupon(**changes)])
    with pytest.raises(UnknownCoupon, match=says) as refusal:
        shop.select(Choice("team-m", coupon_code="WELCOME20"), TODAY)
    assert "emove it" in str(refusal.value)


def test_an_addon_of_another_product_or_interval_is_refused() -> None:
    shop = catalogue(addons=[addon("other", "1", product="p2"), addon("yearly", "1", interval_unit="years")])
    for code in ("other", "yearly", "missing"):
        with pytest.raises(Refused):
            shop.select(Choice("team-m", 1, ((code, 1),)), TODAY)


@pytest.mark.parametrize(
    ("start", "count", "unit", "expected"),
    [
        (date(2026, 1, 31), 1, "months", date(2026, 2, 28)),
        (date(2028, 1, 31), 1, "months", date(2028, 2, 29)),
        (date(2026, 10, 31), 1, "months", date(2026, 11, 30)),
        (date(2028, 2, 29), 1, "years", date(2029, 2, 28)),
        (date(2026, 12, 15), 3, "months", date(2027, 3, 15)),
        (date(2026, 12, 31), 2, "weeks", date(2027, 1, 14)),
    ],
)
def test_a_month_later_stays_at_the_end_of_the_month(
    start: date, count: int, unit: str, expected: date
) -> None:
    assert summary.add_interval(start, count, unit) == expected


def test_saving_compares_the_price_of_a_month() -> None:
    yearly = plan("team-y", "490", interval=Interval(1, "years"))
    assert summary.saving_percent(plan(), yearly) == 16
    assert summary.saving_percent(yearly, plan()) is None


BRACKETS = [
    {"start_quantity": 1, "end_quantity": 10, "price": 5},
    {"start_quantity": "11", "end_quantity": 50, "price": "4.50"},
    {"start_quantity": 51, "end_quantity": "", "price": 3.25},
]


@pytest.mark.parametrize(
    ("scheme", "quantity", "amount"),
    [
        ("unit", 60, "120"),
        ("volume", 10, "50"),
        ("volume", 11, "49.50"),
        ("volume", 60, "195"),
        ("tier", 10, "50"),
        ("tier", 11, "54.50"),
        ("tier", 60, "262.50"),
        ("package", 7, "5"),
        ("package", 60, "3.25"),
    ],
)
def test_an_addon_costs_what_its_scheme_says(scheme: str, quantity: int, amount: str) -> None:
    """addons.yml: the first bracket's price times the quantity is true of one scheme in four."""
    calls = addon("calls", "2", pricing=pricing_from(scheme, BRACKETS))
    choice = Choice("team-m", 1, (("calls", quantity),))
    selection = Catalogue({"team-m": plan()}, {"calls": calls}, {}, {}).select(choice, TODAY)
    costs = summary.of_purchase(selection, TODAY)
    assert costs.now.lines[1].total == Money(Decimal(amount), "USD")
    assert costs.later.sub_total == Money(49 + Decimal(amount), "USD")


def test_a_plan_costs_what_its_scheme_says() -> None:
    seats = plan(price="0", pricing=pricing_from("tier", BRACKETS))
    catalogue = Catalogue({"team-m": seats}, {}, {}, {})
    costs = summary.of_purchase(catalogue.select(Choice("team-m", 11), TODAY), TODAY)
    assert costs.now.sub_total == costs.later.sub_total == Money(Decimal("54.50"), "USD")
    assert not seats.is_free
    a_year = Interval(1, "years")
    assert summary.saving_percent(plan(), plan(interval=a_year)) == 91
    assert summary.saving_percent(plan(), plan(interval=a_year, pricing=seats.pricing)) is None

    short = Catalogue({"team-m": plan(pricing=pricing_from("volume", BRACKETS[:2]))}, {}, {}, {})
    with pytest.raises(Refused, match="not sold in this quantity"):
        short.select(Choice("team-m", 51), TODAY)


@pytest.mark.parametrize(
    ("scheme", "brackets", "quantity"),
    [
        ("volume", BRACKETS[:2], 51),
        ("tier", [BRACKETS[0], BRACKETS[2]], 60),
        ("package", [{"end_quantity": 5, "price": 9}], 6),
        ("volume", [{"start_quantity": 1, "price": ""}], 1),
        ("stairstep", BRACKETS, 1),
        ("tier", None, 1),
    ],
)
def test_what_brackets_do_not_tell_is_refused_not_guessed(
    scheme: str, brackets: object, quantity: int
) -> None:
    calls = addon("calls", "2", pricing=pricing_from(scheme, brackets))  # type: ignore[arg-type]
    catalogue = Catalogue({"team-m": plan()}, {"calls": calls}, {}, {})
    with pytest.raises(Refused, match="not sold in this quantity"):
        catalogue.select(Choice("team-m", 1, (("calls", quantity),)), TODAY)


@pytest.mark.parametrize(
    ("words", "discounts"),
    [
        ({}, ["4.90", "0.90", "25.00"]),
        ({"plans_word": "none"}, ["0", "0.90", "25.00"]),
        ({"addons_word": "all_recurring", "applies_to_all_addons": False}, ["4.90", "0.90", "0"]),
        ({"addons_word": "all_onetime", "applies_to_all_addons": False}, ["4.90", "0", "25.00"]),
        ({"addons_word": "none", "applies_to_all_addons": False}, ["4.90", "0", "0"]),
        ({"addons_word": "select", "applies_to_all_addons": False}, ["4.90", "0", "0"]),
    ],
)
def test_a_coupon_discounts_what_zohos_words_say(words: dict[str, object], discounts: list[str]) -> None:
    """coupons.yml: all, none or selected plans; all, recurring, one-time, selected or no addons."""
    sold = {"seat": addon("seat", "9"), "setup": addon("setup", "250", is_recurring=False)}
    given = {"TEN": coupon("TEN", "10", **({"applies_to_all_addons": True} | words))}
    choice = Choice("team-m", 1, (("seat", 1), ("setup", 1)), "TEN")
    costs = summary.of_purchase(Catalogue({"team-m": plan()}, sold, given, {}).select(choice, TODAY), TODAY)
    assert [line.discount.amount for line in costs.now.lines] == [Decimal(one) for one in discounts]
