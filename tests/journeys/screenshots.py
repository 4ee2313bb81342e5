"""`make screenshots`: every page within reach as four people, and every state that must be designed, at 390
and 1280 px, light and dark, with a contact sheet: .data/screenshots/index.html.

The walks see the demo as it is. Then the worker stops, rows of each state are put into the mirror
(album/scenes.py), and each state's pages are taken. `make screenshots ONLY="unpaid yen"` takes those albums.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Browser, Route

from portal.app import create_app
from portal.config import Settings
from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres
from tests.harness import browser as chromium
from tests.harness.browser import Tab
from tests.harness.demo import ADA, BOB, STAFF, sign_in
from tests.harness.processes import Stack, stack
from tests.harness.worlds import World
from tests.journeys.album import forms, papers, staff_rows
from tests.journeys.album.camera import Camera, slug
from tests.journeys.album.scenes import SCENES, Scene, old_copy
from tests.journeys.test_every_page import NOBODY, kind, links


@dataclass
class Studio:
    """The running portal, a browser, and the camera."""

    portal: Stack
    browser: Browser
    world: World
    camera: Camera

    def walk(self, album: str, email: str, *starts: str) -> None:
        """Find one page of each kind within reach of the starts, and take each."""
        with chromium.visitor(self.browser) as tab:
            if email:
                sign_in(tab.page, self.portal.portal_url, email)
            for url in pages(tab, self.portal.portal_url, *starts):
                tab.page.goto(url)
                # some addresses lead on to a page that has its own
                if slug(tab.page.url) not in self.camera.taken.get(album, []):
                    self.camera.take(tab.page, album)

    def forms(self, album: str) -> None:
        """Forms that were refused, signed out and signed in."""
        for email, which in (("", forms.PUBLIC), (ADA, forms.OF_A_MEMBER)):
            with chromium.visitor(self.browser) as tab:
                if email:
                    sign_in(tab.page, self.portal.portal_url, email)
                for name in forms.refused(tab.page, self.portal.portal_url, which):
                    self.camera.take(tab.page, album, name)

    def enrolment(self, album: str) -> None:
        """The second factor: asked for at sign-in, turned on, and links that no longer work."""
        with chromium.visitor(self.browser) as tab:
            for name, path in {"expired": "/confirmation", "half-way": "/confirmation?message=one"}.items():
                tab.page.goto(self.portal.portal_url + path)
                self.camera.take(tab.page, album, f"link-{name}")
            sign_in(tab.page, self.portal.portal_url, STAFF, with_code=False)
            self.camera.take(tab.page, album, "code-at-sign-in")
        with chromium.visitor(self.browser) as tab:
            sign_in(tab.page, self.portal.portal_url, BOB)
            tab.page.goto(f"{self.portal.portal_url}/account/second-factor")
            tab.page.locator("main form button").first.click()
            tab.page.wait_for_load_state()
            self.camera.take(tab.page, album, "enrolment")

    def menus(self, album: str) -> None:
        """What opens in the head of the page."""
        with chromium.visitor(self.browser, viewport=chromium.PHONE) as tab:
            sign_in(tab.page, self.portal.portal_url, ADA)
            for name in ("who", "menu"):
                tab.page.goto(self.portal.portal_url)
                tab.page.locator(f"details.{name} > summary").evaluate(
                    "it => { it.parentNode.open = true; it.focus() }"
                )
                self.camera.take(tab.page, album, name)

    def papers(self, album: str) -> None:
        """Error pages and mails, as the portal's own code writes them."""
        settings = Settings.model_validate({name.lower(): value for name, value in self.portal.env.items()})
        app = create_app(settings)
        try:
            with chromium.visitor(self.browser) as tab:
                for kind_of, found in (("mail", papers.mails(app)), ("error", papers.error_pages(app))):
                    for name, text in found:
                        there = f"{self.portal.portal_url}/{kind_of}-{name}"
                        tab.page.route(there, partial(_answer, text))
                        tab.page.goto(there)
                        self.camera.take(tab.page, album, f"{kind_of}-{name}")
        finally:
            app.extensions["services"].close()

    def staff(self, album: str) -> None:
        """Staff pages on a day when things went wrong."""
        self._rest_worker()
        with chromium.visitor(self.browser) as tab:
            sign_in(tab.page, self.portal.portal_url, STAFF)
            self._take(tab, album, staff_rows.plant(self.world))

    def scene(self, make: Callable[[World], Scene], album: str) -> None:
        """One state of an account."""
        self._rest_worker()
        scene = make(self.world)
        with chromium.visitor(self.browser) as tab:
            self._wear(tab, scene)
            self._take(tab, album, scene.paths)

    def zoho_away(self, album: str) -> None:
        """Zoho does not answer: our copy with its time, and acts politely closed."""
        scene = SCENES["payment-failed"](self.world)
        self.world.conn.execute("delete from billing.call_budget")
        self.world.zoho_away()
        with chromium.visitor(self.browser) as tab:
            self._wear(tab, scene)
            own = scene.paths["subscription"]
            acts = {name: f"{own}/{name}" for name in ("cancellation", "plan-change?plan=team-y")}
            buying = {"plans": "/plans", "checkout": "/checkouts/new?plan=team-m"}
            self._take(tab, album, {**scene.paths, **acts, **buying})
        with chromium.visitor(self.browser) as tab:
            sign_in(tab.page, self.portal.portal_url, STAFF)
            self._take(tab, album, {"staff": "/admin"})

    def _rest_worker(self) -> None:
        """Stop the worker, which would put right what is planted; staff pages still see its heart beat."""
        self.portal.worker.kill()
        self.world.conn.execute(
            "update jobs.procrastinate_workers set last_heartbeat = now() + interval '1 hour'"
        )

    def _wear(self, tab: Tab, scene: Scene) -> None:
        cookie = {"name": "session", "value": scene.member.cookie, "url": self.portal.portal_url}
        tab.page.context.add_cookies([cookie])  # type: ignore[list-item]

    def _take(self, tab: Tab, album: str, paths: dict[str, str]) -> None:
        for name, path in paths.items():
            tab.page.goto(self.portal.portal_url + path)
            self.camera.take(tab.page, album, name)


def main(only: Iterable[str] = ()) -> None:
    """Take them all, or some albums, and say where they are."""
    camera = Camera()
    camera.clear()
    with running() as portal, chromium.chromium() as browser, superuser(portal) as world:
        studio = Studio(portal, browser, world, camera)
        for name, take in albums(studio).items():
            if not only or name in only:
                began = time.monotonic()
                take(name)
                print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"{camera.write_sheet()} pictures: {camera.out}/index.html")


def _answer(text: str, route: Route) -> None:
    route.fulfill(body=text, content_type="text/html")


def albums(studio: Studio) -> dict[str, Callable[[str], None]]:
    """Return every album in the order it is taken: what lives on the demo's data comes first."""
    return {
        "nobody": lambda album: studio.walk(album, "", *NOBODY),
        "first-day": lambda album: studio.walk(album, BOB, "/"),
        "in-order": lambda album: studio.walk(album, ADA, "/"),
        "staff-in-order": lambda album: studio.walk(album, STAFF, "/admin"),
        "enrolment": studio.enrolment,
        "menus": studio.menus,
        "forms": studio.forms,
        "papers": studio.papers,
        **{name: partial(studio.scene, make) for name, make in SCENES.items()},
        "staff": studio.staff,
        # these two change what every account sees
        "old-copy": partial(studio.scene, old_copy),
        "zoho-away": studio.zoho_away,
    }


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


@contextmanager
def superuser(portal: Stack) -> Iterator[World]:
    """A world on the stack's own database."""
    rows = psycopg.rows.dict_row
    with psycopg.connect(portal.database_url, autocommit=True, row_factory=rows) as conn:
        yield World(conn)


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


if __name__ == "__main__":
    main(sys.argv[1:])
