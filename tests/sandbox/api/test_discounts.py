"""Discounts of invoices written by hand: on a line or on the whole, an amount or a percentage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.company import Company

WORK = {"name": "Work", "price": 100, "quantity": 2}
TAXED = {"code": "team-m", "price": 50, "quantity": 1}  # with the 8 % of the demo


def write(company: Company, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    body = {"customer_id": company.customer(), "invoice_items": items, **more}
    made: dict[str, Any] = company.post("/invoices", body)["invoice"]
    company.check_money()
    return made


def test_a_line_is_discounted_by_an_amount_or_by_a_percentage(company: Company) -> None:
    lines = [WORK | {"discount": 12.5}, WORK | {"discount": "12.5%"}]
    made = write(company, lines)
    assert [each["item_total"] for each in made["invoice_items"]] == [187.5, 175]
    assert (made["discount"], made["discount_type"], made["total"]) == (37.5, "item_level", 362.5)


@pytest.mark.parametrize("discount", ["10%", 25, "25.00"])
def test_a_discount_on_the_whole_invoice_lowers_its_tax(company: Company, discount: Any) -> None:
    made = write(company, [WORK, TAXED], discount=discount)
    assert (made["discount_type"], made["discount"], made["sub_total"]) == ("entity_level", 25, 250)
    assert (made["tax_total"], made["total"]) == (3.6, 228.6), "8 % of 45, and not of 50"


def test_a_discount_after_tax_leaves_the_tax_as_it_is(company: Company) -> None:
    asked = {"discount": "10%", "discount_type": "entity_level", "is_discount_before_tax": False}
    made = write(company, [WORK, TAXED], **asked)
    assert (made["tax_total"], made["discount"], made["total"]) == (4, 25.4, 228.6)
    assert made["is_discount_before_tax"] is False


def test_at_item_level_only_the_lines_are_discounted(company: Company) -> None:
    made = write(company, [WORK | {"discount": 5}], discount=50, discount_type="item_level")
    assert (made["discount"], made["total"]) == (5, 195)


def test_a_discount_stays_when_other_things_change_and_counts_anew(company: Company) -> None:
    made = write(company, [WORK], discount="10%")
    path = f"/invoices/{made['invoice_id']}"
    assert company.put(path, {"notes": "Thanks"})["invoice"]["total"] == 180
    assert company.post(path + "/lineitems", {"invoice_items": [WORK]})["invoice"]["total"] == 360
    assert company.put(path, {"discount": 0})["invoice"]["total"] == 400
    company.check_money()


@pytest.mark.parametrize(
    "wrong",
    [
        {"discount": "101%"},
        {"discount": 200.01},
        {"discount": "-1%"},
        {"discount": "much"},
        {"discount": 1, "discount_type": "line_level"},
    ],
)
def test_a_discount_that_makes_no_sense_is_refused(company: Company, wrong: dict[str, Any]) -> None:
    body = {"customer_id": company.customer(), "invoice_items": [WORK], **wrong}
    assert company.refused("POST", "/invoices", body)[:2] == (400, 2)


def test_the_price_of_a_line_may_be_called_rate(company: Company) -> None:
    """The specs describe `price` and list `rate` as required."""
    assert write(company, [{"name": "Work", "rate": 7, "quantity": 3}])["total"] == 21
