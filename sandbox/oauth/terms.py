"""The moment and the switches that every OAuth rule is judged by, and where this data centre lives."""

from flask import request

from sandbox.oauth.tokens import Terms
from sandbox.world import World


def of(world: World) -> Terms:
    """Zoho's token times in the clock that clients count with, or in the virtual one."""
    settings = world.settings
    virtual = settings.oauth_clock == "virtual"
    now = world.clock.now().timestamp() if virtual else world.clock.epoch()
    return Terms(
        now=now,
        access_s=settings.oauth_access_s,
        code_s=settings.oauth_code_s,
        limited=settings.oauth_limits,
        live_access=int(settings.oauth_live_access),
        refresh_rate=settings.oauth_refresh_rate,
    )


def here(world: World) -> str:
    """The data centre that this request reached."""
    return str(request.environ.get("sandbox.location") or world.settings.data_center)


def accounts_server(world: World, location: str) -> str:
    """The accounts host of a data centre: this sandbox, in a room of its own when they are told apart."""
    if world.settings.data_center_hosts == "prefix" and location != world.settings.data_center:
        return f"{world.settings.base_url}/dc/{location}"
    return world.settings.base_url
