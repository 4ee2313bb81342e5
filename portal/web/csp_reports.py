"""``POST /csp-reports``: what a browser's content policy has stopped, told by the browser (CSP-01).

Anybody can send anything here, so nothing of it is stored: a report is counted under its directive and
logged at most once a minute for each thing that was blocked. Of addresses only scheme and host are kept,
because the rest may be somebody's.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, request
from prometheus_client import Counter

from portal.web import guard
from portal.web.hushed import Hushed

log = structlog.get_logger()

PATH = "/csp-reports"
LARGEST = 16 * 1024
MOST_AT_ONCE = 20
# A bound on the counter's labels: a report can claim any name.
DIRECTIVES = frozenset(
    {
        *("default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem"),
        *("style-src-attr", "img-src", "font-src", "connect-src", "form-action", "base-uri", "object-src"),
        *("frame-ancestors", "frame-src", "worker-src", "manifest-src", "media-src"),
    }
)
REPORTED = Counter("portal_csp_reports_total", "What browsers say the content policy stopped", ["directive"])
hushed = Hushed()


def register(app: Flask) -> None:
    """Add the address."""
    app.add_url_rule(PATH, "csp_reports", receive, methods=["POST"])


@guard.sessionless
def receive() -> Response:
    """Count what is told and answer nothing."""
    if request.content_length is None or request.content_length > LARGEST:
        return Response(status=413, content_type="text/plain; charset=utf-8")
    request.max_content_length = LARGEST
    try:
        told = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        return Response(status=422, content_type="text/plain; charset=utf-8")
    for body in _bodies(told)[:MOST_AT_ONCE]:
        _note(body)
    return Response(status=204, content_type="text/plain; charset=utf-8")


def _bodies(told: Any) -> list[dict[str, Any]]:
    """Find the reports in either form: the Reporting API's list, or a single csp-report."""
    reports = told if isinstance(told, list) else [told]
    found = [each.get("body", each.get("csp-report")) for each in reports if isinstance(each, dict)]
    return [body for body in found if isinstance(body, dict)]


def _note(body: dict[str, Any]) -> None:
    given = body.get("effectiveDirective") or body.get("effective-directive")
    directive = given if isinstance(given, str) and given in DIRECTIVES else "other"
    REPORTED.labels(directive=directive).inc()
    blocked = _origin(body.get("blockedURL") or body.get("blocked-uri"))
    silent = hushed.silent_since(f"{directive} {blocked}")
    if silent is not None:
        log.warning("content policy stopped something", directive=directive, blocked=blocked, silent=silent)


def _origin(blocked: Any) -> str:
    """Keep scheme and host of an address, or the keyword (inline, eval) that stands in its place."""
    if not isinstance(blocked, str):
        return ""
    try:
        parts = urlsplit(blocked)
    except ValueError:
        return "unreadable"
    host = parts.hostname or ""
    return (f"{parts.scheme}://{host}" if host else parts.scheme or parts.path)[:100]
