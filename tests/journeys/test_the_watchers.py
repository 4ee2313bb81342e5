"""The crawl would notice: axe, CSP violations, script errors and sideways scrolling are each provoked."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest
from playwright.sync_api import Browser
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.harness import browser as chromium

PAGE = """<!doctype html><html lang="en"><head><title>Good</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>Good</h1>{}</main></body></html>"""


@pytest.fixture
def address() -> Iterator[str]:
    """A page with a strict policy, whose body is what the query asks for."""

    @Request.application
    def app(request: Request) -> Response:
        answer = Response(PAGE.format(request.args.get("body", "")), mimetype="text/html")
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
        return answer

    server = make_server("127.0.0.1", 0, app)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/?body="
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_clean_page_passes(browser: Browser, address: str, javascript: bool) -> None:
    with chromium.visitor(browser, javascript=javascript) as tab:
        tab.page.goto(address)
        tab.assert_clean()


FAULTS = [
    ("<input>", "label", [True]),
    ("<button></button>", "button-name", [True]),
    ("<script>1</script>", "Content Security Policy", [True]),
    ("<p style='color:red'>x</p>", "Content Security Policy", [True, False]),
    ("<table width=4000><tr><td>wide</td></tr></table>", "scrolls sideways", [True, False]),
]


@pytest.mark.parametrize(
    ("body", "complaint", "javascript"),
    [(body, complaint, javascript) for body, complaint, ways in FAULTS for javascript in ways],
)
def test_a_fault_is_noticed(
    browser: Browser, address: str, body: str, complaint: str, javascript: bool
) -> None:
    with chromium.visitor(browser, javascript=javascript) as tab:
        tab.page.goto(address + body)
        with pytest.raises(AssertionError, match=complaint):
            tab.assert_clean()
