"""Every page that a person can reach by links, at two widths: no axe finding (colours in light and in
dark), no CSP violation (CSP-02), no script error, nothing that scrolls sideways. The walk starts at the
front door and follows every link.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser

from tests.harness import browser as chromium
from tests.harness.browser import Tab
from tests.harness.demo import ADA, BOB, STAFF, sign_in
from tests.harness.processes import Stack

WIDTHS = (390, 1280)
# Two invoices are enough, forty prove nothing more; whoever else comes by sees the same pages once.
MOST_OF_A_KIND = {ADA: 2}
SAME_FOR_ALL = ("/account", "/invitations", "/password-reset")  # Ada has walked them
FILES = ("/static/", "/invoices/csv", "/pdf", "/metrics")
NOBODY = ("/sign-in", "/sign-up", "/password-reset", "/magic-link", "/check-your-mail", "/no-such-page")


def kind(path: str) -> str:
    """Fold ids, so that pages of one kind are counted together."""
    return "/".join("*" if any(letter.isdigit() for letter in part) else part for part in path.split("/"))


def links(tab: Tab, portal_url: str) -> list[str]:
    found = tab.page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
    there = [urljoin(tab.page.url, href) for href in found]
    own = [urlsplit(url)._replace(fragment="") for url in there if url.startswith(portal_url)]
    return [url.geturl() for url in own if not any(part in url.path for part in FILES)]


def walk(tab: Tab, portal_url: str, person: str, *starts: str) -> list[str]:
    """Open everything that links lead to, look at it in each width; return the kinds of pages checked."""
    waiting = [f"{portal_url}{start}" for start in starts]
    seen: set[str] = set()
    kinds: Counter[str] = Counter()
    while waiting:
        url = waiting.pop(0)
        path = urlsplit(url).path
        known = person not in (ADA, "nobody") and path.startswith(SAME_FOR_ALL)
        if url in seen or known or kinds[kind(path)] >= MOST_OF_A_KIND.get(person, 1):
            continue
        seen.add(url)
        kinds[kind(path)] += 1
        answer = tab.page.goto(url)
        assert answer is not None
        assert answer.status < 500, f"{url}: {answer.status}"
        for width in WIDTHS:
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.assert_clean()
            tab.page.emulate_media(color_scheme="dark")
            assert not (faint := tab.axe("color-contrast")), f"{url} at {width} px, dark: {faint}"
            tab.page.emulate_media(color_scheme="light")
        waiting += links(tab, portal_url)
    return sorted(kinds)


@pytest.mark.parametrize("person", ["nobody", ADA, BOB, STAFF])
def test_every_page_within_reach_is_clean(stack: Stack, browser: Browser, person: str) -> None:
    with chromium.visitor(browser) as tab:
        if person != "nobody":
            sign_in(tab.page, stack.portal_url, person)
        starts = NOBODY if person == "nobody" else ("/", *(("/admin",) if person == STAFF else ()))
        checked = walk(tab, stack.portal_url, person, *starts)
    assert len(checked) >= 5, checked
