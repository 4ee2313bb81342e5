"""The main job, by hand in a real browser: sign up, choose a plan, pay on the hosted page, see it live.

Through portal, worker, sandbox, mailbox and its signed webhooks, with and without JavaScript.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.harness.hosted_page import pay_at
from tests.harness.outside import OutsideVisitor
from tests.harness.people import PASSWORD, mailed_links
from tests.harness.processes import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from playwright.sync_api import Page

    from tests.harness.browser import Tab
    from tests.harness.processes import Stack

CARD = {
    "card_number": "4111111111111111",
    "card_name": "Nina Nova",
    "expiry": "08 / 39",
    "cvv": "123",
    "street": "1 Main Street",
    "city": "Boston",
    "state": "MA",
    "zip": "02101",
}


def press(page: Page, words: str) -> None:
    page.get_by_role("main").get_by_role("button", name=words).click()
    page.wait_for_load_state()


def fill_in(page: Page, **changed: str) -> None:
    for name, value in (CARD | changed).items():
        page.locator(f"input[name={name}]").fill(value)


def subscriptions(stack: Stack, email: str) -> list[dict[str, Any]]:
    return [one for one in stack.sandbox.state("subscriptions") if one["customer"]["email"] == email]


@pytest.fixture
def email(request: pytest.FixtureRequest) -> str:
    return f"{abs(hash(request.node.name)) % 10**8}@example.com"


@pytest.fixture
def newcomer(tab: Tab, stack: Stack, email: str) -> Tab:
    page = tab.page
    page.goto(f"{stack.portal_url}/sign-up")
    page.get_by_label("Your name").fill("Nina Nova")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Create my login")
    page.goto(mailed_links(stack.sandbox, email)[0])
    press(page, "Confirm my address")
    return tab


def test_from_signing_up_to_a_live_subscription(newcomer: Tab, stack: Stack, email: str) -> None:
    page = newcomer.page
    page.goto(stack.portal_url)
    expect(page.locator("h1")).to_have_text("You have no subscription yet")
    page.get_by_role("link", name="All plans and prices").click()
    newcomer.assert_clean()
    page.get_by_role("link", name="Choose Team monthly").click()
    page.get_by_label("Extra seat").fill("2")
    page.get_by_label("Coupon code").fill("WELCOME20")
    press(page, "Update amounts")
    expect(page.locator("#summary h2")).to_have_text("Today you pay $57.89")  # (49 + 18) less 20 %, plus 8 %
    newcomer.assert_clean()
    press(page, "Continue to payment of $57.89")
    expect(page.locator("h1")).to_contain_text("Team monthly")
    fill_in(page, card_number="4000000000000002")
    page.get_by_role("button", name="Pay $57.89 now").click()
    expect(page.locator("body")).to_contain_text("declined")
    fill_in(page)
    page.get_by_role("button", name="Pay $57.89 now").click()
    page.wait_for_url(f"{stack.portal_url}/checkouts/*")
    expect(page.locator("h1")).to_have_text("You now have Team monthly")
    expect(page.locator("main")).to_contain_text("Confirmed by Zoho at")
    newcomer.assert_clean()
    page.get_by_role("link", name="Go to your overview").click()
    expect(page.locator("h1")).to_contain_text("a month for Team monthly")
    newcomer.assert_clean()
    page.get_by_role("link", name="INV-").first.click()
    newcomer.assert_clean()
    page.goto(f"{stack.portal_url}/payment-methods")
    expect(page.locator("main")).to_contain_text("ending 1111")
    assert len(subscriptions(stack, email)) == 1


def test_the_browser_never_comes_back_and_the_webhook_tells(newcomer: Tab, stack: Stack, email: str) -> None:
    page = newcomer.page
    page.goto(f"{stack.portal_url}/checkouts/new?plan=team-m")
    press(page, "Continue to payment")
    assert pay_at(page.url).status_code == 303
    page.goto(stack.portal_url)

    def is_live() -> bool:
        page.reload()
        return "Team monthly" in page.locator("h1").inner_text()

    until(is_live, seconds=30, what="the webhook to arrive")
    assert len(subscriptions(stack, email)) == 1


def test_a_page_that_waits_notices_by_itself(newcomer: Tab, stack: Stack, email: str) -> None:
    """The attempt's page in one tab, the payment elsewhere: it changes by itself, also without JavaScript."""
    page = newcomer.page
    page.goto(f"{stack.portal_url}/checkouts/new?plan=analytics-m")
    press(page, "Continue to payment")
    hosted = page.url
    page.goto(f"{stack.portal_url}/checkouts/new?plan=analytics-m")
    own = _attempt(stack, email)
    page.goto(f"{stack.portal_url}/checkouts/{own}")
    expect(page.locator("h1")).to_have_text("Finish on the payment page")
    assert pay_at(hosted).status_code == 303
    expect(page.locator("main")).to_contain_text("Confirmed by Zoho at", timeout=30_000)
    newcomer.assert_clean()


def test_two_web_processes_at_once_open_one_page(stack: Stack, make_app: Callable[..., Flask]) -> None:
    """Two clicks in two processes: one attempt, one customer, one hosted page, one subscription."""
    from tests.harness.people import sign_in

    other = stack.second_web()
    cookie = sign_in(make_app(database_url=stack.database_url), "two-processes@example.com").cookie
    people = [OutsideVisitor(url, cookie) for url in (stack.portal_url, other) * 4]
    pages = [person.get("/checkouts/new?plan=team-m") for person in people]
    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(
            pool.map(lambda pair: pair[0].send(pair[1], "/checkouts"), zip(people, pages, strict=True))
        )
    targets = {answer.headers["Location"] for answer in answers if answer is not None}
    hosted = {target for target in targets if "hostedpage" in target}
    assert len(hosted) == 1, targets
    assert pay_at(hosted.pop()).status_code == 303
    until(lambda: len(subscriptions(stack, "two-processes@example.com")) == 1, what="the subscription")
    made = [one for one in stack.sandbox.state("customers") if one["email"] == "two-processes@example.com"]
    assert len(made) == 1


def _attempt(stack: Stack, email: str) -> str:
    import psycopg

    with psycopg.connect(stack.database_url) as conn:
        row = conn.execute(
            "select c.id from billing.checkouts c join billing.users u on u.id = c.user_id"
            " where u.email = %s",
            [email],
        ).fetchone()
    assert row is not None
    return str(row[0])
