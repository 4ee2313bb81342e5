"""Everything that the room answers, put together."""

from portal.auth import confirmation, mailed_links, reauthentication, second_factor, sign_in, sign_up
from portal.auth.room import blueprint

__all__ = [
    "blueprint",
    "confirmation",
    "mailed_links",
    "reauthentication",
    "second_factor",
    "sign_in",
    "sign_up",
]
