"""Everything that the room answers, put together."""

from portal.plans import checkout, purchase, window
from portal.plans.room import blueprint

__all__ = ["blueprint", "checkout", "purchase", "window"]
