"""`/_control/*`: the sandbox driven from outside, in JSON, by the console, tests and other programs.

Requests that another site's page makes a browser send are turned away: the
sandbox listens on a developer's machine and asks nobody for a password.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, json, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.control import acting, copies, hooks, log, moving, oauth, state, switches, weather
from sandbox.control.asking import Refusal

GUARDED = ("/_control", "/console")


def register(app: Flask) -> None:
    for part in (acting, copies, hooks, log, moving, oauth, state, switches, weather):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(Refusal, _refused)
    app.before_request(_same_site)
    app.after_request(_in_json)


def _refused(refusal: Refusal) -> ResponseReturnValue:
    return jsonify(error=str(refusal)), refusal.status


def _in_json(response: Response) -> Response:
    """What the framework refuses by itself, a call or a method that is not there, is told in JSON too."""
    if (
        request.path.startswith("/_control")
        and response.status_code >= HTTPStatus.BAD_REQUEST
        and not response.is_json
    ):
        allowed = response.headers.get("Allow")
        said = f"{request.method} is not for this call; there are {allowed}" if allowed else _no_such_call()
        response.set_data(json.dumps({"error": said}))
        response.mimetype = "application/json"
    return response


def _no_such_call() -> str:
    rules = {each.rule for each in current_app.url_map.iter_rules() if each.rule.startswith("/_control")}
    return f"no such call; there are {', '.join(sorted(rules))}"


def _same_site() -> ResponseReturnValue | None:
    origin = request.headers.get("Origin")
    if request.method == "GET" or not origin or not request.path.startswith(GUARDED):
        return None
    if urlsplit(origin).netloc == request.host:
        return None
    return jsonify(error="This call came from a page of another site."), 403
