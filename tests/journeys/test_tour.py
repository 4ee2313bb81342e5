"""The tour of docs/tour.md, as written there: everything once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.harness import browser as chromium
from tests.harness.demo import BOB, STAFF, sign_in
from tests.harness.processes import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.harness.processes import Stack


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name).first.click()
    page.wait_for_load_state()


def follow(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("link", name=name).first.click()
    page.wait_for_load_state()


def enter_card(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Name on card").fill("Bob Noyce")
    page.get_by_label("Expiry date").fill("08 / 39")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("main").locator("button[value=pay]").click()


def bobs(stack: Stack) -> dict[str, Any]:
    return next(one for one in stack.sandbox.state("subscriptions") if one["customer"]["email"] == BOB)


def shows(page: Page, address: str, words: str) -> None:
    """Open the page until it says so: webhooks and the worker need a moment."""

    def said() -> bool:
        page.goto(address)
        return words in " ".join(page.locator("main").inner_text().split())

    until(said, seconds=45, what=f"{address} to say {words!r}")


def test_everything_once(stack: Stack, browser: Browser) -> None:
    with chromium.visitor(browser) as bob, chromium.visitor(browser) as staff:
        _buy(stack, bob.page)
        _fail_and_pay(stack, bob.page)
        _change_and_cancel(stack, bob.page)
        _go_dark_and_heal(stack, bob.page, staff.page)
        assert not bob.complaints
        assert not staff.complaints


def _buy(stack: Stack, page: Page) -> None:
    sign_in(page, stack.portal_url, BOB)
    page.goto(f"{stack.portal_url}/plans")
    follow(page, "Choose Team monthly")
    press(page, "Continue to payment")
    for name, value in {"street": "1 Main Street", "city": "Boston", "state": "MA", "zip": "02101"}.items():
        page.locator(f"input[name={name}]").fill(value)
    enter_card(page, "4111111111111111")
    page.wait_for_url(f"{stack.portal_url}/checkouts/*")
    expect(page.locator("h1")).to_have_text("You now have Team monthly")


def _fail_and_pay(stack: Stack, page: Page) -> None:
    card = bobs(stack)["card"]["card_id"]
    stack.sandbox.control(
        "act", {"kind": "next_charge_declines", "card_id": card, "reason": "insufficient_funds"}
    )
    stack.sandbox.advance(31)
    shows(page, f"{stack.portal_url}/", "not enough money")
    until(
        lambda: [one for one in stack.sandbox.mail(BOB) if "did not go through" in one["subject"]],
        seconds=45,
        what="the mail about the failed payment",
    )
    page.goto(f"{stack.portal_url}/payment-methods")
    press(page, "Add a card or bank account")
    enter_card(page, "5555555555554444")
    page.wait_for_url(f"{stack.portal_url}/checkouts/**")
    shows(page, f"{stack.portal_url}/payment-methods", "ending 4444")
    page.goto(f"{stack.portal_url}/")
    follow(page, "Look at the invoice and pay")
    follow(page, "Pay $")
    press(page, "Pay $")
    assert "is paid" in page.locator("h1").inner_text()
    shows(page, f"{stack.portal_url}/", "All invoices are settled")


def _change_and_cancel(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.portal_url}/subscriptions")
    follow(page, "Team monthly")
    own = page.url
    follow(page, "Change plan or quantity")
    follow(page, "Team yearly")
    expect(page.locator("#estimate h2")).to_contain_text("Today you pay about $")
    press(page, "Change now and pay $")
    expect(page.locator("main")).to_contain_text("Your plan is changed.")
    page.goto(own)
    follow(page, "Cancel")
    press(page, "Cancel the subscription")
    expect(page.locator("main")).to_contain_text("Your subscription is cancelled.")
    follow(page, "Keep the subscription")
    press(page, "Keep the subscription")
    expect(page.locator("main")).to_contain_text("Your subscription goes on.")


def _go_dark_and_heal(stack: Stack, bob: Page, staff: Page) -> None:
    stack.sandbox.faults(webhooks={"drop": 1.0})
    stack.sandbox.control("act", {"kind": "cancel", "subscription_id": bobs(stack)["subscription_id"]})
    bob.goto(f"{stack.portal_url}/subscriptions")
    expect(bob.locator("main")).to_contain_text("Active")
    sign_in(staff, stack.portal_url, STAFF)
    staff.goto(f"{stack.portal_url}/admin/runs")
    press(staff, "Compare")
    shows(bob, f"{stack.portal_url}/subscriptions", "Ended")
    shows(staff, f"{stack.portal_url}/admin/drift?standing=all", bobs(stack)["subscription_id"])
    stack.sandbox.faults()


def test_the_doctor_finds_the_demo_well_and_names_what_is_not(stack: Stack) -> None:
    told = stack.portal("doctor")
    for part in (
        "settings",
        "database",
        "migrations",
        "roles",
        "row security",
        "identity",
        "zoho",
        "webhook",
        "mail",
        "worker",
    ):
        assert f"ok   {part}: " in told, told
    ill = {
        **stack.env,
        "SMTP_URL": "smtp://127.0.0.1:1",
        "ZOHO_WEBHOOK_SECRETS": "AnotherSecretOfThirtyTwoLetters1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "portal", "doctor"],
        env=ill,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "BAD  mail: " in done.stdout
    assert "BAD  webhook: " in done.stdout
    assert "Traceback" not in done.stderr
