"""The people of the demo, and how each signs in with a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.people import PASSWORD, totp

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADA, BOB, STAFF = "ada@example.com", "bob@example.com", "staff@example.com"


def sign_in(page: Page, portal_url: str, email: str, *, with_code: bool = True) -> None:
    """Sign in through the form, with the second factor where one is asked for, or up to there."""
    page.goto(f"{portal_url}/sign-in")
    page.locator("main input[name=email]").fill(email)
    page.locator("main input[name=password]").fill(PASSWORD)
    _send(page, "password")
    if "/second-factor" in page.url and with_code:
        page.locator("main input[name=code]").fill(totp())
        _send(page, "code")
    assert "/sign-in" not in page.url, f"{email} did not get in: {page.locator('main').inner_text()[:300]}"


def _send(page: Page, field: str) -> None:
    page.locator("main form").filter(has=page.locator(f"input[name={field}]")).locator("button").first.click()
    page.wait_for_load_state()
