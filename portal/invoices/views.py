"""Everything that the room answers, put together."""

from portal.invoices import payment, showing
from portal.invoices.room import blueprint

__all__ = ["blueprint", "payment", "showing"]
