"""Light, dark, or as the device says: three buttons in the footer that work without JavaScript."""

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from portal.web.guard import public, safe_next

COOKIE = "theme"
CHOICES = {"auto": "Device", "light": "Light", "dark": "Dark"}
_A_YEAR = 365 * 24 * 3600


def register(app: Flask) -> None:
    """Serve the switch and tell templates what was chosen."""
    app.jinja_env.globals["theme"] = chosen
    app.jinja_env.globals["theme_choices"] = CHOICES
    secure = app.extensions["services"].settings.is_secure

    @app.post("/theme")
    @public
    def choose_theme() -> Response:
        wanted = request.form.get("theme", "")
        response = redirect(safe_next(request.form.get("next")) or "/", 303)
        if wanted in CHOICES:
            response.set_cookie(COOKIE, wanted, max_age=_A_YEAR, secure=secure, httponly=True, samesite="Lax")
        return response


def chosen() -> str:
    """Return the choice of this browser: auto, light or dark."""
    wanted = request.cookies.get(COOKIE, "auto")
    return wanted if wanted in CHOICES else "auto"
