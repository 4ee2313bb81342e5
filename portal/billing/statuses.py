"""The words for how things stand (glossary), each with a tone: what colour and shape underline it.

Tones: good, warn (wants attention), bad (a problem), plain, quiet (over, of no consequence).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Word(NamedTuple):
    """One or two words for people, and their tone."""

    text: str
    tone: str = "plain"


_SUBSCRIPTION = {
    "live": Word("Active", "good"),
    "trial": Word("Trial", "good"),
    "future": Word("Starts later", "plain"),
    "non_renewing": Word("Ending", "warn"),
    "dunning": Word("Payment failed", "bad"),
    "unpaid": Word("Unpaid", "bad"),
    "paused": Word("Paused", "warn"),
    "cancelled": Word("Ended", "quiet"),
    "cancelled_from_dunning": Word("Ended unpaid", "quiet"),
    "expired": Word("Ended", "quiet"),
    "trial_expired": Word("Trial over", "quiet"),
    "creation_failed": Word("Not started", "quiet"),
}
# Zoho keeps a subscription whose first payment failed; nothing was bought.
NOT_STARTED = "creation_failed"
RUNNING = frozenset({"live", "trial", "future", "non_renewing", "dunning", "unpaid", "paused"})
# Statuses in which the next term is billed by itself.
RENEWING = frozenset({"live", "trial", "dunning"})
_NOT_ISSUED = {"draft": Word("Draft", "quiet"), "pending": Word("In preparation", "quiet")}

_PAYMENT_MODES = {
    "check": "Check",
    "cash": "Cash",
    "creditcard": "Card",
    "banktransfer": "Bank transfer",
    "bankremittance": "Bank transfer",
    "autotransaction": "Charged automatically",
    "achpayment": "Bank account",
    "others": "Other",
}


def subscription_word(status: str) -> Word:
    """Return the word for a subscription's status; one we do not know is shown as Zoho writes it."""
    return _SUBSCRIPTION.get(status) or Word(status.replace("_", " ").capitalize() or "Not known")


def invoice_word(invoice: Row, today: date) -> Word:
    """Return how an invoice stands. Without anything left to pay it is settled, whatever its status says."""
    if invoice["status"] == "void":
        return Word("Void", "quiet")
    if invoice["status"] in _NOT_ISSUED:
        return _NOT_ISSUED[invoice["status"]]
    if invoice["balance"] <= 0:
        return Word("Written off", "quiet") if invoice.get("write_off_amount") else Word("Paid", "good")
    if invoice["ach_payment_initiated"]:
        return Word("Bank payment under way", "plain")
    if invoice["due_date"] and invoice["due_date"] < today:
        return Word("Overdue", "bad")
    if invoice["total"] and invoice["balance"] < invoice["total"]:
        return Word("Partly paid", "warn")
    return Word("Due", "warn")


def payment_word(status: str) -> Word:
    """Return how a payment ended; a status that we do not know is no payment yet."""
    known = {"failure": Word("Failed", "bad"), "success": Word("Paid", "good"), "": Word("Paid", "good")}
    return known.get(status) or Word(status.replace("_", " ").capitalize(), "plain")


def payment_mode(mode: str) -> str:
    """Return how somebody paid."""
    return _PAYMENT_MODES.get(mode, mode.replace("_", " ").capitalize() or "Not known")
