"""Everything that the room answers, put together."""

from portal.admin import connect
from portal.admin.room import blueprint

__all__ = ["blueprint", "connect"]
