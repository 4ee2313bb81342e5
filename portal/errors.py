"""The portal's own errors. A class's docstring is its default message (it may reach a person).

PortalError
├── NotFound        the object is not there, or not yours: the same answer for both (AC-01)
├── Refused         a rule says no; the message says why and what to do next
├── Conflict        the world changed since the form was shown (price, state): look again
├── Misconfigured   a setting is missing or wrong; only at start-up and in `portal doctor`
└── Unavailable     a thing we depend on does not answer now; nothing is lost
"""

from datetime import datetime


class PortalError(Exception):
    """Something went wrong. Nothing was changed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        """Return the sentence to show."""
        return str(self.args[0])


class NotFound(PortalError):
    """We could not find that page."""


class Refused(PortalError):
    """That is not possible right now."""


class Conflict(PortalError):
    """This changed while the page was open. Check the new details and confirm again."""


class Misconfigured(PortalError):
    """A setting is missing or wrong."""


class Unavailable(PortalError):
    """The billing system does not answer right now. Nothing was changed; try again in a few minutes."""

    # From when on it makes sense to ask again, where that is known.
    retry_at: datetime | None = None
