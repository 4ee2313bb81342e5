"""People of the journeys: each test has its own, signed in or with something bought before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from tests.harness.hosted_page import pay_at
from tests.harness.outside import OutsideVisitor
from tests.harness.people import sign_in
from tests.harness.processes import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from playwright.sync_api import Page

    from tests.harness.browser import Tab
    from tests.harness.processes import Stack


BANK = {
    "method": "bank",
    "routing_number": "110000000",
    "account_number": "000123456789",
    "account_holder": "Some Body",
}


@dataclass
class Someone:
    """A person with a browser tab, and what Zoho has of them."""

    tab: Tab
    stack: Stack
    email: str
    app: Flask
    cookie: str = ""

    @property
    def page(self) -> Page:
        return self.tab.page

    def come_in(self, *, is_staff: bool = False) -> Someone:
        """Be signed in; the form is what other tests are about."""
        self.cookie = sign_in(self.app, self.email, is_staff=is_staff).cookie
        self.page.context.add_cookies(
            [{"name": "session", "value": self.cookie, "url": self.stack.portal_url}]
        )
        return self

    def buy(self, plan: str = "team-m", **entered: str) -> Someone:
        """Have bought this, over the same pages without looking at them."""
        outside = OutsideVisitor(self.stack.portal_url, self._cookie())
        answer = outside.send(outside.get(f"/checkouts/new?plan={plan}"), "/checkouts")
        assert answer is not None
        if "hostedpage" in answer.headers["Location"]:  # a second thing is paid with what is on file
            paid = pay_at(answer.headers["Location"], **entered)
            target = urlsplit(paid.headers["Location"])
            outside.get(f"{target.path}?{target.query}")
        return self

    def _cookie(self) -> str:
        if not self.cookie:
            found = [one for one in self.page.context.cookies() if one["name"] == "session"]
            self.cookie = found[0]["value"]
        return self.cookie

    # -- going places ----------------------------------------------------------------------------

    def go(self, path: str) -> None:
        """Open a page, and find nothing wrong with it."""
        self.page.goto(f"{self.stack.portal_url}{path}")

    def follow(self, words: str) -> None:
        self.page.get_by_role("main").get_by_role("link", name=words).first.click()
        self.page.wait_for_load_state()

    def press(self, words: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=words).first.click()
        self.page.wait_for_load_state()

    def reads(self, words: str) -> bool:
        return words in " ".join(self.page.locator("body").inner_text().split())

    def expect(self, words: str) -> None:
        """Find the words on the page as it is; it may still be arriving."""
        until(lambda: self.reads(words), seconds=15, what=f"{words!r} on {self.page.url}")

    def expect_at(self, path: str, words: str) -> None:
        """Open the page until it says so: webhooks and the worker need a moment."""

        def said() -> bool:
            self.go(path)
            return self.reads(words)

        until(said, seconds=60, what=f"{words!r} on {path}")

    def enter_card(self, number: str) -> None:
        """Fill in Zoho's page and press its button; come back."""
        fields = {"Card number": number, "Name on card": "Some Body", "Expiry date": "08 / 39"}
        for label, value in {**fields, "Security code": "123"}.items():
            self.page.get_by_label(label).fill(value)
        for name, value in {
            "street": "1 Main Street",
            "city": "Boston",
            "state": "MA",
            "zip": "02101",
        }.items():
            field = self.page.locator(f"input[name={name}]")
            if field.count():
                field.fill(value)
        self.page.locator("button[value=pay]").click()
        self.page.wait_for_url(f"{self.stack.portal_url}/**")

    # -- what Zoho has ---------------------------------------------------------------------------

    def subscription(self) -> dict[str, Any]:
        found = self.stack.sandbox.state("subscriptions")
        return next(one for one in found if one["customer"]["email"] == self.email)

    def customer(self) -> dict[str, Any]:
        return next(one for one in self.stack.sandbox.state("customers") if one["email"] == self.email)


def person(make_app: Callable[..., Flask], stack: Stack, tab: Tab, name: str) -> Someone:
    """Make somebody of this name who is not there yet, once with JavaScript and once without."""
    way = "with" if tab.javascript else "without"
    return Someone(tab, stack, f"{name}-{way}@example.com", make_app(database_url=stack.database_url))


def download(someone: Someone, path: str) -> requests.Response:
    """Fetch a file with the browser's session."""
    cookies = {one["name"]: one["value"] for one in someone.page.context.cookies()}
    return requests.get(f"{someone.stack.portal_url}{path}", cookies=cookies, timeout=20)
