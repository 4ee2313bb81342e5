"""The two static files of every page: one stylesheet, one script (CSP-06, budget of the first view).

Both are put together from their parts when the app starts, named by their content, kept in memory with
a pre-compressed copy, and cacheable for a year. htmx comes from its installed package. A merchant's
`static/brand/tokens.css` is added to the end of the stylesheet and `static/brand/logo.svg` (or .png)
shown in the header when they are there.

While a new version is rolled out a page of one process asks another for its files: they are told by the name
before the hash, and what is sent under a hash that is not its own is kept by nobody.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from flask import Flask, Response, abort, request

from portal.web.guard import sessionless

ROOT = Path(__file__).resolve().parents[2] / "static"
STYLES = (
    "css/tokens.css",
    "css/base.css",
    "css/frame.css",
    "css/components.css",
    "css/forms.css",
    "css/shop.css",
    "brand/tokens.css",
)
LOGOS = ("brand/logo.svg", "brand/logo.png")
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent."""

    name: str
    content_type: str
    body: bytes
    packed: bytes


def register(app: Flask) -> None:
    """Build the files and serve them at `/static/<name>.<hash>.<ext>`."""
    files = {"style": _named("portal.css", _style()), "script": _named("portal.js", _script())}
    for name in _present(LOGOS)[-1:]:
        files["logo"] = _named(Path(name).name, (ROOT / name).read_bytes())
    by_kind = {_kind(file.name): file for file in files.values()}
    app.jinja_env.globals["static_url"] = {kind: f"/static/{file.name}" for kind, file in files.items()}

    @app.get("/static/<file_name>")
    @sessionless
    def static_file(file_name: str) -> Response:
        file = by_kind.get(_kind(file_name))
        if file is None:
            abort(404)
        response = _answer(file)
        if file.name != file_name:
            response.headers["Cache-Control"] = "no-store"
        return response


def _kind(name: str) -> tuple[str, str]:
    """Return a file's name without its hash."""
    return name.partition(".")[0], name.rpartition(".")[2]


def _answer(file: StaticFile) -> Response:
    packs = request.accept_encodings.quality("gzip") > 0
    response = Response(file.packed if packs else file.body, content_type=file.content_type)
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = _FOREVER
    response.set_etag(file.name)
    response.make_conditional(request)
    return response


def _named(name: str, body: bytes) -> StaticFile:
    digest = hashlib.sha256(body).hexdigest()[:12]
    stem, _, ending = name.rpartition(".")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if kind.startswith(("text/", "image/svg")) else ""
    return StaticFile(f"{stem}.{digest}.{ending}", kind + charset, body, gzip.compress(body, 9, mtime=0))


def _style() -> bytes:
    return b"\n".join((ROOT / name).read_bytes() for name in _present(STYLES))


def _script() -> bytes:
    htmx = resources.files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js"
    return htmx.read_bytes() + b"\n;" + (ROOT / "js/portal.js").read_bytes()


def _present(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if (ROOT / name).exists()]
