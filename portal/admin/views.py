"""Everything that the room answers, put together."""

from portal.admin import connect, customers, drift, events, overview, people
from portal.admin.room import blueprint

__all__ = ["blueprint", "connect", "customers", "drift", "events", "overview", "people"]
