"""The client that checks every page is checked itself: a good page passes, each broken one is named."""

from __future__ import annotations

import pytest
from flask import Flask, Response

from tests.visitor import PageFault, Visitor

NONCE = "abcdefghijklmnopqrstuv"
CSP = (
    f"default-src 'none'; script-src 'nonce-{NONCE}' 'strict-dynamic'; style-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=()",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cache-Control": "no-store",
}
GOOD_MAIN = """<h1>Your plan</h1>
<form method="post" action="/page"><input type="hidden" name="csrf_token" value="t">
<label for="n">Name</label><input id="n" name="name"><button>Save</button></form>"""


SUMMARY = (
    "<h1>Your plan</h1><div class='error-summary'><a href='#{first}'>x</a><a href='#{second}'>y</a></div>"
    "<label for='a'>A</label><input id='a' name='a'><label for='b'>B</label><input id='b' name='b'>"
)


def page(
    main: str = GOOD_MAIN, *, title: str = "Your plan – Northwind", html: str = '<html lang="en">'
) -> str:
    return (
        f"<!doctype html>{html}<head><title>{title}</title>"
        f'<meta name="viewport" content="width=device-width"></head><body><main>{main}</main></body></html>'
    )


def visitor_of(body: str, **headers: str | None) -> Visitor:
    app = Flask(__name__)

    @app.route("/page", methods=["GET", "POST"])
    def show() -> Response:
        sent = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return Response(
            body, headers={name: value for name, value in sent.items() if value}, mimetype="text/html"
        )

    return Visitor(app)


def test_a_good_page_passes_and_its_form_can_be_sent() -> None:
    visitor = visitor_of(page())
    visitor.get("/page")
    assert visitor.submit({"name": "Ada"}, action="/page").heading == "Your plan"


@pytest.mark.parametrize(
    ("main", "complaint"),
    [
        ("<p>No heading</p>", "0 h1 headings"),
        ("<h1>Your plan</h1><h1>Again</h1>", "2 h1 headings"),
        ("<h1>Another thing</h1>", "does not begin with the heading"),
        ("<h1>Your plan</h1><h3>Too deep</h3>", "an h3 follows an h1"),
        ("<h1>Your plan</h1><p id=a></p><p id=a></p>", "the id 'a' stands twice"),
        ("<h1>Your plan</h1><p style='x'></p>", "inline style"),
        ("<h1>Your plan</h1><p onclick='x'></p>", "inline onclick"),
        ("<h1>Your plan</h1><p hx-on:click='x'></p>", "inline hx-on:click"),
        ("<h1>Your plan</h1><script>x</script>", "an inline <script>"),
        ("<h1>Your plan</h1><script src='/page'></script>", "lacks this answer's nonce"),
        ("<h1>Your plan</h1><img src='/page'>", "an image without alt"),
        ("<h1>Your plan</h1><input name='q'>", "the field 'q' has no label"),
        ("<h1>Your plan</h1><form method=post action=/page><button>Go</button></form>", "no CSRF token"),
        ("<h1>Your plan</h1><form action=/page></form>", "cannot be sent without JavaScript"),
        ("<h1>Your plan</h1><form method=put><button>Go</button></form>", "a form with method 'put'"),
        ("<h1>Your plan</h1><a href='/nowhere'>Go</a>", "leads to no route"),
        ("<h1>Your plan</h1><a href='#'>Go</a>", "leads nowhere without JavaScript"),
        ("<h1>Your plan</h1><a href='/page'></a>", "has no words"),
        (SUMMARY.format(first="b", second="a"), "names ['b', 'a'] in another order than the page"),
        (SUMMARY.format(first="a", second="c"), "leads to ['c'], which is not on the page"),
        ("<h1>Your plan</h1><p aria-describedby='gone'></p>", "names 'gone'"),
        ("<h1>Your plan</h1><img alt='' src='https://cdn.example/x.png'>", "from another origin"),
        ("<h1>Your plan</h1><p>None</p>", "a person reads 'None'"),
        ("<h1>Your plan</h1><p>{{ price }}</p>", "a person reads '{{'"),
        ("<h1>Your plan</h1><table><tr><td>1</td></tr></table>", "a table without header cells"),
    ],
)
def test_a_broken_page_is_named(main: str, complaint: str) -> None:
    with pytest.raises(PageFault) as fault:
        visitor_of(page(main)).get("/page")
    assert complaint in str(fault.value)


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_a_missing_header_is_named_csp_04(name: str) -> None:
    with pytest.raises(PageFault):
        visitor_of(page(), **{name: None}).get("/page")


def test_a_form_cannot_be_filled_with_fields_it_does_not_have() -> None:
    visitor = visitor_of(page())
    visitor.get("/page")
    with pytest.raises(AssertionError, match="no field 'price'"):
        visitor.submit({"price": "0"}, action="/page")
