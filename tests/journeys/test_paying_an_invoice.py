"""A renewal is declined; its owner reads why, pays, and keeps a payment method current. By hand, in a real
browser, with and without JavaScript, through portal, worker, sandbox and its hosted pages.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.harness.demo import ADA, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.harness.browser import Tab
    from tests.harness.processes import Stack

PATIENCE_SECONDS = 30


def adas(stack: Stack) -> dict[str, Any]:
    found = stack.sandbox.state("subscriptions")
    return next(one for one in found if one["customer"]["email"] == ADA)


def decline_next(stack: Stack) -> None:
    card = adas(stack)["card"]["card_id"]
    act = {"kind": "next_charge_declines", "reason": "insufficient_funds", "card_id": card}
    stack.sandbox.control("act", act)


def let_the_renewal_fail(stack: Stack) -> None:
    decline_next(stack)
    stack.sandbox.control("clock", {"to": f"{adas(stack)['next_billing_at']}T09:00:00"})


def heading(page: Page) -> str:
    return " ".join(page.locator("h1").inner_text().split())


def wait_until(page: Page, address: str, words: str, place: str = "h1") -> None:
    """Open the page again and again until it says so: webhooks need a moment."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        page.goto(address)
        if words in " ".join(" ".join(page.locator(place).all_inner_texts()).split()):
            return
        time.sleep(0.5)
    raise AssertionError(f"{address} says {heading(page)!r}, never {words!r}")


def wait_for_the_bad_news(page: Page, stack: Stack) -> None:
    wait_until(page, f"{stack.portal_url}/", "The payment for Team monthly failed")
    wait_until(page, f"{stack.portal_url}/", "there was not enough money on the card", ".notice")
    wait_until(page, f"{stack.portal_url}/", "Look at the invoice and pay", ".notice")


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name).click()
    page.wait_for_load_state()


def follow(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("link", name=name).first.click()
    page.wait_for_load_state()


def enter_card(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Name on card").fill("Ada Lovelace")
    page.get_by_label("Expiry date").fill("08 / 31")
    page.get_by_label("Security code").fill("123")


def paid(stack: Stack) -> list[Any]:
    return [one for one in stack.sandbox.state("payments") if one.get("status") != "failure"]


def test_a_declined_renewal_is_paid_with_the_card_on_file(stack: Stack, tab: Tab) -> None:
    sign_in(tab.page, stack.portal_url, ADA)
    let_the_renewal_fail(stack)
    before = len(paid(stack))
    wait_for_the_bad_news(tab.page, stack)
    tab.assert_clean()

    follow(tab.page, "Look at the invoice and pay")
    tab.assert_clean()
    follow(tab.page, "Pay $")
    decline_next(stack)
    press(tab.page, "Pay $")
    expect(tab.page.locator(".error-summary")).to_contain_text("Nothing was charged")
    assert tab.page.title().startswith("Error: ")
    tab.assert_clean()
    press(tab.page, "Pay $")

    assert heading(tab.page).endswith("is paid")
    expect(tab.page.get_by_text("was accepted.")).to_be_visible()
    assert len(paid(stack)) == before + 1
    wait_until(tab.page, f"{stack.portal_url}/", "You pay $72.36 a month for Team monthly")


def test_a_declined_renewal_is_paid_with_another_card_on_the_hosted_page(stack: Stack, tab: Tab) -> None:
    """CSP-03: the browser follows the form to the hosted page's origin."""
    sign_in(tab.page, stack.portal_url, ADA)
    let_the_renewal_fail(stack)
    before = len(paid(stack))
    wait_for_the_bad_news(tab.page, stack)
    follow(tab.page, "Look at the invoice and pay")
    follow(tab.page, "Pay $")
    tab.page.get_by_label("Another card").check()
    press(tab.page, "Pay $")

    assert tab.page.url.startswith(f"{stack.sandbox.url}/hostedpage/")
    tab.page.get_by_label("Another card").check()
    enter_card(tab.page, "4242424242424242")
    press(tab.page, "Pay")
    tab.page.wait_for_url(f"{stack.portal_url}/checkouts/**")

    wait_until(tab.page, tab.page.url, "Done: confirmed by Zoho")
    assert len(paid(stack)) == before + 1
    wait_until(tab.page, f"{stack.portal_url}/", "You pay $72.36 a month for Team monthly")
    assert not tab.violations()


def test_a_card_is_added_and_removed(stack: Stack, tab: Tab) -> None:
    sign_in(tab.page, stack.portal_url, ADA)
    tab.page.goto(f"{stack.portal_url}/payment-methods")
    known = tab.page.locator("main .lines > li").count()

    press(tab.page, "Add a card or bank account")
    assert tab.page.url.startswith(f"{stack.sandbox.url}/hostedpage/")
    enter_card(tab.page, "5555555555554444")
    tab.page.get_by_role("main").locator("button[value=pay]").click()
    tab.page.wait_for_url(f"{stack.portal_url}/checkouts/**")
    wait_until(tab.page, tab.page.url, "Done: confirmed by Zoho")

    tab.page.goto(f"{stack.portal_url}/payment-methods")
    expect(tab.page.locator("main .lines > li")).to_have_count(known + 1)
    tab.assert_clean()
    card = tab.page.locator("main .lines > li", has_text="ending 4444")
    card.get_by_role("link", name="Remove").click()
    tab.assert_clean()
    press(tab.page, "Remove it")

    expect(tab.page.get_by_text("was removed.")).to_be_visible()
    expect(tab.page.locator("main .lines > li")).to_have_count(known)
