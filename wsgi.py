"""The WSGI entry point: ``granian --interface wsgi wsgi:app``."""

from portal import config, logs
from portal.app import create_app
from portal.db import vault

settings = vault.fill(config.load())
logs.configure(settings.log_level)
app = create_app(settings)
