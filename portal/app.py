"""The web application, put together: rooms, their guard, headers, errors, health."""

import importlib
from pathlib import Path

from flask import Flask

from portal import services as composition
from portal.config import Settings
from portal.services import Services
from portal.web.pages import Templates

# Every room exposes `blueprint`; what is shared by rooms exposes `register(app)`.
# The order is the order of their hooks: request id and headers first, so that refusals have them too. What
# stands in front of the framework comes before the guard, which puts the believed proxies in front of it.
SHARED = (
    "portal.webhooks.shortcut",
    "portal.web.bodies",
    "portal.web.headers",
    "portal.web.static_files",
    "portal.web.current",
    "portal.web.csrf",
    "portal.web.guard",
    "portal.web.filters",
    "portal.web.words",
    "portal.web.pages",
    "portal.web.theme",
    "portal.web.errors",
    "portal.web.health",
    "portal.web.csp_reports",
)
ROOMS = (
    "portal.auth.views",
    "portal.account.views",
    "portal.plans.views",
    "portal.subscriptions.views",
    "portal.invoices.views",
    "portal.payment_methods.views",
    "portal.webhooks.views",
    "portal.admin.views",
)


def create_app(settings: Settings, services: Services | None = None) -> Flask:
    """Build the portal for ``settings``; ``services`` may be given ready-made (tests)."""
    app = Flask(
        "portal",
        root_path=str(Path(__file__).parent),
        template_folder="../templates",
        static_folder=None,
    )
    app.jinja_environment = Templates
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        SECRET_KEY_FALLBACKS=settings.secret_key_fallbacks,
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        MAX_FORM_PARTS=100,
    )
    app.extensions["services"] = services or composition.build(settings)
    for name in SHARED:
        importlib.import_module(name).register(app)
    for name in ROOMS:
        app.register_blueprint(importlib.import_module(name).blueprint)
    return app
