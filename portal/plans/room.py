"""The room's blueprint, by itself so that its views can be spread over files."""

from flask import Blueprint

blueprint = Blueprint("plans", __name__)
