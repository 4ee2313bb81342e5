"""Why a payment failed, in plain words, from what the gateway said.

Codes are the gateway's own (facts.md 5.3): Zoho's normalised ones and Authorize.Net's numbers that mean
one thing. Anything else is "declined": a guessed reason would send somebody to the wrong place.
"""

_REASONS = {
    "card_expired": "the card has expired",
    "expired_card": "the card has expired",
    "8": "the card has expired",
    "insufficient_funds": "there was not enough money on the card",
    "do_not_honor": "the bank declined the payment",
    "2": "the bank declined the payment",
    "processing_error": "the bank could not process the payment",
    "authentication_required": "the bank wants you to confirm it yourself",
    "transaction_not_permitted": "the bank does not allow this kind of payment",
    "27": "the billing address does not match the card",
}


def reason(code: str) -> str:
    """Return why, as the second half of "The payment failed: ..."."""
    return _REASONS.get(code.strip().lower(), "the bank declined the payment")
