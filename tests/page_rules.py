"""What every page of the portal has to be, as small rules: each yields the faults it finds.

One heading and an honest title, unique ids, labelled fields, a CSRF token in every unsafe form, no inline
script or style, links that lead to routes, the security headers, no page of a person in any cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.test import TestResponse

HTMX_VERBS = ("hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete")
NO_LABEL_NEEDED = ("hidden", "submit", "button", "image", "reset")
REFERENCES = ("aria-describedby", "aria-labelledby", "aria-controls")
# what a template leaks when a value is missing, not rendered, or rendered as Python
LEAKS = re.compile(
    r"\bNone\b|\{\{|\}\}|\{%|&lt;(?:span|div|p)\b|\bundefined\b|<[\w.]+ object at 0x|Decimal\(|datetime\."
)
EXACT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
CSP_MUST = (
    "default-src 'none'",
    "'strict-dynamic'",
    "style-src 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
)
A_YEAR = 31_536_000

Rule = Callable[[BeautifulSoup], Iterator[str]]


def faults(url: str, soup: BeautifulSoup, response: TestResponse, app: Flask) -> list[str]:
    """Return every rule that an answer breaks; a part of a page (HTMX) is spared the document's rules."""
    rules = PART_RULES if _is_part(response) else (*PART_RULES, *DOCUMENT_RULES)
    found = [fault for rule in rules for fault in rule(soup)]
    found += _broken_links(url, soup, app)
    if not _is_part(response):
        found += _csp(soup, response)
    return found


def header_faults(response: TestResponse) -> list[str]:
    """Return what the headers of any answer at all lack (CSP-04, CSP-05, FIL-02)."""
    headers = response.headers
    found = [
        f"{name} is {headers.get(name)!r}, not {value!r} (CSP-04)"
        for name, value in EXACT_HEADERS.items()
        if headers.get(name) != value
    ]
    if not headers.get("Permissions-Policy"):
        found.append("no Permissions-Policy (CSP-04)")
    age = re.search(r"max-age=(\d+)", headers.get("Strict-Transport-Security", ""))
    if not age or int(age.group(1)) < A_YEAR:
        found.append("Strict-Transport-Security is missing or shorter than a year (CSP-04)")
    if "Content-Security-Policy" not in headers:
        found.append("no Content-Security-Policy (CSP-01)")
    if any(name.lower().startswith("access-control-") for name, _ in headers):
        found.append("a CORS header: nobody else may read the portal (CSP-05)")
    if response.mimetype == "text/html" and "no-store" not in headers.get("Cache-Control", ""):
        found.append(f"an HTML page may be cached: {headers.get('Cache-Control')!r} (FIL-02)")
    if (response.mimetype or "").startswith("text/") and "charset" not in headers.get("Content-Type", ""):
        found.append("a text without charset (CSP-05)")
    return found


def words(tag: Tag | BeautifulSoup | None) -> str:
    """Return the text of an element as a person reads it, white space folded."""
    return " ".join(tag.get_text(" ").split()) if tag else ""


# -- the document --------------------------------------------------------------------------------


def _one_heading(soup: BeautifulSoup) -> Iterator[str]:
    headings = soup.find_all("h1")
    title = words(soup.title)
    if len(headings) != 1:
        yield f"{len(headings)} h1 headings: a page has exactly one"
    elif not title.removeprefix("Error: ").startswith(words(headings[0])):
        yield f"the title {title!r} does not begin with the heading {words(headings[0])!r}"


def _frame(soup: BeautifulSoup) -> Iterator[str]:
    if not (soup.html and soup.html.get("lang")):
        yield "the html element has no lang"
    if not soup.find("meta", attrs={"name": "viewport"}):
        yield "no viewport: the page cannot be read at 390 px"
    if len(soup.find_all("main")) != 1:
        yield "a page has exactly one main element"


def _heading_order(soup: BeautifulSoup) -> Iterator[str]:
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile(r"^h[1-6]$"))]
    for before, after in pairwise(levels):
        if after > before + 1:
            yield f"an h{after} follows an h{before}: no level may be left out"


# -- any markup ----------------------------------------------------------------------------------


def _unique_ids(soup: BeautifulSoup) -> Iterator[str]:
    ids = [str(tag["id"]) for tag in soup.find_all(id=True)]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"the id {twice!r} stands twice"


def _nothing_inline(soup: BeautifulSoup) -> Iterator[str]:
    for tag in soup.find_all(True):
        for name in tag.attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                yield f"inline {name} on <{tag.name}>: the CSP forbids it"
        if tag.name == "style":
            yield f"an inline <style>: {words(tag)[:60]}"
        if tag.name == "script" and not tag.get("src") and tag.get("type") != "application/json":
            yield f"an inline <script>: {words(tag)[:60]}"


def _references(soup: BeautifulSoup) -> Iterator[str]:
    ids = {str(tag["id"]) for tag in soup.find_all(id=True)}
    for name in REFERENCES:
        for tag in soup.find_all(attrs={name: True}):
            for wanted in set(str(tag[name]).split()) - ids:
                yield f"{name} names {wanted!r}, which is not on the page"


def _pictures_and_tables(soup: BeautifulSoup) -> Iterator[str]:
    for tag in soup.find_all("img"):
        if tag.get("alt") is None:
            yield f"an image without alt: {tag.get('src')}"
    for table in soup.find_all("table"):
        if not table.find("th"):
            yield "a table without header cells"


def _no_leaks(soup: BeautifulSoup) -> Iterator[str]:
    text = " ".join(
        str(part)
        for part in soup.find_all(string=True)
        if part.parent and part.parent.name not in ("script", "style", "template")
    )
    leak = LEAKS.search(text)
    if leak:
        around = " ".join(text[max(0, leak.start() - 40) : leak.end() + 40].split())
        yield f"a person reads {leak.group(0)!r}: …{around}…"


# -- forms ---------------------------------------------------------------------------------------


def _labels(soup: BeautifulSoup) -> Iterator[str]:
    labelled = {str(label["for"]) for label in soup.find_all("label", attrs={"for": True})}
    for tag in soup.find_all(["input", "select", "textarea"]):
        named = tag.get("id") in labelled or tag.find_parent("label") or tag.get("aria-label")
        if tag.get("type") not in NO_LABEL_NEEDED and not named and not tag.get("aria-labelledby"):
            yield f"the field {tag.get('name')!r} has no label"
    for tag in soup.find_all("button"):
        if not words(tag) and not tag.get("aria-label"):
            yield "a button without words"


def _forms(soup: BeautifulSoup) -> Iterator[str]:
    for form in soup.find_all("form"):
        method, action = str(form.get("method", "get")).lower(), form.get("action")
        token = form.find("input", attrs={"name": "csrf_token"})
        if method not in ("get", "post", "dialog"):
            yield f"a form with method {method!r}: browsers would send GET"
        if method == "post" and not (token and token.get("value")):
            yield f"the form to {action!r} has no CSRF token (CSRF-01)"
        if method == "get" and token:
            yield f"the form to {action!r} puts its CSRF token into the URL (CSRF-05)"
        if not _can_be_sent(form, soup):
            yield f"the form to {action!r} cannot be sent without JavaScript"


def _can_be_sent(form: Tag, soup: BeautifulSoup) -> bool:
    outside = soup.find_all("button", attrs={"form": form.get("id")}) if form.get("id") else []
    buttons = [*form.find_all(["button", "input"]), *outside]
    kinds = {(tag.name, tag.get("type")) for tag in buttons}
    return bool(kinds & {("button", None), ("button", "submit"), ("input", "submit"), ("input", "image")})


# -- links ---------------------------------------------------------------------------------------


def _summary_order(soup: BeautifulSoup) -> Iterator[str]:
    """The summary names the fields as they come on the page, and leads to each."""
    ids = [str(tag["id"]) for tag in soup.find_all(id=True)]
    named = [str(link["href"]).removeprefix("#") for link in soup.select(".error-summary a[href^='#']")]
    if gone := [one for one in named if one not in ids]:
        yield f"the error summary leads to {gone}, which is not on the page"
    elif named != sorted(named, key=ids.index):
        yield f"the error summary names {named} in another order than the page"


def _link_words(soup: BeautifulSoup) -> Iterator[str]:
    for tag in soup.find_all("a", href=True):
        if not words(tag) and not tag.get("aria-label") and not tag.find(["img", "svg"]):
            yield f"the link to {tag['href']!r} has no words"


def _broken_links(url: str, soup: BeautifulSoup, app: Flask) -> Iterator[str]:
    for tag, name, method in _addresses(soup):
        address = str(tag[name])
        parts = urlsplit(urljoin(f"http://localhost{url}", address))
        if address == "#" or parts.scheme == "javascript" or (address == "" and name != "action"):
            yield f"{name}={address!r} on <{tag.name}> leads nowhere without JavaScript"
        elif parts.netloc == "localhost" and not address.startswith("#"):
            yield from _no_route(app, parts.path, method)
        elif tag.name in ("script", "link", "img") and parts.scheme != "data":
            yield f"<{tag.name}> from another origin: {address} (CSP-06)"


def _addresses(soup: BeautifulSoup) -> Iterator[tuple[Tag, str, str]]:
    for tag in soup.find_all(["a", "link"], href=True):
        yield tag, "href", "GET"
    for tag in soup.find_all(["img", "script"], src=True):
        yield tag, "src", "GET"
    for form in soup.find_all("form", action=True):
        yield form, "action", str(form.get("method", "get")).upper()
    for name in HTMX_VERBS:
        for tag in soup.find_all(attrs={name: True}):
            yield tag, name, name.removeprefix("hx-").upper()


def _no_route(app: Flask, path: str, method: str) -> Iterator[str]:
    try:
        app.url_map.bind("localhost").match(path, method=method)
    except RequestRedirect as elsewhere:
        yield f"{path} is only redirected to {urlsplit(elsewhere.new_url).path}: link there"
    except HTTPException as refusal:
        yield f"{method} {path} leads to no route ({refusal.code})"


def _csp(soup: BeautifulSoup, response: TestResponse) -> Iterator[str]:
    policy = response.headers.get("Content-Security-Policy", "")
    nonce = re.search(r"script-src[^;]*'nonce-([^']{22,})'", policy)
    if not nonce:
        yield "the CSP has no script nonce of at least 128 bits (CSP-01)"
    for wanted in CSP_MUST:
        if wanted not in policy:
            yield f"the CSP lacks {wanted} (CSP-01)"
    if "unsafe-" in policy or " * " in policy:
        yield f"the CSP is open: {policy}"
    for script in soup.find_all("script", src=True):
        if nonce and script.get("nonce") != nonce.group(1):
            yield f"the script {script['src']} lacks this answer's nonce"


def _is_part(response: TestResponse) -> bool:
    return b"<html" not in response.get_data()[:600].lower()


PART_RULES: tuple[Rule, ...] = (
    _unique_ids,
    _nothing_inline,
    _references,
    _pictures_and_tables,
    _no_leaks,
    _labels,
    _forms,
    _summary_order,
    _link_words,
)
DOCUMENT_RULES: tuple[Rule, ...] = (_one_heading, _frame, _heading_order)
