"""Pages that no address gives on demand: error pages and mails, written by the portal's own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from flask import Flask, g

from portal.mail import messages
from portal.web import errors

AMOUNT: dict[str, Any] = {"amount": "49.00", "currency": "USD", "invoice_number": "INV-000042"}
PLAN: dict[str, Any] = {"plan_name": "Team", "ends_on": "2026-12-13", "amount": "49.00", "currency": "USD"}
FAILED: dict[str, Any] = {**AMOUNT, "reason": "There was not enough money on the card.", "last_four": "0042"}
CARD: dict[str, Any] = {"last_four": "4242", "expires_on": "2026-11-30"}
MAILS: dict[str, dict[str, Any]] = {
    "payment_failed": FAILED,
    "final_notice": FAILED,
    "payment_recovered": AMOUNT,
    "receipt": {**AMOUNT, "paid_on": "2026-11-25", "last_four": "4242"},
    "trial_ending": PLAN,
    "cancellation_scheduled": PLAN,
    "subscription_cancelled": {**PLAN, "after_failures": False},
    "subscription_unpaid": PLAN,
    "card_expiring": CARD,
    "card_expired": CARD,
    "invitation": {"by": "Ada Lovelace", "joins": "Ada’s Studio", "role": "billing"},
    "security_notice": {
        "act": "The password of your login was changed",
        "day": "2026-11-25",
        "time": "16:20 UTC",
    },
}


def mails(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield each message with its HTML."""
    settings = app.extensions["services"].settings
    for template, context in MAILS.items():
        facts = {"account_name": "Ada’s Studio", "path": "/invoices", **context}
        row = {
            "id": uuid4(),
            "template": template,
            "recipient": "ada@example.com",
            "locale": "en",
            "context": facts,
        }
        body = messages.render(settings, row).get_body(("html",))
        assert body is not None
        yield template.replace("_", "-"), body.get_content()


def error_pages(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield each error page as a signed-out visitor gets it."""
    for status in errors.WORDS:
        with app.test_request_context("/"):
            app.preprocess_request()
            g.request_id = "01JDHQ6X8Z3W5"
            yield str(status), errors.error_page(status).get_data(as_text=True)
