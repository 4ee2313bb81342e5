"""Where people are sent to pay, looked at once an hour from outside (PCI-04).

A page of ours is fetched at BASE_URL, as a visitor's browser gets it, so that also what stands between
(a proxy, a cache, an intruder) is seen: its policy must send forms only to us and to the configured
payment pages, run only stamped scripts and allow no frame. And the payment pages that we know must lie at
the configured origins. What is wrong is logged as an error and written into the audit trail, from where every
web process shows it as a figure: the worker, who looks, has none of its own (metrics.py).
"""

import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import requests
import structlog

from portal import activity
from portal.config import Settings
from portal.db.transaction import Conn
from portal.sync import status

log = structlog.get_logger()

PAGE = "/sign-in"
TIMEOUT = (3.0, 10.0)
PAUSE_SECONDS = 15.0
_NEWEST = """
select distinct hosted_page_url as url from (
  select hosted_page_url from billing.checkouts where hosted_page_url is not null
  order by created_at desc limit 200) newest
"""


def list_pages(conn: Conn) -> list[str]:
    """Return the addresses of the newest payment pages that we know."""
    return [row["url"] for row in conn.execute(_NEWEST)]


def look(settings: Settings, pages: list[str]) -> list[str]:
    """Return what is wrong, in words, and log it. Fetches, so no transaction may be open."""
    strange = {origin for origin in map(_origin, pages) if origin not in settings.zoho_hosted_origins}
    wrong = [*_seen_from_outside(settings), *(f"a payment page lies at {each}" for each in sorted(strange))]
    for each in wrong:
        log.error("front door changed", what=each)
    return wrong


def record(conn: Conn, wrong: list[str]) -> None:
    """Write down that a look found something wrong."""
    activity.record(conn, action="front door:changed", object_kind=status.FRONT_DOOR, detail={"what": wrong})


def _seen_from_outside(settings: Settings) -> list[str]:
    found = _fetched(settings)
    if isinstance(found, str):  # the web is being replaced at this very moment, perhaps
        time.sleep(PAUSE_SECONDS)
        found = _fetched(settings)
    return [found] if isinstance(found, str) else list(faults(found, settings.zoho_hosted_origins))


def _fetched(settings: Settings) -> Mapping[str, str] | str:
    """Return the headers of a page of ours, or why there are none."""
    try:
        answer = requests.get(f"{settings.base_url}{PAGE}", timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as problem:
        return f"{PAGE} cannot be fetched ({type(problem).__name__})"
    if answer.status_code != requests.codes.ok:
        return f"{PAGE} answers {answer.status_code}"
    return answer.headers


def faults(headers: Mapping[str, str], origins: list[str]) -> Iterator[str]:
    """Name what the headers of a page allow that they should not."""
    given = headers.get("Content-Security-Policy", "")
    parts = (part.strip().partition(" ") for part in given.split(";"))
    policy = {name: words.split() for name, _, words in parts}
    if set(policy.get("form-action", [])) != {"'self'", *origins}:
        yield "forms may be sent elsewhere"
    scripts = policy.get("script-src", [])
    stamped = [word for word in scripts if word.startswith("'nonce-")]
    if len(stamped) != 1 or set(scripts) - set(stamped) != {"'strict-dynamic'"}:
        yield "scripts without a stamp may run"
    if policy.get("default-src") != ["'none'"] or "frame-src" in policy or "child-src" in policy:
        yield "frames or other sources are allowed"
    if "max-age" not in headers.get("Strict-Transport-Security", ""):
        yield "transport security is gone"


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
