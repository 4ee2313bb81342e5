"""A person's browser without its costs: cookies, forms as the page has them, redirects by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse


@dataclass
class Form:
    """One form of a page, filled in as the browser would send it; `choices` are its radio buttons."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


# Forms do not nest: what lies between them is not worth parsing.
FORMS = re.compile(r"<form\b.*?</form>", re.DOTALL)


class _Forms(HTMLParser):
    """Reads the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""))
            self.forms.append(self._open)
        elif self._open is not None and tag in ("input", "select", "textarea") and given.get("name"):
            self._field(given)

    def _field(self, given: dict[str, str]) -> None:
        assert self._open is not None
        name, value = given["name"], given.get("value", "")
        if given.get("type") in ("radio", "checkbox"):
            self._open.choices.setdefault(name, []).append(value or "on")
            if "checked" not in given:
                return
        self._open.values[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


class Browser:
    """One cookie jar at the portal in this process."""

    def __init__(self, app: Flask, base_url: str) -> None:
        self._client = app.test_client()
        self._base_url = base_url
        self.last_status = 0

    def wear(self, cookie: str) -> None:
        self._client.set_cookie("session", cookie, domain=urlsplit(self._base_url).hostname or "")

    def get(self, path: str) -> TestResponse:
        return self._note(self._client.get(path, base_url=self._base_url))

    def send(self, form: Form, **changed: str) -> TestResponse:
        """Press the form's button."""
        data = form.values | changed
        return self._note(self._client.post(form.action, data=data, base_url=self._base_url))

    def form(self, path: str, action: str = "") -> Form | None:
        """Open a page and return the form that leads to `action` (its own address if none)."""
        page = self.get(path)
        if page.status_code != 200:
            return None
        return forms_of(page, action or urlsplit(path).path)

    def _note(self, response: TestResponse) -> TestResponse:
        self.last_status = response.status_code
        return response


def forms_of(page: TestResponse, action: str) -> Form | None:
    """The form of a page that leads to `action`."""
    found = _Forms()
    found.feed("".join(FORMS.findall(page.get_data(as_text=True))))
    wanted = urlsplit(action).path
    return next((form for form in found.forms if urlsplit(form.action).path == wanted), None)
