"""Refusals in Zoho's words.  Codes 1002, 2006, 3004, 101002, 102001 and 100502 are recorded; see
docs/sandbox.md
for the ones that nobody has recorded and that are therefore ours.
"""

from __future__ import annotations

BAD_VALUE = 2
INVALID_URL = 5
WRONG_METHOD = 37
INTERNAL = 1000
MISSING = 1002
REFUSED = 1003
GATEWAY = 1004


class ZohoError(Exception):
    """An answer with a non-zero code."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Declined(ZohoError):
    """The gateway refused; `reason` is its normalised code (`insufficient_funds`), `method_id` what it was
    to charge, where that is on file.
    """

    def __init__(self, reason: str, message: str, method_id: str = "") -> None:
        super().__init__(GATEWAY, message)
        self.reason = reason
        self.method_id = method_id


def bad(field: str) -> ZohoError:
    """A value that makes no sense."""
    return ZohoError(BAD_VALUE, f"Invalid value passed for {field}")


def refused(message: str) -> ZohoError:
    """A request that makes sense, at a moment when it may not be done."""
    return ZohoError(REFUSED, message)


UNKNOWN = {
    "products": (2006, "Invalid Product ID.", 400),
    "customers": (3004, "Please enter a valid reference for the customer", 400),
    "plans": (101002, "Invalid PlanCode.", 400),
    "addons": (102001, "Invalid AddonCode.", 400),
    "coupons": (MISSING, "Invalid CouponCode.", 400),
    "subscriptions": (MISSING, "Subscription ID does not exist.", 404),
    "invoices": (MISSING, "Invoice does not exist.", 404),
    "payments": (MISSING, "Payment does not exist.", 404),
    "credit_notes": (MISSING, "Credit note does not exist.", 404),
    "refunds": (MISSING, "Refund does not exist.", 404),
    "unbilled_charges": (MISSING, "Unbilled charge does not exist.", 404),
    "cards": (MISSING, "Card does not exist.", 404),
    "bank_accounts": (MISSING, "Bank account does not exist.", 404),
    "contact_persons": (MISSING, "Contact person does not exist.", 404),
    "organizations": (MISSING, "Organization does not exist.", 404),
    "notes": (MISSING, "Note does not exist.", 404),
}


def unknown(kind: str) -> ZohoError:
    """There is no such thing: 400 for most kinds, 404 for some, as recorded."""
    code, message, status = UNKNOWN[kind]
    return ZohoError(code, message, status)
