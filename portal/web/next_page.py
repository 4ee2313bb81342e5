r"""Where a person may be sent after an act (RED-01): a page of ours, by a path that nothing can bend.

``//evil``, ``/\evil``, ``https:evil`` and ``javascript:`` all pass Werkzeug's redirect unchanged (R22), so
only a path that begins with one slash, holds no control character or backslash and leads to a view of
ours that can be opened is accepted.
"""

from urllib.parse import urlsplit

from flask import current_app
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

_LONGEST = 512


def safe_next(asked: str | None) -> str | None:
    """Return ``asked`` if it is a page of this portal, else None."""
    if not asked or len(asked) > _LONGEST or not asked.startswith("/") or asked[1:2] in ("/", "\\"):
        return None
    if "\\" in asked or not asked.isprintable() or not asked.isascii() or " " in asked:
        return None
    parts = urlsplit(asked)
    if parts.scheme or parts.netloc or ".." in parts.path or "//" in parts.path:
        return None
    return asked if _is_page(parts.path) else None


def _is_page(path: str) -> bool:
    adapter = current_app.url_map.bind("portal.invalid")
    try:
        adapter.match(path, method="GET")
    except (HTTPException, RequestRedirect):
        return False
    return True
