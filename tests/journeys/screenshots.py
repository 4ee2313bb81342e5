"""`make screenshots`: every page within reach, as four people, at 390 and 1280 px, light and dark, in the
states that matter: first day, in order, a declined renewal, Zoho away. Into .data/screenshots.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser

from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres
from tests.harness import browser as chromium
from tests.harness.browser import Tab
from tests.harness.demo import ADA, BOB, STAFF, sign_in
from tests.harness.processes import Stack, stack
from tests.journeys.test_every_page import NOBODY, kind, links

OUT = Path(".data/screenshots")
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
SETTLE_SECONDS = 12  # webhooks arrive, the worker reads, the mirror is right


def main() -> None:
    """Take them all and say where they are."""
    shutil.rmtree(OUT, ignore_errors=True)
    with running() as portal, chromium.chromium() as browser:
        album(browser, portal, "nobody", "", *NOBODY)
        album(browser, portal, "first-day", BOB, "/")
        album(browser, portal, "in-order", ADA, "/")
        album(browser, portal, "staff", STAFF, "/admin")
        portal.sandbox.control("act", {"kind": "next_charge_declines", "card_id": card_of(portal, ADA)})
        portal.sandbox.advance(31)
        time.sleep(SETTLE_SECONDS)
        album(browser, portal, "declined", ADA, "/")
        portal.sandbox.process.kill()
        album(browser, portal, "zoho-away", ADA, "/", signed_in_before=True)
    print(f"{len(list(OUT.rglob('*.png')))} pictures in {OUT}")


def card_of(portal: Stack, email: str) -> str:
    """Return the card that pays this person's subscription."""
    subscriptions = portal.sandbox.state("subscriptions")
    return next(str(one["card"]["card_id"]) for one in subscriptions if one["customer"]["email"] == email)


@contextmanager
def running() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="portal-screenshots-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedPostgres(folder / "postgres", ("fsync=off",))
        server.start()
        try:
            migrate.apply(server.url())
            with stack(folder / "stack", server.url()) as portal:
                yield portal
        finally:
            server.stop()


COOKIES: dict[str, list[dict[str, object]]] = {}


def album(
    browser: Browser, portal: Stack, name: str, email: str, *starts: str, signed_in_before: bool = False
) -> None:
    """Walk once to find the pages, then take each of them in every width and scheme."""
    with chromium.visitor(browser) as tab:
        if signed_in_before:
            tab.page.context.add_cookies(COOKIES[email])  # type: ignore[arg-type]
        elif email:
            sign_in(tab.page, portal.portal_url, email)
            COOKIES[email] = tab.page.context.cookies()  # type: ignore[assignment]
        found = pages(tab, portal.portal_url, *starts)
        for width in WIDTHS:
            tab.page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                tab.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for url in found:
                    tab.page.goto(url)
                    place = OUT / name / f"{width}-{scheme}" / f"{slug(url)}.png"
                    place.parent.mkdir(parents=True, exist_ok=True)
                    tab.page.screenshot(path=place, full_page=True)
    print(f"{name}: {len(found)} pages", flush=True)


def pages(tab: Tab, portal_url: str, *starts: str) -> list[str]:
    """Find one page of each kind within reach of the starts."""
    waiting, found = [portal_url + start for start in starts], {}
    while waiting:
        url = waiting.pop(0)
        shape = kind(urlsplit(url).path)
        if shape in found:
            continue
        tab.page.goto(url)
        found[shape] = url
        waiting += links(tab, portal_url)
    return list(found.values())


def slug(url: str) -> str:
    path = re.sub(r"/[^/]*\d[^/]*", "/one", urlsplit(url).path)
    return path.strip("/").replace("/", "-") or "overview"


if __name__ == "__main__":
    main()
