"""Hosted pages: made through the API, filled in by a person, the only place where card numbers are typed."""

from __future__ import annotations

from flask import Flask

from sandbox.hosted_pages import api, checkout


def register(app: Flask) -> None:
    """Both halves: the API's and the person's."""
    app.register_blueprint(api.blueprint)
    app.register_blueprint(checkout.blueprint)
