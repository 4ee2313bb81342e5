"""What the browser does with our pages: enhancement that changes nothing, and markup that has no say.

The portal runs in this process behind a real socket; the attack is put into the answer on its way to the
browser, as if some template had failed to escape a name (R17, R18).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from werkzeug.serving import make_server

from tests.harness import browser as chromium
from tests.harness.browser import Tab
from tests.harness.worlds import Member, World

pytestmark = pytest.mark.browser

ATTACKS = """
<i hx-post="/danger" hx-trigger="load">one</i>
<i hx-get="/danger" hx-trigger="load" hx-target="body">two</i>
<i data-hx-get="/danger" hx-trigger="load">three</i>
<i hx-get="/danger" hx-trigger="load" data-stamp="">four</i>
<i hx-get="/danger" hx-trigger="load" data-stamp="undefined">five</i>
<form hx-post="/danger" hx-trigger="load"><input name="csrf_token" value="x"></form>
<i hx-trigger="load[fetch('/danger')]" hx-get="/danger">six</i>
<i hx-get="/danger" hx-vals="js:{a:fetch('/danger')}" hx-trigger="load">seven</i>
<i hx-on:click="fetch('/danger')" id="bait">eight</i>
<img src="x:" onerror="fetch('/danger')">
<script>fetch('/danger')</script>
<svg><script href="/danger"></script></svg>
<a hx-boost="true" href="/danger" id="boosted">nine</a>
<base href="https://evil.example/">
"""


@pytest.fixture
def member(conn: psycopg.Connection[dict[str, Any]]) -> Member:
    world = World(conn)
    world.organization()
    world.full_run()
    member = world.member()
    world.subscription(member)
    for n in range(60):
        world.invoice(member, number=f"N{n:03}", balance=n % 2, invoice_date=world.in_days(-n), lines=())
    return member


@pytest.fixture
def asked() -> list[str]:
    """Every path that reached the server."""
    return []


@pytest.fixture
def portal(app: Flask, asked: list[str]) -> Iterator[str]:
    """The app behind its own address."""
    address = urlsplit(app.extensions["services"].settings.base_url)

    def noted(environ: Any, start_response: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        return app(environ, start_response)

    server = make_server(address.hostname or "", address.port or 0, noted, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield address.geturl()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def tab(browser: Browser, portal: str, member: Member) -> Iterator[Tab]:
    """A member's tab, with JavaScript."""
    with chromium.visitor(browser) as tab:
        tab.page.context.add_cookies([{"name": "session", "value": member.cookie, "url": portal}])
        yield tab


def numbers(page: Page) -> list[str]:
    return page.locator("tbody th a").all_inner_texts()


def inject(page: Page, pattern: str, before: str) -> None:
    """Slip the attacks into every answer whose address ends so."""

    def slip(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(before, ATTACKS + before, 1))

    page.route(pattern, slip)


def test_injected_markup_sends_nothing(tab: Tab, portal: str, asked: list[str]) -> None:
    """HX-03, R17: the CSP does not stop htmx attributes; the stamp does."""
    inject(tab.page, "**/invoices", "<footer>")

    tab.page.goto(f"{portal}/invoices")
    assert tab.page.locator("#bait").count() == 1
    tab.page.locator("#bait").click()
    tab.page.wait_for_timeout(500)

    assert "/danger" not in asked
    assert tab.page.evaluate("document.baseURI").startswith(portal)


def test_markup_injected_into_a_part_sends_nothing_and_the_part_still_works(
    tab: Tab, portal: str, asked: list[str]
) -> None:
    """HX-03: a swapped part brings its own stamp, and only the server knows it."""
    tab.page.goto(f"{portal}/invoices")
    inject(tab.page, "**/invoices?*", '<nav class="pager"')

    tab.page.get_by_role("link", name="Next page").click()
    tab.page.wait_for_url("**page=*")
    assert tab.page.locator("#bait").count() == 1
    tab.page.wait_for_timeout(500)
    tab.page.get_by_role("link", name="Next page").click()
    expect(tab.page.get_by_role("link", name="Next page")).to_have_count(0)

    assert "/danger" not in asked
    assert numbers(tab.page)[-1] == "N059"


def test_a_filter_swaps_the_list_and_back_brings_the_old_one(tab: Tab, portal: str) -> None:
    tab.page.goto(f"{portal}/invoices")
    first = numbers(tab.page)

    tab.page.get_by_label("Show").select_option("open")
    expect(tab.page.locator("tbody th a").first).to_have_text("N001")
    opened = numbers(tab.page)
    tab.page.go_back()
    expect(tab.page.locator("tbody th a").first).to_have_text("N000")

    assert all(int(number[1:]) % 2 for number in opened)
    assert numbers(tab.page) == first
    tab.assert_clean()


def test_nothing_of_a_page_is_kept_in_the_browser(tab: Tab, portal: str) -> None:
    """HX-02, R18"""
    tab.page.goto(f"{portal}/invoices")
    tab.page.get_by_label("Show").select_option("open")
    tab.page.wait_for_url("**status=open*")
    tab.page.get_by_role("link", name="Next page").click()
    tab.page.wait_for_url("**page=*")

    kept = tab.page.evaluate("JSON.stringify({...sessionStorage}) + JSON.stringify({...localStorage})")

    assert "N0" not in kept
    assert "invoice" not in kept.replace("/invoices", "").lower()


def test_an_ended_session_leads_to_sign_in_and_not_into_the_panel(
    tab: Tab, portal: str, conn: psycopg.Connection[Any]
) -> None:
    """HX-05"""
    tab.page.goto(f"{portal}/invoices")
    conn.execute("update billing.sessions set ended_at = now()")

    tab.page.get_by_role("link", name="Next page").click()

    tab.page.wait_for_url("**/sign-in**")
    assert tab.page.get_by_role("heading", level=1).inner_text() == "Sign in"


def test_a_refusal_is_shown_and_not_swallowed(tab: Tab, portal: str) -> None:
    """HX-07"""
    tab.page.goto(f"{portal}/invoices")
    tab.page.evaluate("document.querySelector('#status option[value=open]').value = 'nonsense'")

    tab.page.get_by_label("Show").select_option("nonsense")

    tab.page.wait_for_url("**status=nonsense**")
    assert "not possible right now" in tab.page.get_by_role("heading", level=1).inner_text()


def test_a_click_without_a_connection_is_answered_in_sight(tab: Tab, portal: str) -> None:
    """HX-07: a reader of the screen sees what a screen reader says, until the next click works."""
    tab.page.goto(f"{portal}/invoices")
    tab.page.route("**/invoices?*", lambda route: route.abort())
    tab.page.get_by_role("link", name="Next page").click()
    told = tab.page.get_by_text("There is no connection. Nothing was changed")
    expect(told).to_have_css("position", "fixed")
    expect(told).not_to_have_css("clip-path", "inset(50%)")
    assert tab.axe() == []
    tab.complaints.clear()  # the browser reports the lost request, as it should

    tab.page.unroute("**/invoices?*")
    tab.page.get_by_role("link", name="Next page").click()

    tab.page.wait_for_url("**page=*")
    expect(tab.page.locator("#spoken")).not_to_have_attribute("data-tone", "bad")
    tab.assert_clean()


def test_what_changed_is_told_to_a_screen_reader(tab: Tab, portal: str) -> None:
    tab.page.goto(f"{portal}/invoices")

    tab.page.get_by_label("Show").select_option("paid")

    expect(tab.page.locator("#spoken")).to_contain_text("30 invoices")


def test_a_form_is_sent_once(tab: Tab, portal: str) -> None:
    """HX-07: a double click on a button is one request."""
    tab.page.goto(f"{portal}/payment-methods")
    posts: list[str] = []

    def slowly(route: Route) -> None:
        posts.append(route.request.url)
        route.continue_()

    tab.page.route("**/theme", slowly)
    tab.page.get_by_role("button", name="Dark").dblclick()
    expect(tab.page.locator("html[data-theme=dark]")).to_have_count(1)

    assert len(posts) == 1


def test_the_list_works_by_keyboard_alone(tab: Tab, portal: str) -> None:
    tab.page.goto(f"{portal}/invoices")

    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.textContent") == "Skip to main content"
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.id") == "q"
    tab.page.keyboard.type("N01")
    tab.page.keyboard.press("Enter")

    expect(tab.page.locator("tbody th a")).to_have_count(10)
    assert tab.page.evaluate("document.activeElement.id") == "q"


def test_a_page_of_the_list_takes_the_focus_of_the_link_that_brought_it(tab: Tab, portal: str) -> None:
    """Whoever goes on by keyboard goes on from the new rows, and not from the top of the page."""
    tab.page.goto(f"{portal}/invoices")
    tab.page.get_by_role("link", name="Next page").focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**page=*")
    expect(tab.page.locator("#results")).to_be_focused()

    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Tab")

    assert tab.page.evaluate("document.activeElement.textContent") == "N025"


def test_a_page_that_waits_keeps_the_focus_and_then_tells_the_news(
    tab: Tab, portal: str, member: Member, conn: psycopg.Connection[dict[str, Any]], asked: list[str]
) -> None:
    """Polling touches nothing while nothing is new; the news bring their own heading."""
    row = conn.execute(
        "insert into billing.checkouts (account_id, kind, key, choice, choice_hash, state) values"
        " (%s, 'invoice_payment', 'k', '{}', 'h', 'confirming') returning id",
        [member.account_id],
    ).fetchone()
    assert row
    path = f"/checkouts/{row['id']}"
    tab.page.goto(portal + path)
    assert tab.page.get_by_role("heading", level=1).inner_text() == "We are confirming your payment"
    tab.page.get_by_role("button", name="Check now").focus()
    with tab.page.expect_response(f"**{path}"):
        pass
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("document.activeElement.textContent.trim()") == "Check now"

    conn.execute("update billing.checkouts set state = 'completed', confirmed_at = now()")

    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Done: confirmed by Zoho", timeout=9000)
    polled = asked.count(path)
    tab.page.wait_for_timeout(4000)
    assert asked.count(path) == polled
    tab.assert_clean()


@pytest.mark.parametrize("width", [390, 1280])
def test_list_filter_and_menu_work_with_and_without_javascript(
    browser: Browser, portal: str, member: Member, script: bool, width: int
) -> None:
    size = {"width": width, "height": 844}
    with chromium.visitor(browser, javascript=script, viewport=size) as tab:
        tab.page.context.add_cookies([{"name": "session", "value": member.cookie, "url": portal}])
        tab.page.goto(portal)
        if width == 390:
            tab.page.get_by_text("Menu", exact=True).click()
        tab.page.get_by_role("link", name="Invoices", exact=True).click()
        tab.page.get_by_label("Show").select_option("open")
        if not script:
            tab.page.get_by_role("button", name="Apply").click()
        tab.page.wait_for_url("**status=open*")
        tab.page.get_by_role("link", name="Next page").click()

        expect(tab.page.locator("tbody th a").first).to_have_text("N051")


def test_a_page_prints_without_the_frame(tab: Tab, portal: str) -> None:
    tab.page.goto(f"{portal}/invoices")
    tab.page.locator("tbody th a").first.click()
    tab.page.wait_for_url("**/invoices/*")
    tab.page.emulate_media(media="print")
    assert tab.page.get_by_role("heading", level=1).is_visible()
    assert not tab.page.get_by_text("Download as PDF").is_visible()
    assert not tab.page.get_by_text("All invoices").is_visible()

    tab.page.goto(f"{portal}/invoices")
    assert tab.page.get_by_role("heading", level=1).is_visible()
    assert tab.page.locator("table").is_visible()
    assert not tab.page.locator("form.filters").is_visible()
    assert not tab.page.locator("footer").is_visible()


def test_at_double_size_nothing_is_cut_off(browser: Browser, portal: str, member: Member) -> None:
    """200 % zoom of a 1280 px window is a 640 px one, 400 % one of 320 px."""
    with chromium.visitor(browser, viewport={"width": 640, "height": 450}) as tab:
        tab.page.context.add_cookies([{"name": "session", "value": member.cookie, "url": portal}])
        for path in ("/", "/invoices", "/payment-methods", "/subscriptions"):
            tab.page.goto(portal + path)
            tab.assert_clean()
            tab.page.set_viewport_size({"width": 320, "height": 225})
            assert tab.page.evaluate(chromium.TOO_WIDE) <= 0, path
            tab.page.set_viewport_size({"width": 640, "height": 450})
