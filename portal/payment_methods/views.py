"""Everything that the room answers, put together."""

from portal.payment_methods import showing
from portal.payment_methods.room import blueprint

__all__ = ["blueprint", "showing"]
