"""Everything that the room answers, put together."""

from portal.account import overview
from portal.account.room import blueprint

__all__ = ["blueprint", "overview"]
