"""A person at a running portal, over HTTP from outside, who reloads when something is broken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup, Tag

PATIENCE_SECONDS = 40.0


class Away(AssertionError):
    """The portal did not come back in time."""


@dataclass
class OutsideVisitor:
    """One cookie jar; every answer of 5xx or a broken connection is tried again, as a person reloads."""

    portal_url: str
    cookie: str
    http: requests.Session = field(default_factory=requests.Session)
    broken: int = 0

    def __post_init__(self) -> None:
        self.http.cookies.set("session", self.cookie, domain=urlsplit(self.portal_url).hostname)

    def get(self, path: str) -> BeautifulSoup:
        """Open a page, reloading until it is there."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            answer = self._try("GET", path)
            if answer is not None and answer.status_code < 500:
                assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
                return BeautifulSoup(answer.text, "html.parser")
            time.sleep(0.1)
        raise Away(path)

    def look(self, path: str) -> BeautifulSoup | None:
        """Open a page whatever it answers (a refusal is a page too); None while the portal is in trouble."""
        answer = self._try("GET", path)
        return None if answer is None else BeautifulSoup(answer.text, "html.parser")

    def send(self, page: BeautifulSoup, action: str, **values: Any) -> requests.Response | None:
        """Send a form once; None when the connection broke or the portal said that it is in trouble."""
        form = next(
            one
            for one in page.find_all("form")
            if urlsplit(str(one.get("action"))).path == urlsplit(action).path
        )
        return self._try("POST", action, data={**_filled(form), **values})

    def _try(self, method: str, path: str, **options: Any) -> requests.Response | None:
        try:
            answer = self.http.request(
                method, urljoin(self.portal_url, path), timeout=20, allow_redirects=method == "GET", **options
            )
        except requests.RequestException:
            self.broken += 1
            return None
        if answer.status_code >= 500:
            self.broken += 1
            return None
        return answer


def _filled(form: Tag) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in form.find_all("input"):
        is_choice = tag.get("type") in ("radio", "checkbox")
        if tag.get("name") and (not is_choice or tag.has_attr("checked")):
            found[str(tag["name"])] = str(tag.get("value", ""))
    return found
