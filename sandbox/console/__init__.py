"""The console: the company as its own staff would see it, the clock, the weather, and what was called."""

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from sandbox.console import acts, company, events, oauth, time, weather, words, world
from sandbox.console.shell import surroundings

# No form-action: the answer to a consent leads to the client, wherever that is.
POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"


def register(app: Flask) -> None:
    for part in (company, events, time, weather, acts, oauth, world):
        app.register_blueprint(part.blueprint)
    app.jinja_env.filters |= {"money": words.money, "moment": words.moment, "day": words.day}
    app.jinja_env.filters |= {"status_kind": words.status_kind, "plainly": words.plainly}
    app.jinja_env.filters |= {"squeeze": words.squeeze, "about": words.about}
    app.jinja_env.filters |= {"pretty": words.pretty, "real_time": words.real_time}
    app.context_processor(surroundings)
    app.add_url_rule("/", "front", front)
    app.after_request(nothing_foreign)


def nothing_foreign(response: Response) -> Response:
    """The console runs no script and loads nothing from elsewhere, and the browser holds it to that."""
    if request.path.startswith(("/console", "/oauth")):
        response.headers["Content-Security-Policy"] = POLICY
    return response


def front() -> Response:
    return redirect("/console", 302)
