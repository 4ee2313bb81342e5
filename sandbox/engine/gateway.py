"""The payment gateway: what a stored card or bank account does when it is charged.

A behaviour is decided by the number when the method is added; the number itself is never kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import dates
from sandbox.errors import Declined
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

CARDS = {
    "4000000000000002": "declines:do_not_honor",
    "4000000000009995": "declines:insufficient_funds",
    "4000000000000069": "declines:card_expired",
    "4000000000000341": "declines_later",
    "4000000000003220": "second_try",
}
RETURNED_ACCOUNT = "000111111113"
MESSAGES = {
    "do_not_honor": "This transaction has been declined.",
    "insufficient_funds": "The card has insufficient funds.",
    "card_expired": "The credit card has expired.",
    "processing_error": "An error occurred during processing. Please try again.",
    "transaction_not_permitted": "The transaction is not permitted.",
    "account_returned": "The bank returned the payment.",
    "no_payment_method": "No payment method is associated with the subscription.",
}
BRANDS = (
    ("34", "amex"),
    ("37", "amex"),
    ("4", "visa"),
    ("5", "mastercard"),
    ("6", "discover"),
    ("2", "mastercard"),
)


@dataclass(frozen=True)
class Outcome:
    """What the gateway said; `reason` is empty when it took the money."""

    reason: str = ""
    pending: bool = False

    @property
    def message(self) -> str:
        """The gateway's sentence."""
        return MESSAGES.get(self.reason, self.reason)


def card_behaviour(number: str, holder: str) -> str:
    """What a card of this number will do."""
    if holder.strip().lower() == "failure":
        return "declines:do_not_honor"
    return CARDS.get(number, "succeeds")


def bank_behaviour(account: str) -> str:
    """What a bank account of this number will do."""
    return "returned" if account == RETURNED_ACCOUNT else "settles"


def brand(number: str) -> str:
    """The card's brand by its first digits."""
    return next((name for start, name in BRANDS if number.startswith(start)), "unknown")


def charge(world: World, tx: Tx, method: Doc) -> Outcome:
    """Try to take money; counts the attempt on the method."""
    attempt = method["charges"] = method.get("charges", 0) + 1
    forced = method.pop("next_decline", "") or _organisation_wide(tx)
    tx.put("methods", method["method_id"], method)
    if forced:
        return Outcome(forced)
    if method["type"] == "bank":
        return Outcome(pending=True)
    if expired(world, method):
        return Outcome("card_expired")
    if world.settings.u17_test_cards == "always_succeed":
        return Outcome()
    behaviour, _, reason = method["behaviour"].partition(":")
    refuses = (
        behaviour == "declines"
        or (behaviour == "declines_later" and attempt > 1)
        or (behaviour == "second_try" and attempt == 1)
    )
    return Outcome((reason or "do_not_honor") if refuses else "")


def spend_forced(world: World, decline: Declined) -> None:
    """A charge that staff had declined was refused and rolled back; that it happened once outlives this."""
    with world.store.transaction() as tx:
        method = tx.get("methods", decline.method_id)
        if method and method.pop("next_decline", ""):
            tx.put("methods", method["method_id"], method)
        else:
            tx.set_meta("next_charge_declines", "")


def expired(world: World, method: Doc) -> bool:
    """A card is good to the end of its month."""
    last = dates.month_end(method["expiry_year"], method["expiry_month"])
    return world.clock.today() > last


def _organisation_wide(tx: Tx) -> str:
    reason = tx.meta("next_charge_declines") or ""
    if reason:
        tx.set_meta("next_charge_declines", "")
    return reason
