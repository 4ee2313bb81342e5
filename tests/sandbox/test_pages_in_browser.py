"""Hosted pages and mailbox in Chromium: two widths, light and dark, without JavaScript, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from tests.harness.browser import DESKTOP, PHONE, visitor
from tests.sandbox.merchant import Merchant
from tests.sandbox.serving import Served, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("seen")) as running:
        yield running


@pytest.fixture(scope="module")
def merchant(place: Served) -> Merchant:
    return Merchant(place)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")], ids=["phone", "desktop"])
def test_every_page_is_accessible_and_fits(
    place: Served, merchant: Merchant, browser: Browser, size: Any, scheme: Any
) -> None:
    long_name = {"display_name": "Ölgerd " + "Wolfeschlegelsteinhausen" * 3, "email": "x@example.com"}
    bought = merchant.bought()["subscription"]
    pages = [
        merchant.page(customer=long_name, plan={"plan_code": "team-m"}, coupon_code="WELCOME20"),
        merchant.page("updatecard", subscription_id=bought["subscription_id"]),
    ]
    requests.post(
        f"{place.url}/auth/v1/recover",
        json={"email": "ada@example.com"},
        headers={"apikey": "sb_publishable_sandbox"},
        timeout=10,
    )
    mail = requests.get(f"{place.url}/_control/mail", timeout=10).json()["mails"][0]
    with visitor(browser, viewport=size, color_scheme=scheme) as tab:
        for page in pages:
            tab.page.goto(page["url"])
            tab.page.check("input[value=bank]")
            tab.assert_clean()
            tab.page.check("input[value=card]")
            tab.page.click("text=Show the test cards")
            tab.page.click("button.wide")
            tab.page.wait_for_selector("[role=alert]")
            tab.assert_clean()
        for path in ("/hostedpage/2-none/checkout", "/mailbox", f"/mailbox/{mail['id']}"):
            tab.page.goto(place.url + path)
            tab.assert_clean()


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_person_pays_by_keyboard_and_comes_back(
    place: Served, merchant: Merchant, browser: Browser, javascript: bool
) -> None:
    customer = merchant.customer()
    back = f"{place.url}/mailbox?from=here"
    page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"}, redirect_url=back)
    with visitor(browser, javascript=javascript) as tab:
        tab.page.goto(page["url"])
        tab.page.focus("#card_number")
        for typed in ("4000000000000002", "Grace Hopper", "08 / 39", "123"):
            tab.page.keyboard.type(typed)
            tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_selector("text=Your payment did not go through")
        tab.page.fill("#card_number", "4111 1111 1111 1111")
        tab.page.fill("#cvv", "123")
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url(f"{back}&hostedpage_id={page['hostedpage_id']}")
        assert tab.complaints == []
    assert [sub["status"] for sub in merchant.subscriptions(customer)] == ["live"]


def test_a_link_in_the_mailbox_leads_on(place: Served, browser: Browser) -> None:
    requests.post(
        f"{place.url}/auth/v1/otp",
        params={"redirect_to": f"{place.url}/mailbox?to=ada"},
        json={"email": "ada@example.com"},
        headers={"apikey": "sb_publishable_sandbox"},
        timeout=10,
    )
    with visitor(browser, javascript=False) as tab:
        tab.page.goto(f"{place.url}/mailbox")
        tab.page.click("text=Your sign-in link")
        tab.page.click("pre a")
        tab.page.wait_for_url("**/mailbox?to=ada*")
        assert "access_token=" in tab.page.url
