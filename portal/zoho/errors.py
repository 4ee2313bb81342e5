"""What can go wrong between the portal and Zoho, and for each what to do next.

ZohoError
├── NoEffect             Zoho did nothing; trying again later is safe
│   ├── BudgetSpent        our own share of Zoho's limit is used up; nothing was sent. Wait for retry_at
│   ├── BreakerOpen        Zoho failed too often; nothing was sent. Show our copy, wait for retry_at
│   ├── RateLimited        Zoho answered 429. All processes are held back until retry_at
│   ├── Unauthorized       Zoho refuses our token or its permissions. `what_to_do` says what staff must do
│   ├── TokenThrottled     Zoho hands out no access token for now. Wait for retry_at, never loop
│   └── Unreachable        a read failed or no connection was made. Show our copy, try again
│       └── Timeout          ... because the answer took too long
├── OutcomeUnknown       a write was sent and not clearly answered: look it up, never send it again
├── NotFound             Zoho does not know the object (any more)
├── Rejected             Zoho says no to what was asked; the same request will be refused again
└── BadAnswer            a read was answered with something that is not Zoho's JSON

One decision lives here: is an object gone, or is this a failure? Zoho says "unknown id" with HTTP 404
or with HTTP 400 and a code per kind of object (facts.md 2.3). GONE lists the codes seen in recordings.
It is closed by default: a code that is not listed is a Rejected, a 404 without Zoho's JSON (a proxy's
page, a wrong address) is a BadAnswer, because taking a failure for "gone"
would hide a customer's subscription. Add a code only with a recording or a sandbox case behind it.
Texts are never looked at: Zoho translates them (facts.md 2.1).
"""

from datetime import datetime
from http import HTTPStatus

from portal.errors import PortalError, Unavailable

GONE = frozenset({1002, 2006, 3004, 101002, 102001})
# "No such address" and "no such method": a wrong ZOHO_API_URL must not make every object look gone.
WRONG_ADDRESS = frozenset({5, 37})
TOKEN_REFUSED = frozenset({14, 57})
THROTTLED = frozenset({44, 45, 1070})
INTERNAL_ERROR = 1000
DAILY_LIMIT = 45
CONCURRENCY_LIMIT = 1070


class ZohoError(PortalError):
    """Something went wrong between the portal and Zoho."""


class NoEffect(ZohoError, Unavailable):
    """Zoho Billing cannot be asked right now. Nothing was changed; try again in a few minutes."""


class _Waits(NoEffect):
    def __init__(self, message: str | None = None, *, retry_at: datetime | None = None) -> None:
        super().__init__(message or type(self).__doc__)
        self.retry_at = retry_at


class BudgetSpent(_Waits):
    """Too many requests to Zoho Billing at the moment. Nothing was sent; try again in a minute."""


class BreakerOpen(_Waits):
    """Zoho Billing is not answering at the moment. Nothing was sent; try again in a few minutes."""


class RateLimited(_Waits):
    """Zoho Billing asks us to wait. Nothing was changed; try again in a few minutes."""


class TokenThrottled(_Waits):
    """Zoho hands out no access token for now. Nothing was sent; it is tried again by itself."""


class Unauthorized(NoEffect):
    """Zoho refuses the portal's access. Nothing was changed; the support team has to reconnect it."""

    def __init__(self, reason: str, what_to_do: str, *, another_token_may_help: bool = False) -> None:
        super().__init__()
        self.reason = reason
        self.what_to_do = what_to_do
        self.another_token_may_help = another_token_may_help

    def __str__(self) -> str:
        return f"{self.reason}: {self.what_to_do}"


class Unreachable(NoEffect):
    """Zoho Billing does not answer. Nothing was changed; try again in a few minutes."""

    def __init__(self, reason: str = "", *, status: int | None = None, sent: bool = True) -> None:
        super().__init__()
        self.reason = reason
        self.status = status
        self.sent = sent

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})" if self.reason else self.message


class Timeout(Unreachable):
    """Zoho Billing took too long to answer. Nothing was changed; try again in a few minutes."""


class _Reasoned(ZohoError):
    """Keeps for the log what people are not told."""

    def __init__(self, reason: str = "", *, status: int | None = None) -> None:
        super().__init__()
        self.reason = reason
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})" if self.reason else self.message


class OutcomeUnknown(_Reasoned):
    """Zoho Billing did not confirm the change. We are checking whether it went through."""


class Rejected(ZohoError):
    """Zoho Billing refused this request."""

    def __init__(self, code: int, message: str, status: int) -> None:
        super().__init__(message or type(self).__doc__)
        self.code = code
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} (code {self.code}, HTTP {self.status})"


class NotFound(Rejected):
    """Zoho Billing does not know this object (any more)."""


class BadAnswer(_Reasoned):
    """Zoho Billing answered with something that the portal does not understand."""


def says_gone(status: int, code: int) -> bool:
    """Tell whether an answer with this HTTP status and Zoho code means "no such object"."""
    return code in GONE or (status == HTTPStatus.NOT_FOUND and code not in WRONG_ADDRESS)
