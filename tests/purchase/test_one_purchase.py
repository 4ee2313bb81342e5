"""CONV-03 for two choices: one open purchase, a warning before the next, and two that were paid are told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from portal.sync import checkouts, refresh
from tests.harness.people import later, sign_in, wear
from tests.purchase.conftest import Shopper, pay_at
from tests.visitor import Visitor

if TYPE_CHECKING:
    from flask import Flask

    from tests.visitor import Page

Enter = Callable[[str], Shopper]
UNFINISHED = "You have not finished buying Team monthly"


def go_on(shopper: Shopper, plan: str = "scale-m") -> str:
    """Open the summary of another plan, which warns, and press its button all the same."""
    page = shopper.visitor.get("/checkouts/new", query_string={"plan": plan})
    assert page.shows(UNFINISHED)
    return shopper.press()


def pressed(shopper: Shopper) -> int:
    """Press the button of the open summary; return whether it led on (303) or warned (409)."""
    try:
        shopper.press()
    except AssertionError as told:
        assert "409 instead of 303" in str(told), told  # noqa: PT017 - the visitor says so
        return 409
    return 303


def states(shopper: Shopper) -> list[str]:
    return [row["state"] for row in shopper.checkouts()]


def show(shopper: Shopper, number: int) -> Page:
    return shopper.visitor.get(f"/checkouts/{shopper.checkouts()[number]['id']}")


def test_a_second_choice_warns_and_takes_the_place_of_the_first(shopper: Shopper) -> None:
    first = shopper.choose("team-m")
    second = go_on(shopper)
    assert second != first
    assert states(shopper) == ["cancelled", "open"]

    left = show(shopper, 0)

    assert left.shows("You went on with Scale monthly")
    assert left.shows("close it")
    assert first not in str(left.soup)
    assert left.link("Go to Scale monthly") == f"/checkouts/{shopper.checkouts()[1]['id']}"


def test_the_same_choice_is_no_second_purchase(shopper: Shopper) -> None:
    first = shopper.choose("team-m")
    page = shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    assert not page.shows(UNFINISHED)
    assert shopper.press() == first


def test_a_tab_that_was_not_warned_is_warned_before_anything_opens(shop: Enter) -> None:
    """The summary was open before the other purchase began."""
    one, other = shop("newcomer@example.com"), shop("newcomer@example.com")
    other.visitor.get("/checkouts/new", query_string={"plan": "scale-m", "quantity": 2, "coupon": ""})
    stale = other.visitor.last
    one.choose("team-m")
    other.visitor.last = stale

    page = other.visitor.submit(action="/checkouts", status=409)

    assert page.shows(UNFINISHED)
    assert page.soup.find("input", attrs={"name": "quantity"})["value"] == "2"
    assert states(one) == ["open"]
    assert "hostedpage" in other.press()
    assert states(one) == ["cancelled", "open"]


def test_ten_tabs_with_ten_choices_open_one_page(shop: Enter) -> None:
    """The database holds it, whatever the processes do at the same moment."""
    shoppers = [shop("newcomer@example.com") for _ in range(10)]
    for number, one in enumerate(shoppers, 1):
        one.visitor.get("/checkouts/new", query_string={"plan": "team-m", "quantity": number, "coupon": ""})
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(pressed, shoppers))
    assert sorted(answers) == [303] + [409] * 9
    assert states(shoppers[0]) == ["open"]


def test_what_was_paid_meanwhile_is_told_before_more_is_sold(shopper: Shopper) -> None:
    first = shopper.choose("team-m")
    shopper.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"})
    pay_at(first)

    page = shopper.visitor.submit(action="/checkouts", status=409)

    assert page.shows("You have just bought Team monthly.")
    assert states(shopper) == ["completed"]
    assert "hostedpage" in shopper.press()


def test_the_page_that_was_left_is_looked_at_when_it_is_over(shopper: Shopper) -> None:
    """Paid after it was given up, with no browser and no event to tell."""
    first = shopper.choose("team-m")
    show(shopper, 0)
    shopper.visitor.submit(action="/cancellation")
    pay_at(first)
    with later(hours=1, minutes=5):
        assert checkouts.settle_due(shopper.services) == 1
        assert checkouts.settle_due(shopper.services) == 0
    shopper.assert_bought_once(show(shopper, 0))
    assert shopper.rows("select 1 from billing.drift") == []


def test_a_page_that_was_left_and_not_paid_is_looked_at_once(shopper: Shopper) -> None:
    shopper.choose("team-m")
    show(shopper, 0)
    shopper.visitor.submit(action="/cancellation")
    with later(hours=1, minutes=5):
        assert checkouts.settle_due(shopper.services) == 1
        assert checkouts.settle_due(shopper.services) == 0
    assert states(shopper) == ["cancelled"]
    assert not show(shopper, 0).shows("close it")


def test_coming_back_from_a_page_that_was_given_up_shows_what_was_bought(shopper: Shopper) -> None:
    first = shopper.choose("team-m")
    show(shopper, 0)
    shopper.visitor.submit(action="/cancellation")
    shopper.assert_bought_once(shopper.come_back(shopper.pay(first)))


def test_two_that_were_paid_are_told_to_the_customer_and_to_staff(app: Flask, shopper: Shopper) -> None:
    first = shopper.choose("team-m")
    second = go_on(shopper)
    shopper.come_back(shopper.pay(second))
    assert shopper.rows("select 1 from billing.drift") == []

    page = shopper.come_back(shopper.pay(first))

    assert page.shows("You also bought Scale monthly.")
    assert states(shopper) == ["completed", "completed"]
    told = shopper.rows("select * from billing.drift")
    assert [(row["object_kind"], row["repaired_at"]) for row in told] == [("purchase", None)]
    assert len(shopper.rows("select 1 from billing.activity where action = 'checkout:paid_twice'")) == 1
    staff = wear(Visitor(app), sign_in(app, "staff@example.com", is_staff=True))
    differences = staff.get("/admin/drift")
    assert differences.shows("ask the customer which one to keep")
    assert not differences.shows("Read it from Zoho again")
    assert str(differences.link("newcomer@example.com")).startswith("/admin/customers/")
    staff.post(f"/admin/drift/{told[0]['id']}/repair", status=422)


def test_the_event_of_the_one_that_was_left_tells_too(shopper: Shopper) -> None:
    """Whatever brings the news, and in whatever order."""
    first = shopper.choose("team-m")
    second = go_on(shopper)
    pay_at(first)
    bought = shopper.subscriptions_at_zoho()[0]["subscription_id"]
    refresh.refresh(shopper.services, "subscription", bought, source="webhook")
    assert shopper.rows("select 1 from billing.drift") == []
    shopper.come_back(shopper.pay(second))
    assert len(shopper.rows("select 1 from billing.drift where object_kind = 'purchase'")) == 1


def test_buying_with_what_is_on_file_leaves_the_open_page_too(shopper: Shopper) -> None:
    shopper.buy("team-m")
    page = shopper.visitor.get(
        "/checkouts/new", query_string={"plan": "analytics-m", "quantity": 2, "payment": "page"}
    )
    first = shopper.visitor.submit({"payment": "page"}, action="/checkouts", status=303, follow=False)
    page = shopper.visitor.get("/checkouts/new", query_string={"plan": "analytics-y"})
    assert page.shows("You have not finished buying Analytics monthly for $62.64.")
    done = shopper.visitor.submit(action="/checkouts")
    assert done.shows("You now have Analytics yearly")
    assert states(shopper) == ["completed", "cancelled"]

    shopper.come_back(shopper.pay(str(first.response.headers["Location"])))

    assert len(shopper.rows("select 1 from billing.drift where object_kind = 'purchase'")) == 1
