"""Everything that the room answers, put together."""

from portal.payment_methods import hosted_pages, removal, showing
from portal.payment_methods.room import blueprint

__all__ = ["blueprint", "hosted_pages", "removal", "showing"]
