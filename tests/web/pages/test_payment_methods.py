"""What is on file, and when it needs attention."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness.worlds import Member, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


def test_four_digits_always_and_bank_accounts_beside_cards(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.method(member, last_four="42  ", brand="")
    world.method(
        member,
        kind="bank_account",
        last_four="0007",
        brand="",
        expiry_month=None,
        expiry_year=None,
        is_primary=False,
        is_backup=True,
    )

    page = as_member(member).get("/payment-methods")

    assert page.heading == "You have 2 payment methods"
    assert page.shows("Card ending 0042")
    assert page.shows("Bank account ending 0007")
    assert page.shows("used when the first one fails")


def test_an_expired_card_in_use_warns_on_every_page(world: World, as_member: SignIn) -> None:
    member = world.member()
    card = world.method(member, expiry_month=1, expiry_year=world.day.year - 1)
    world.subscription(member, payment_method_zoho_id=card["zoho_id"])
    visitor = as_member(member)

    page = visitor.get("/payment-methods")

    assert page.shows("Expired · was valid until January 31,")
    assert page.shows("The next charge will fail until it is brought up to date.")
    assert visitor.get("/invoices").shows("Visa ending 4242 expired on January 31,")


def test_an_expired_card_that_pays_for_nothing_warns_nowhere(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.method(member, expiry_month=1, expiry_year=world.day.year - 1)

    page = as_member(member).get("/payment-methods")

    assert page.shows("No subscription is charged to it.")
    assert not page.soup.select(".notice")


def test_nothing_on_file_is_said_in_words(world: World, as_member: SignIn) -> None:
    page = as_member(world.member()).get("/payment-methods")

    assert page.heading == "No card or bank account is on file"
