"""What a customer can do, by hand in a browser, with and without JavaScript (issue: points 1 to 7).

Each journey has its person, all share one running demo where the merchant allows everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from playwright.sync_api import expect

from tests.harness import browser as chromium
from tests.harness.demo import ADA, sign_in
from tests.harness.people import PASSWORD, mailed_links
from tests.harness.processes import until
from tests.journeys.people import BANK, Someone, download, person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from playwright.sync_api import Browser

    from tests.harness.browser import Tab
    from tests.harness.processes import Stack

SETTINGS = {"ALLOW_CANCEL": "both", "ALLOW_PAUSE": "true"}


@pytest.fixture
def somebody(make_app: Callable[..., Flask], stack: Stack, tab: Tab) -> Callable[[str], Someone]:
    return lambda name: person(make_app, stack, tab, name)


def own_subscription(who: Someone) -> None:
    who.go("/subscriptions")
    who.follow("Team monthly")


def test_the_plan_is_changed_now_and_at_the_end_and_the_plan_to_is_dropped(
    somebody: Callable[[str], Someone],
) -> None:
    """Point 1: quantity and addon now with an estimate; another plan at the end; drop it; refusals."""
    who = somebody("changing").come_in().buy()
    own_subscription(who)
    who.follow("Change plan or quantity")
    who.follow("Team monthly")
    who.expect("That is what you have already")
    who.page.get_by_label("Quantity").fill("2")
    who.page.get_by_label("Extra seat").fill("1")
    who.press("Update amounts")
    who.expect("How this is computed")
    who.tab.assert_clean()
    who.press("Change now and pay $")
    who.expect("Your plan is changed.")
    assert who.subscription()["plan"]["quantity"] == 2

    own_subscription(who)
    who.follow("Change plan or quantity")
    who.follow("Starter monthly")
    who.page.get_by_label("At the end").check()
    who.press("Update amounts")
    who.expect("Today you pay nothing")
    who.press("Change at the end of the term")
    who.expect("The change is planned for the end of the term.")
    assert who.subscription()["plan"]["plan_code"] == "team-m"
    who.follow("Drop the planned change")
    who.tab.assert_clean()
    who.press("Drop the planned change")
    who.expect("The planned change is dropped.")
    assert not who.reads("A change is planned.")


def test_it_is_paused_cancelled_kept_and_ended(somebody: Callable[[str], Someone]) -> None:
    """Point 2."""
    who = somebody("leaving").come_in().buy()
    own_subscription(who)
    own = who.page.url.removeprefix(who.stack.portal_url)
    who.follow("Pause")
    who.page.get_by_label("Why do you pause?").fill("Holidays")
    who.press("Pause now")
    who.expect("Your subscription is paused.")
    who.follow("Resume")
    who.press("Resume now")
    who.expect("Your subscription goes on.")

    who.follow("Cancel")
    who.expect("It stays yours until then")
    who.page.get_by_label("At the end of the paid term").check()
    who.page.get_by_label("Why do you cancel?").fill("Too quiet")
    who.tab.assert_clean()
    who.press("Cancel the subscription")
    who.expect("Your subscription is cancelled.")
    assert who.subscription()["status"] == "non_renewing"
    who.follow("Keep the subscription")
    who.press("Keep the subscription")
    who.expect("Your subscription goes on.")
    who.expect_at("/account/history", "was kept after all")
    who.expect("was cancelled for the end of its term")
    who.tab.assert_clean()

    who.go(own)
    who.follow("Cancel")
    who.page.get_by_label("Now", exact=True).check()
    who.press("Cancel the subscription")
    who.expect("Your subscription is cancelled.")
    assert who.subscription()["status"] == "cancelled"
    who.go(f"{own}/cancellation/undo")
    who.expect("This subscription is not about to end, so there is nothing to undo.")
    who.go(f"{own}/pause")
    who.expect("It cannot be paused now.")


def test_ways_to_pay_are_added_chosen_updated_and_removed(somebody: Callable[[str], Someone]) -> None:
    """Point 3: with the guard of the one in use."""
    who = somebody("paying").come_in().buy()
    who.go("/payment-methods")
    who.press("Add a card or bank account")
    who.enter_card("5555555555554444")
    who.expect_at("/payment-methods", "ending 4444")
    in_use = who.page.locator("main li", has_text="ending 1111")
    in_use.get_by_role("link", name="Remove").click()
    who.expect("is in use")
    who.expect("Choose another way to pay first")
    who.tab.assert_clean()

    who.follow("Team monthly")
    who.page.get_by_label("ending 4444").check()
    who.tab.assert_clean()
    who.press("Pay with this")
    who.expect("The subscription is charged to the chosen card from now on.")
    assert who.subscription()["card"]["last_four_digits"] == "4444"

    who.follow("Change how it is paid")
    who.page.get_by_label("Another card or bank account").check()
    who.press("Pay with this")
    who.enter_card("378282246310005")
    who.expect("Done: confirmed by Zoho")
    assert who.subscription()["card"]["last_four_digits"] == "0005"

    who.go("/payment-methods")
    card = who.page.locator("main li", has_text="ending 4444")
    card.get_by_role("button", name="Update").click()
    who.page.wait_for_url(f"{who.stack.sandbox.url}/hostedpage/**")
    who.go("/payment-methods")
    who.page.locator("main li", has_text="ending 1111").get_by_role("link", name="Remove").click()
    who.press("Remove it")
    who.expect("was removed.")
    assert not who.reads("ending 1111.")


def test_invoices_are_found_read_and_taken_home(somebody: Callable[[str], Someone]) -> None:
    """Point 5: filter, search, order, detail, PDF, CSV."""
    who = somebody("reading").come_in().buy().buy("analytics-m")
    who.go("/invoices")
    rows = who.page.locator("#results tbody tr")
    assert rows.count() == 2
    who.page.get_by_label("Number or item").fill("Analytics")
    if not who.tab.javascript:  # with it, the list follows what is typed
        who.press("Apply")
    until(lambda: rows.count() == 1, seconds=15, what="the search")
    who.tab.assert_clean()
    who.page.get_by_label("Show").select_option(label="To pay")
    if not who.tab.javascript:
        who.press("Apply")
    until(lambda: rows.count() == 0, seconds=15, what="the filter")
    who.go("/invoices?q=Analytics")
    who.follow("INV-")
    who.expect("Analytics")
    who.tab.assert_clean()
    invoice = who.page.url.removeprefix(who.stack.portal_url)
    pdf = download(who, f"{invoice}/pdf")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF")
    table = download(who, "/invoices/csv?q=Analytics").text.splitlines()
    assert len(table) == 2


def test_billing_details_and_people_are_kept(
    somebody: Callable[[str], Someone], browser: Browser, tab: Tab
) -> None:
    """Point 6: details and tax number at Zoho, an invitation, a role, a removal, sessions."""
    who, guest = somebody("owning").come_in().buy(), f"guest-{tab.javascript}@example.com".lower()
    who.go("/account/billing-details")
    who.page.get_by_label("E-mail address for invoices").fill("nonsense")
    who.press("Save billing details")
    who.expect("Enter an address like name@example.com.")
    who.tab.assert_clean()
    who.page.get_by_label("E-mail address for invoices").fill(who.email)
    who.page.get_by_label("City").fill("Aachen")
    who.page.get_by_label("Tax number").fill("DE811907980")
    who.press("Save billing details")
    who.expect("Your billing details are saved.")
    who.go("/account/billing-details")
    assert who.page.get_by_label("Tax number").input_value() == "DE811907980"

    who.go("/account/members")
    who.page.get_by_label("E-mail address").fill(guest)
    who.page.get_by_label("Viewer").check()
    who.press("Invite")
    who.expect("The invitation is ready")
    with chromium.visitor(browser, javascript=tab.javascript) as other:
        joining = Someone(other, who.stack, guest, who.app).come_in()
        joining.go("/invitations")
        joining.press("Join")
        joining.expect_at("/subscriptions", "Team monthly")
        joining.go("/checkouts/new?plan=team-m")
        joining.expect("Your role in this account does not allow that")
        who.go("/account/members")
        who.page.locator("tr", has_text=guest).get_by_role("link", name="Change").click()
        who.page.get_by_label("Billing: buys").check()
        who.tab.assert_clean()
        who.press("Save the role")
        who.expect("is billing now.")
        joining.go("/account")
        assert joining.page.url.startswith(f"{who.stack.portal_url}/sign-in")
    who.page.locator("tr", has_text=guest).get_by_role("link", name="Change").click()
    who.press("Remove")
    who.expect("no longer belongs to the account.")


def test_a_new_address_is_agreed_to_twice_and_reaches_zoho(somebody: Callable[[str], Someone]) -> None:
    """Point 6: from signing up by the form, since the identity provider has its part."""
    who = somebody("moving")
    who.go("/sign-up")
    who.page.get_by_label("Your name").fill("Nina Nova")
    who.page.get_by_label("E-mail address").fill(who.email)
    who.page.get_by_label("Password").fill(PASSWORD)
    who.press("Create my login")
    who.page.goto(mailed_links(who.stack.sandbox, who.email)[0])
    who.press("Confirm my address")
    who.buy()
    new = f"new-{who.email}"
    who.go("/account/email")
    who.page.get_by_label("New e-mail address").fill(new)
    who.tab.assert_clean()
    who.press("Send the confirmations")
    who.page.goto(mailed_links(who.stack.sandbox, who.email)[0])
    who.expect("One confirmation is still missing")
    who.page.goto(mailed_links(who.stack.sandbox, new)[0])
    who.press("Confirm")
    who.expect("Your e-mail address is changed.")
    who.email = new
    assert who.customer()["email"] == new


def test_another_browser_is_signed_out_from_here(stack: Stack, browser: Browser, tab: Tab) -> None:
    """Point 6: both came in by the form; the other one is turned away at its next page."""
    sign_in(tab.page, stack.portal_url, ADA)
    with chromium.visitor(browser, javascript=tab.javascript) as other:
        sign_in(other.page, stack.portal_url, ADA)
        tab.page.goto(f"{stack.portal_url}/account/sessions")
        expect(tab.page.locator("h1")).to_contain_text("browsers are signed in")
        tab.assert_clean()
        others = tab.page.get_by_role("row").filter(has_not_text="This one")
        others.get_by_role("button", name="Sign out").first.click()
        expect(tab.page.locator("body")).to_contain_text("That session has ended.")
        other.page.goto(f"{stack.portal_url}/invoices")
        expect(other.page.locator("h1")).to_have_text("Sign in")
    tab.page.get_by_role("button", name="Sign out everywhere").click()
    expect(tab.page.locator("h1")).to_have_text("Sign in")


def test_a_bank_payment_under_way_is_shown_and_left_alone(somebody: Callable[[str], Someone]) -> None:
    """Point 4: nothing to pay, no link to pay it, and a refusal in words for whoever knows the address."""
    who = somebody("banking").come_in().buy(**BANK)
    who.expect_at("/", "A bank payment of $52.92 is under way.")
    who.tab.assert_clean()
    who.follow("INV-")
    assert not who.page.get_by_role("main").get_by_role("link", name="Pay $").count()
    who.tab.assert_clean()
    invoice = who.page.url.removeprefix(who.stack.portal_url)
    who.go(f"{invoice}/payment")
    who.expect("A bank payment of this invoice is under way.")


@pytest.fixture
def both(
    make_app: Callable[..., Flask], stack: Stack, browser: Browser, request: pytest.FixtureRequest
) -> Iterator[list[Someone]]:
    """Two people at once, one with JavaScript and one without: what waits for the clock waits once."""
    name = request.node.name.split("_")[2]
    with (
        chromium.visitor(browser) as modern,
        chromium.visitor(browser, javascript=False) as plain,
    ):
        yield [person(make_app, stack, tab, name).come_in().buy() for tab in (modern, plain)]


def test_what_is_old_and_what_is_closed_is_said_until_it_is_over(both: list[Someone], stack: Stack) -> None:
    """Point 7: the stale banner on reading pages, the banner of an absent Zoho on the page of each act."""
    _grow_old(both, stack)
    _lose_zoho(both, stack)


def _grow_old(both: list[Someone], stack: Stack) -> None:
    """The copy says that it is old, until it was compared."""
    words = "This page may be out of date."
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        for table in ("subscriptions", "invoices"):
            conn.execute(f"update billing.{table} set synced_at = synced_at - interval '4 days'")
        conn.execute("update billing.sync_runs set started_at = started_at - interval '4 days'")
    for who in both:
        for path in ("/", "/subscriptions", "/invoices"):
            who.go(path)
            who.expect(words)
            who.expect("4 days ago")
        who.page.set_viewport_size(chromium.PHONE)  # type: ignore[arg-type] - a plain dict there
        who.tab.assert_clean()
    stack.portal("reconcile")
    for who in both:
        who.go("/")
        assert not who.reads(words)


def _lose_zoho(both: list[Someone], stack: Stack) -> None:
    """The page of each act is closed, before anything is filled in; afterwards the act is done."""
    stack.sandbox.faults(api={"503": 1.0})
    until(lambda: _meets_silence(both[0]), seconds=60, what="the portal to leave Zoho alone")
    for who in both:
        own_subscription(who)
        own = who.page.url.removeprefix(stack.portal_url)
        acts = [f"{own}/{act}" for act in ("cancellation", "plan-change?plan=team-y", "payment-method")]
        for path in (*acts, "/checkouts/new?plan=scale-m", "/plans"):
            who.go(path)
            who.expect(SILENT)
            main = who.page.get_by_role("main")
            assert set(main.get_by_role("button").all_inner_texts()) <= {"Update amounts"}, path
            assert main.locator("a.button").count() == 0, path
            who.tab.assert_clean()
    stack.sandbox.faults()
    with psycopg.connect(stack.database_url, autocommit=True) as conn:  # the half minute is over
        conn.execute("update billing.call_budget set breaker_until = now()")
    for who in both:
        own_subscription(who)
        who.follow("Cancel")
        assert not who.reads(SILENT)
        who.page.get_by_label("At the end").check()
        who.press("Cancel the subscription")
        who.expect("Your subscription is cancelled.")


SILENT = "The billing system is not answering right now."


def _meets_silence(who: Someone) -> bool:
    """Ask for something that needs Zoho; tell whether the portal knows by now that it is away."""
    who.go("/payment-methods")
    if not who.reads(SILENT):
        who.press("Add a card or bank account")
    return who.reads(SILENT)


def test_a_renewal_declines_mails_come_on_their_days_and_stop_when_it_is_paid(both: list[Someone]) -> None:
    """Points 7 and 8, by the clock and over real SMTP: told of each try, thanked for the payment, silence."""
    sandbox = both[0].stack.sandbox
    due = max(who.subscription()["next_billing_at"] for who in both)

    def decline() -> None:
        for who in both:
            card = who.subscription()["card"]["card_id"]
            act = {"kind": "next_charge_declines", "card_id": card, "reason": "insufficient_funds"}
            sandbox.control("act", act)

    decline()
    sandbox.control("clock", {"to": f"{due}T09:00:00"})
    until(lambda: all(_told(who, FAILED) == 1 for who in both), seconds=60, what="the mails of the first try")
    decline()
    for _ in range(6):
        sandbox.advance(1)
    until(lambda: all(_told(who, FAILED) == 2 for who in both), seconds=60, what="the mails of the next try")
    for who in both:
        _keep_a_new_card_and_pay(who)
    until(lambda: all(_told(who, "is paid") == 1 for who in both), seconds=60, what="the mails of thanks")
    before = [mail["subject"] for who in both for mail in sandbox.mail(who.email)]
    sandbox.advance(3)
    for who in both:
        who.expect_at("/", "All invoices are settled")
    assert [mail["subject"] for who in both for mail in sandbox.mail(who.email)] == before


FAILED = ("did not go through", "last try")


def _told(who: Someone, words: str | tuple[str, ...]) -> int:
    said = (words,) if isinstance(words, str) else words
    mails = who.stack.sandbox.mail(who.email)
    return sum(any(one in mail["subject"] for one in said) for mail in mails)


def _keep_a_new_card_and_pay(who: Someone) -> None:
    who.expect_at("/", "The payment for Team monthly failed")
    who.expect("there was not enough money on the card")
    who.tab.assert_clean()
    who.go("/payment-methods")
    who.press("Add a card or bank account")
    who.enter_card("5555555555554444")
    who.expect_at("/", "Look at the invoice and pay")
    who.follow("Look at the invoice and pay")
    who.follow("Pay $")
    who.page.get_by_label("ending 4444").check()
    who.press("Pay $")
    who.expect("was accepted.")
    who.expect_at("/", "All invoices are settled")


def test_zoho_away_is_said_on_every_page_and_acts_are_closed(both: list[Someone]) -> None:
    """Point 7: the act waits for its outcome, and as soon as it is known a banner tells everybody."""
    sandbox = both[0].stack.sandbox
    for who in both:
        own_subscription(who)
        who.follow("Change how it is paid")
        who.page.get_by_label("ending 1111").check()
    first, second = both
    sandbox.faults(api={"503": 1.0})
    try:
        first.press("Pay with this")
        first.expect("checking whether it went through")
        second.press("Pay with this")
        # after some failures, the worker's included, nothing is sent any more
        told = ("checking whether it went through", "Nothing was sent; try again in a few minutes.")
        until(lambda: any(map(second.reads, told)), seconds=15, what="an answer to the second")
        for who in both:
            who.expect_at("/", "The billing system is not answering right now.")
            who.tab.assert_clean()
            who.go("/payment-methods")
            who.expect("ending 1111")
            assert not who.reads("Add a card")
    finally:
        sandbox.faults()
