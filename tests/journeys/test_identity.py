"""Coming in by every door in a real browser, with and without JavaScript: pages that only an act leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.harness import canaries
from tests.harness.people import PASSWORD, mailed_links, totp

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.harness.browser import Tab
    from tests.harness.processes import Stack

NEW = "a new passphrase of some length"


def press(page: Page, words: str) -> None:
    page.get_by_role("main").get_by_role("button", name=words).click()
    page.wait_for_load_state()


def heading(page: Page) -> str:
    return " ".join(page.locator("h1").inner_text().split())


def sign_in(tab: Tab, stack: Stack, email: str, password: str) -> None:
    tab.page.goto(f"{stack.portal_url}/sign-in?next=/account")
    tab.page.get_by_label("E-mail address").fill(email)
    tab.page.get_by_label("Password").fill(password)
    press(tab.page, "Sign in")


def sign_out(tab: Tab) -> None:
    tab.page.locator(".who summary").click()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.wait_for_load_state()


@pytest.fixture
def email(request: pytest.FixtureRequest) -> str:
    """An address that this very run of a test has to itself."""
    return f"{abs(hash(request.node.name)) % 10**8}@example.com"


@pytest.fixture
def newcomer(tab: Tab, stack: Stack, email: str) -> Tab:
    """Somebody who has just signed up, by mail, with every page on the way looked at."""
    tab.page.goto(f"{stack.portal_url}/sign-up")
    press(tab.page, "Create my login")
    assert tab.page.title().startswith("Error: ")
    tab.assert_clean()
    tab.page.get_by_label("Your name").fill("Nina Nova")
    tab.page.get_by_label("E-mail address").fill(email)
    tab.page.get_by_label("Password").fill(PASSWORD)
    press(tab.page, "Create my login")
    assert heading(tab.page) == "Check your mail"
    tab.assert_clean()
    tab.page.goto(mailed_links(stack.sandbox, email)[0])
    assert heading(tab.page) == "Confirm your e-mail address"
    assert tab.page.url == f"{stack.portal_url}/confirmation?kind=sign-up"
    tab.assert_clean()
    press(tab.page, "Confirm my address")
    return tab


def test_signing_up_leads_to_an_account_of_ones_own(newcomer: Tab, stack: Stack) -> None:
    newcomer.page.goto(f"{stack.portal_url}/account")
    assert heading(newcomer.page) == "You are an owner of the account Nina Nova"
    newcomer.assert_clean()


def test_second_factor_from_turning_it_on_to_signing_in_with_a_second_app(
    newcomer: Tab, stack: Stack, email: str
) -> None:
    """AUT-03"""
    page = newcomer.page
    page.goto(f"{stack.portal_url}/account/second-factor")
    press(page, "Connect an app")
    newcomer.assert_clean()
    secret = page.locator("main code").inner_text()
    press(page, "Turn it on")
    assert page.title().startswith("Error: ")
    newcomer.assert_clean()
    page.get_by_label("Six-digit code").fill(totp(secret))
    press(page, "Turn it on")
    assert "Your second factor is on." in page.locator("main").inner_text()
    page.goto(f"{stack.portal_url}/account/second-factor")
    page.get_by_label("What do you call it? (optional)").fill("My tablet")
    newcomer.assert_clean()
    press(page, "Connect another app")
    tablet = page.locator("main code").inner_text()
    page.get_by_label("Six-digit code").fill(totp(tablet))
    press(page, "Connect the app")
    assert "My tablet" in page.locator("main").inner_text()
    newcomer.assert_clean()
    sign_out(newcomer)
    sign_in(newcomer, stack, email, PASSWORD)
    assert heading(page) == "Enter your code"
    newcomer.assert_clean()
    # A code works once, so the next one it is; its half minute is within what the provider accepts.
    import time

    page.get_by_label("Six-digit code").fill(totp(tablet, time.time() + 30))
    press(page, "Sign in")
    assert page.url == f"{stack.portal_url}/account"


def test_forgotten_password(newcomer: Tab, stack: Stack, email: str) -> None:
    """AUT-06"""
    page = newcomer.page
    sign_out(newcomer)
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill(email)
    press(page, "Send the link")
    page.goto(mailed_links(stack.sandbox, email)[0])
    press(page, "Go on")
    assert heading(page) == "Choose a new password"
    newcomer.assert_clean()
    page.get_by_label("New password").fill(NEW)
    press(page, "Save the new password")
    sign_out(newcomer)
    sign_in(newcomer, stack, email, NEW)
    assert page.url == f"{stack.portal_url}/account"


def test_back_after_signing_out_shows_nothing_private(newcomer: Tab, stack: Stack, email: str) -> None:
    """FIL-04"""
    page = newcomer.page
    page.goto(f"{stack.portal_url}/account/profile")
    page.goto(f"{stack.portal_url}/account")
    assert email in page.locator("main").inner_text()
    sign_out(newcomer)
    for _ in range(2):
        page.go_back()
        page.wait_for_load_state()
        assert email not in page.content()


def test_link_that_was_used_says_what_to_do_next(newcomer: Tab, stack: Stack, email: str) -> None:
    newcomer.page.goto(mailed_links(stack.sandbox, email)[0])
    assert heading(newcomer.page) == "This link does not work"
    newcomer.assert_clean()


def test_the_hunt_for_secrets_finds_what_was_planted(stack: Stack) -> None:
    """LOG-03: every stack is searched when it ends (tests/conftest.py); here it is seen to search."""
    assert canaries.found(stack) == []
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        conn.execute(
            "insert into billing.activity (at, action, actor_kind, detail) values"
            " (now(), 'test', 'system', jsonb_build_object('typed', %s::text))",
            [PASSWORD],
        )
        assert canaries.found(stack) == ["the demo's password stands in billing.activity"]
        conn.execute("delete from billing.activity where action = 'test'")
    with stack.worker.log.open("a") as log:
        log.write(f"{stack.env['ZOHO_CLIENT_SECRET']}\n")
    assert canaries.found(stack) == ["ZOHO_CLIENT_SECRET stands in the log of worker"]
    stack.worker.log.write_text("")
