"""Everything that the room answers, put together."""

from portal.account import (
    billing_details,
    email,
    history,
    invitations,
    members,
    overview,
    password,
    profile,
    second_factor,
    sessions,
)
from portal.account.browsers import name_of
from portal.account.room import blueprint

blueprint.add_app_template_filter(name_of, "browser_name")

__all__ = [
    "billing_details",
    "blueprint",
    "email",
    "history",
    "invitations",
    "members",
    "overview",
    "password",
    "profile",
    "second_factor",
    "sessions",
]
