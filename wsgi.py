"""The WSGI entry point: ``granian --interface wsgi wsgi:app``."""

from portal import config, logs
from portal.app import create_app

settings = config.load()
logs.configure(settings.log_level)
app = create_app(settings)
