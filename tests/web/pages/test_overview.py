"""The overview answers first: one sentence, then what is owed, had, and coming."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.harness.worlds import Member, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


def test_the_title_states_the_fact(world: World, as_member: SignIn) -> None:
    member = world.member()
    card = world.method(member)
    world.subscription(member, payment_method_zoho_id=card["zoho_id"])

    page = as_member(member).get("/")

    assert page.heading == "You pay $49.00 a month for Team"
    assert page.title.startswith("You pay $49.00 a month for Team")
    assert page.shows("$49.00 is expected to be charged for Team to Visa ending 4242")
    assert page.shows("What you owe Nothing All invoices are settled")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"status": "trial", "trial_ends_on": 6}, "Your trial of Team runs until"),
        ({"status": "dunning"}, "The payment for Team failed"),
        ({"status": "unpaid"}, "The payment for Team failed"),
        ({"status": "non_renewing", "scheduled_cancellation_on": 9}, "Team ends on"),
        ({"status": "future", "starts_on": 9}, "Team starts on"),
        ({"status": "paused"}, "Team is paused"),
        ({"status": "cancelled", "cancelled_on": -9}, "Team has ended"),
        ({"status": "a_status_of_tomorrow"}, "Team has ended"),
    ],
)
def test_every_state_has_its_sentence(
    world: World, as_member: SignIn, columns: dict[str, Any], sentence: str
) -> None:
    member = world.member()
    dated = {name: world.in_days(value) if name.endswith("_on") else value for name, value in columns.items()}
    world.subscription(member, **dated)

    assert as_member(member).get("/").heading.startswith(sentence)


def test_two_alike_are_summed_and_two_currencies_are_not(world: World, as_member: SignIn) -> None:
    alike, mixed = world.member("a@example.com"), world.member("b@example.com")
    for _ in range(2):
        world.subscription(alike)
    world.subscription(mixed)
    world.subscription(mixed, currency_code="EUR")

    assert as_member(alike).get("/").heading == "You pay $98.00 a month for 2 subscriptions"
    assert as_member(mixed).get("/").heading == "You have 2 subscriptions"


def test_the_first_day_shows_the_way_to_the_plans(world: World, as_member: SignIn) -> None:
    page = as_member(world.member()).get("/")

    assert page.heading == "You have no subscription yet"
    assert page.link("See the plans") == "/plans"
    assert not page.soup.find("table")


def test_the_first_day_shows_what_can_be_bought_cheapest_first(world: World, as_member: SignIn) -> None:
    world.plan("team", 49)
    world.plan("starter", 19)
    world.plan("yearly", 10, interval_unit="years")
    world.plan("retired", 5, status="inactive")

    page = as_member(world.member()).get("/")

    shown = [heading.get_text(strip=True) for heading in page.soup.select("main h3")]
    assert shown == ["Starter", "Team"]
    assert page.link("Choose Team") == "/checkouts/new?plan=team"


def test_zoho_away_closes_the_till(world: World, as_member: SignIn) -> None:
    """What is wrong is said where something could be bought or paid, and the button is not there."""
    member = world.member()
    world.plan("team", 49)
    invoice = world.invoice(member)
    visitor = as_member(member)
    world.zoho_away()

    pages = [
        visitor.get(path)
        for path in ("/plans", "/checkouts/new?plan=team", f"/invoices/{invoice['id']}/payment")
    ]

    assert all(page.shows("The billing system is not answering right now.") for page in pages)
    buttons = [
        button.get_text(strip=True)
        for page in [*pages, visitor.get("/")]
        for button in page.soup.select("main button, main a.button")
    ]
    assert buttons == ["Update amounts"]


@pytest.mark.parametrize(
    ("columns", "link"),
    [
        ({"status": "live"}, "Change to Scale"),
        ({"status": "dunning"}, "See what you have"),
        ({"status": "non_renewing"}, "See what you have"),
        ({"status": "live", "has_scheduled_change": True}, "See what you have"),
    ],
)
def test_the_plans_offer_no_change_that_is_not_open(
    world: World, as_member: SignIn, columns: dict[str, Any], link: str
) -> None:
    """A button that leads to a refusal is a dead end."""
    member = world.member()
    for code, price in (("team", 49), ("scale", 99)):
        world.plan(code, price, product_zoho_id="P1")
    world.subscription(member, plan_code="team", **columns)

    page = as_member(member).get("/plans")

    assert page.link(link).startswith("/subscriptions/")
    assert len(page.soup.select("main a.button")) == (link == "Change to Scale")


@pytest.mark.parametrize("path", ["/", "/plans"])
def test_a_viewer_is_told_who_can_choose_a_plan(world: World, as_member: SignIn, path: str) -> None:
    """AC-02: no button leads to a refusal."""
    world.plan("team", 49)

    page = as_member(world.member(role="viewer")).get(path)

    assert page.shows("Team")
    assert page.shows("a member with the role Billing, can choose a plan.")
    assert page.soup.select("main a.button") == []


def test_while_zoho_is_away_the_plans_are_shown_without_buttons(world: World, as_member: SignIn) -> None:
    world.plan("team", 49)
    visitor = as_member(world.member())
    world.zoho_away()

    for path in ("/", "/plans"):
        page = visitor.get(path)
        assert page.shows("$49.00")
        assert page.shows("The billing system is not answering right now.")
        assert page.soup.select("main a.button") == []


def test_what_is_owed_is_the_sum_of_open_invoices(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.subscription(member)
    world.invoice(member, total=49, due_date=world.in_days(3))
    world.invoice(member, total="0.50", due_date=world.in_days(-1))
    world.invoice(member, total=1000, status="void")
    world.invoice(member, total=1000, status="draft")

    page = as_member(member).get("/")

    assert page.shows("What you owe $49.50 Was due")
    assert page.shows("See the 2 open invoices")


def test_a_bank_payment_under_way_is_not_asked_for_again(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.subscription(member)
    world.invoice(member, total=49, due_date=world.in_days(-3), ach_payment_initiated=True)

    page = as_member(member).get("/")

    assert page.shows("A bank payment of $49.00 is under way.")
    assert page.shows("What you owe $0.00 $49.00 is being paid by bank transfer.")
    assert not page.shows("overdue")


def test_a_failed_payment_says_why_and_offers_one_act(world: World, as_member: SignIn) -> None:
    member = world.member(locale="de-DE", time_zone="Europe/Berlin")
    subscription = world.subscription(member, status="dunning", currency_code="EUR")
    invoice = world.invoice(member, currency_code="EUR", subscription_zoho_ids=[subscription["zoho_id"]])
    world.payment(
        member,
        invoice,
        status="failure",
        last_four="0042",
        gateway_error_code="insufficient_funds",
        paid_on=world.in_days(-2),
    )

    page = as_member(member).get("/")

    assert page.shows("Your card ending 0042 could not be charged. The payment for Team on")
    assert page.shows("there was not enough money on the card")
    assert page.link("Look at the invoice and pay 49,00 €") == f"/invoices/{invoice['id']}"


def test_zoho_away_is_said_and_acts_are_closed(world: World, as_member: SignIn) -> None:
    member = world.member()
    subscription = world.subscription(member)
    visitor = as_member(member)
    open_page = visitor.get(f"/subscriptions/{subscription['id']}")
    world.zoho_away()

    page = visitor.get(f"/subscriptions/{subscription['id']}")

    assert open_page.shows("What you can do")
    assert page.shows("The billing system is not answering right now.")
    assert not page.shows("What you can do")
    assert page.shows("Team costs $49.00 a month")


def test_old_data_says_how_old_it_is(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.subscription(member, synced_at=world.now - timedelta(days=4))
    world.conn.execute("delete from billing.sync_runs")

    page = as_member(member).get("/")

    assert page.shows("4 days ago")
    assert page.shows("This page may be out of date.")


def test_a_full_comparison_makes_old_rows_fresh(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.subscription(member, synced_at=world.now - timedelta(days=4))

    assert as_member(member).get("/").shows("As of ")


def test_the_page_is_the_account_in_sight_only(world: World, as_member: SignIn) -> None:
    """AC-01: somebody with two accounts never sees one through the other."""
    member, other = world.member(), world.member("else@example.com", account="Other Ltd")
    world.join(member.user_id, other.account_id, "owner")
    world.subscription(other, plan_name="Elsewhere")
    world.invoice(other, number="INV-ELSEWHERE")

    page = as_member(member).get("/")

    assert not page.shows("Elsewhere")
    assert not page.shows("INV-ELSEWHERE")
    assert page.soup.find("button", string="Other Ltd") or "Other Ltd" in page.response.text
