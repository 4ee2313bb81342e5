"""`/_control/*`: the sandbox driven from outside, in JSON, by the console, tests and other programs.

Requests that another site's page makes a browser send are turned away: the
sandbox listens on a developer's machine and asks nobody for a password.
"""

from urllib.parse import urlsplit

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.control import acting, copies, hooks, log, moving, oauth, state, switches, weather
from sandbox.control.asking import Refusal

GUARDED = ("/_control", "/console")


def register(app: Flask) -> None:
    for part in (acting, copies, hooks, log, moving, oauth, state, switches, weather):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(Refusal, _refused)
    app.before_request(_same_site)


def _refused(refusal: Refusal) -> ResponseReturnValue:
    return jsonify(error=str(refusal)), refusal.status


def _same_site() -> ResponseReturnValue | None:
    origin = request.headers.get("Origin")
    if request.method == "GET" or not origin or not request.path.startswith(GUARDED):
        return None
    if urlsplit(origin).netloc == request.host:
        return None
    return jsonify(error="This call came from a page of another site."), 403
