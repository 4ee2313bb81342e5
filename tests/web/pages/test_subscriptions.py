"""The page of a subscription, and the list of all."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.harness.worlds import Member, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


def test_it_says_what_it_is_made_of_and_costs(world: World, as_member: SignIn) -> None:
    member = world.member()
    card = world.method(member, last_four="0042")
    addon = {"code": "seats", "name": "Extra seats", "quantity": 3, "price": 5, "total": 15}
    row = world.subscription(
        member,
        (addon,),
        payment_method_zoho_id=card["zoho_id"],
        sub_total=64,
        amount="69.28",
        coupon_code="TEN",
    )

    page = as_member(member).get(f"/subscriptions/{row['id']}")

    assert page.heading == "Team costs $69.28 a month"
    assert page.shows("Extra seats $5.00 3")
    assert page.shows("Before tax $64.00 Tax $5.28 Monthly total $69.28")
    assert page.shows("Visa ending 0042")
    assert page.shows("TEN")


def test_a_planned_change_is_said(world: World, as_member: SignIn) -> None:
    member = world.member()
    row = world.subscription(
        member, has_scheduled_change=True, scheduled_change={"plan": {"name": "Business"}}
    )

    page = as_member(member).get(f"/subscriptions/{row['id']}")

    assert page.shows("A change is planned.")
    assert page.shows("this subscription is Business")
    assert page.shows(
        "The planned change of Team takes effect. What it costs then is expected to be charged."
    )
    # the sum of the next charge is that of the other plan, and nobody has told it
    assert not page.shows("$49.00 is expected to be charged")
    assert not as_member(member).get("/").shows("$49.00 is expected to be charged")


def test_an_ended_one_keeps_its_invoices(world: World, as_member: SignIn) -> None:
    member = world.member()
    row = world.subscription(
        member, status="cancelled", cancelled_on=world.in_days(-20), next_billing_on=None
    )
    world.invoice(member, number="INV-KEPT", status="paid", balance=0, subscription_zoho_ids=[row["zoho_id"]])

    page = as_member(member).get(f"/subscriptions/{row['id']}")

    assert page.heading == "Team has ended"
    assert page.shows("nothing more is charged. The invoices stay here.")
    assert page.shows("INV-KEPT")
    assert not page.shows("What you can do")


def test_one_that_was_cancelled_says_first_until_when_it_runs(world: World, as_member: SignIn) -> None:
    member = world.member()
    end = world.in_days(12)
    row = world.subscription(
        member,
        status="non_renewing",
        scheduled_cancellation_on=end,
        current_term_ends_on=end,
        next_billing_on=None,
    )

    page = as_member(member).get(f"/subscriptions/{row['id']}")

    assert page.heading == f"Team runs until {end:%B} {end.day}, {end.year}"


def test_a_paused_one_says_so_first_and_where_to_turn(world: World, as_member: SignIn) -> None:
    """Pausing is not offered in these settings, so resuming is the merchant's to do."""
    member = world.member()
    row = world.subscription(member, status="paused", next_billing_on=None)
    person = as_member(member)

    assert person.get(f"/subscriptions/{row['id']}").heading == "Team is paused"
    refused = person.get(f"/subscriptions/{row['id']}/resumption", status=409)
    assert refused.shows("It cannot be resumed here. Write to us and we do it for you.")


@pytest.mark.parametrize("act", ["plan-change", "cancellation", "payment-method"])
def test_the_page_of_an_act_says_when_zoho_is_away(world: World, as_member: SignIn, act: str) -> None:
    member = world.member()
    row = world.subscription(member)
    person = as_member(member)
    words = "The billing system is not answering right now."

    there = f"/subscriptions/{row['id']}/{act}"
    assert not person.get(there).shows(words)
    world.zoho_away()
    closed = person.get(there)
    assert closed.shows(words)
    assert [button.get_text(strip=True) for button in closed.soup.select("main button")] == []


def test_an_act_that_was_sent_while_zoho_is_away_keeps_its_answers_and_its_button(
    world: World, as_member: SignIn
) -> None:
    member = world.member()
    row = world.subscription(member)
    person = as_member(member)
    person.get(f"/subscriptions/{row['id']}/cancellation")
    world.zoho_away()

    refused = person.submit({"reason": "Too many features."}, button="Cancel", status=422)

    assert refused.shows("Nothing was")
    assert (
        refused.soup.find("textarea", attrs={"name": "reason"}).get_text(strip=True) == "Too many features."
    )
    assert refused.form(button="Cancel the subscription")


def test_a_viewer_is_offered_no_act(world: World, as_member: SignIn) -> None:
    member = world.member(role="viewer")
    row = world.subscription(member)

    assert not as_member(member).get(f"/subscriptions/{row['id']}").shows("What you can do")


def test_a_change_under_way_closes_the_others(world: World, as_member: SignIn) -> None:
    member = world.member()
    row = world.subscription(member)
    world.conn.execute(
        "insert into billing.intents (key, account_id, kind, subject_kind, subject_zoho_id, request,"
        " request_hash, state) values ('k', %s, 'change_plan', 'subscription', %s, '{}', 'h', 'unknown')",
        [member.account_id, row["zoho_id"]],
    )

    page = as_member(member).get(f"/subscriptions/{row['id']}")

    assert page.shows("A change to this subscription is being confirmed.")
    assert not page.shows("What you can do")


def test_a_foreign_one_is_as_missing_as_none(world: World, as_member: SignIn) -> None:
    """AC-01"""
    member, other = world.member(), world.member("else@example.com")
    row = world.subscription(other)
    visitor = as_member(member)

    foreign = visitor.get(f"/subscriptions/{row['id']}", status=404)
    missing = visitor.get(f"/subscriptions/{uuid4()}", status=404)

    assert foreign.text.split("number:")[0] == missing.text.split("number:")[0]


def test_many_are_paged_without_loss(world: World, as_member: SignIn) -> None:
    member = world.member()
    made = {
        str(world.subscription(member, created_on=world.in_days(-(n // 3)) if n < 50 else None)["id"])
        for n in range(60)
    }
    visitor = as_member(member)

    page, seen = visitor.get("/subscriptions"), set()
    for _ in range(9):
        seen |= {str(a["href"]).rpartition("/")[2] for a in page.soup.select(".lines .line-name a")}
        following = page.soup.find("a", rel="next")
        if following is None:
            break
        page = visitor.get(str(following["href"]))

    assert seen == made


def test_a_broken_page_address_is_refused_in_words(world: World, as_member: SignIn) -> None:
    """INP-01"""
    visitor = as_member(world.member())

    for cursor in ("x", "W10", "WyJhIiwieCIsImFiIl0", "a" * 190, "%00"):
        assert visitor.get(f"/subscriptions?page={cursor}", status=422).shows("Start again from the list.")
    assert visitor.get("/subscriptions?page=a&page=b", status=422).shows("Start again from the list.")
