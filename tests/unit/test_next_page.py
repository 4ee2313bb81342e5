"""Where somebody may be sent after an act (RED-01, R22): the strings that bend other people's redirects."""

from __future__ import annotations

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from portal.web.next_page import safe_next

APP = Flask(__name__)
APP.add_url_rule("/", "home", lambda: "")
APP.add_url_rule("/account", "account", lambda: "")
APP.add_url_rule("/invoices/<int:number>", "invoice", str)
APP.add_url_rule("/sign-out", "out", lambda: "", methods=["POST"])

BENT = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/account\r\nLocation: https://evil.example",
    "/account/../..//evil.example",
    "/%5cevil.example/x",
    "/account\\@evil.example",
    "evil.example",
    "/account\u2028",
    "/@evil.example",
    "?next=//evil.example",
    "#",
    "",
]


@pytest.mark.parametrize("asked", BENT)
def test_bent_addresses_are_refused(asked: str) -> None:
    with APP.test_request_context():
        assert safe_next(asked) is None


@pytest.mark.parametrize(
    "asked", ["/", "/account", "/account?x=1", "/invoices/7?page=%2F%2Fevil", "/account#top"]
)
def test_pages_of_ours_are_accepted(asked: str) -> None:
    with APP.test_request_context():
        assert safe_next(asked) == asked


@pytest.mark.parametrize(
    "asked", ["/nowhere", "/invoices/x", "/sign-out", "/account/", "/" + "a" * 600, None]
)
def test_what_is_no_page_is_refused(asked: str | None) -> None:
    with APP.test_request_context():
        assert safe_next(asked) is None


@given(st.text(alphabet="/\\:@.?#%&=aevil\t\n \u00a0", max_size=20))
@example("/account")
def test_whatever_is_accepted_is_a_path_of_one_slash(asked: str) -> None:
    with APP.test_request_context():
        found = safe_next(asked)
    if found is not None:
        assert found[0] == "/"
        assert found[1:2] not in ("/", "\\")
        assert found.isprintable()
        assert "\\" not in found
