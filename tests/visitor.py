"""A person at the portal, for tests: fetches pages, follows links, sends forms, checks every page.

Nobody asks for the checks and nobody can forget them (tests/page_rules.py holds them).

Where a page is meant to be wrong, say so in the call: `visitor.get(url, status=404)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse

from tests import page_rules
from tests.page_rules import words

PASSWORD = "correct horse battery staple"


class PageFault(AssertionError):
    """A page broke a rule of the house; the message lists all of them."""


@dataclass
class Page:
    """One answer, parsed."""

    url: str
    response: TestResponse
    soup: BeautifulSoup

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def title(self) -> str:
        return words(self.soup.title)

    @property
    def heading(self) -> str:
        return words(self.soup.h1)

    @property
    def text(self) -> str:
        """Everything a person can read in the main part, white space folded."""
        return words(self.soup.main or self.soup.body or self.soup)

    def shows(self, phrase: str) -> bool:
        return phrase in self.text

    def form(self, action: str = "", *, button: str = "") -> Tag:
        """Find the one form whose action contains `action` (and whose button says `button`)."""
        found = [
            form
            for form in self.soup.find_all("form")
            if action in str(form.get("action") or self.url) and button in words(form)
        ]
        assert len(found) == 1, f"{self.url}: {len(found)} forms with {action or button!r}: {self.actions()}"
        return found[0]

    def actions(self) -> list[str]:
        return [str(form.get("action", "")) for form in self.soup.find_all("form")]

    def link(self, phrase: str) -> str:
        """Return where the one link (or one of equal links) with these words leads."""
        found = {str(a["href"]) for a in self.soup.find_all("a", href=True) if phrase in words(a)}
        assert len(found) == 1, f"{self.url}: {len(found)} links say {phrase!r}"
        return found.pop()

    def errors(self) -> dict[str, str]:
        """Return the refused fields with what is said beside each."""
        wrong = self.soup.find_all(attrs={"aria-invalid": "true"})
        return {str(tag.get("name")): _described(self.soup, tag) for tag in wrong}


@dataclass
class Visitor:
    """One person, one cookie jar."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)
    last: Page | None = None

    def __post_init__(self) -> None:
        self.client = self.app.test_client()
        services = self.app.extensions.get("services")
        self.base_url = services.settings.base_url if services else "http://localhost"

    # -- going places ----------------------------------------------------------------------------

    def get(self, url: str, *, status: int = 200, follow: bool = True, **options: Any) -> Page:
        """Open an address, follow redirects inside the portal, and check the page."""
        return self._open("GET", url, status=status, follow=follow, **options)

    def click(self, phrase: str, *, status: int = 200) -> Page:
        """Follow the link with these words on the page that is open."""
        page = self._page()
        return self.get(urljoin(page.url, page.link(phrase)), status=status)

    def submit(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        action: str = "",
        button: str = "",
        status: int = 200,
        follow: bool = True,
    ) -> Page:
        """Fill in and send the form of the open page, hidden fields and all; names must exist on it."""
        page = self._page()
        form = page.form(action, button=button)
        data = _filled(form)
        for name, value in (values or {}).items():
            assert form.find(attrs={"name": name}), f"{page.url}: the form has no field {name!r}"
            data[name] = value
        method = str(form.get("method", "get")).upper()
        target = urljoin(page.url, str(form.get("action") or page.url))
        if method == "GET":
            return self.get(target, query_string=data, status=status)
        return self._open("POST", target, data=data, status=status, follow=follow)

    def post(
        self, url: str, data: Mapping[str, Any] | None = None, *, status: int = 200, **options: Any
    ) -> Page:
        """Send by hand what no form on a page would; the CSRF token of the open page goes along."""
        token = self.last.soup.find("input", attrs={"name": "csrf_token"}) if self.last else None
        values = {**({"csrf_token": token["value"]} if token else {}), **(data or {})}
        return self._open("POST", url, data=values, status=status, **options)

    def raw(self, method: str, url: str, **options: Any) -> TestResponse:
        """Send anything; nothing is checked but the headers that every answer must carry."""
        response = self.client.open(url, method=method, **self._options(options))
        faults = list(page_rules.header_faults(response))
        if faults:
            raise PageFault(f"{method} {url}: " + "; ".join(faults))
        return response

    def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        """Sign in through the form, as a person does."""
        self.get("/sign-in")
        return self.submit({"email": email, "password": password}, action="/sign-in")

    # -- how -------------------------------------------------------------------------------------

    def _page(self) -> Page:
        assert self.last is not None, "open a page first"
        return self.last

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        headers = {**self.headers, **options.pop("headers", {})}
        return {"headers": headers, "base_url": self.base_url, **options}

    def _open(self, method: str, url: str, *, status: int, follow: bool = True, **options: Any) -> Page:
        response = self.raw(method, url, **options)
        for _ in range(8):
            target = response.headers.get("Location", "")
            if not (follow and response.status_code in (301, 302, 303, 307, 308)) or self._is_outside(target):
                break
            url = urljoin(url, target)
            response = self.raw("GET", url)
        page = Page(_path(url), response, BeautifulSoup(response.get_data(as_text=True), "html5lib"))
        assert page.status == status, f"{method} {url}: {page.status} instead of {status}: {page.text[:400]}"
        is_redirect = response.status_code in (301, 302, 303, 307, 308)
        if response.mimetype == "text/html" and response.get_data() and not is_redirect:
            faults = page_rules.faults(page.url, page.soup, page.response, self.app)
            if faults:
                raise PageFault(f"{page.url} ({page.status}):\n  " + "\n  ".join(faults))
            self.last = page
        return page

    def _is_outside(self, target: str) -> bool:
        host = urlsplit(target).netloc
        return bool(host) and host != urlsplit(self.base_url).netloc


def _filled(form: Tag) -> dict[str, Any]:
    """Return what a browser would send if the person just pressed the first button."""
    data: dict[str, Any] = {}
    for tag in form.find_all(["input", "select", "textarea"]):
        name, kind = tag.get("name"), tag.get("type", "text")
        if (
            not name
            or tag.get("disabled") is not None
            or kind in ("submit", "button", "image", "reset", "file")
        ):
            continue
        if kind in ("checkbox", "radio") and tag.get("checked") is None:
            continue
        if tag.name == "select":
            chosen = tag.find("option", selected=True) or tag.find("option")
            data[str(name)] = str(chosen.get("value", words(chosen))) if chosen else ""
        elif tag.name == "textarea":
            data[str(name)] = tag.get_text()
        else:
            data[str(name)] = str(tag.get("value", "on" if kind in ("checkbox", "radio") else ""))
    button = form.find("button", attrs={"name": True})
    has_plain = any(not one.get("name") for one in form.find_all("button"))
    # Where one button has no name it is the act itself; named ones beside it are other ways to send.
    if button and not has_plain:
        data.setdefault(str(button["name"]), str(button.get("value", "")))
    return data


def _described(soup: BeautifulSoup, tag: Tag) -> str:
    names = str(tag.get("aria-describedby", "")).split()
    return " ".join(words(found) for name in names if (found := soup.find(id=name)))


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
