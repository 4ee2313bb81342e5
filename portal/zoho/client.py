"""What the portal can ask Zoho Billing to do: the reads of `reader`, and acts.

Acts return what Zoho answered with. An act is sent once: after OutcomeUnknown the caller looks the result
up (a search by `reference_id`, a fresh read) and never asks again by itself (CONV-04).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from portal.config import Settings
from portal.db.transaction import Pool
from portal.sealing import Keyring
from portal.zoho.budget import Budget
from portal.zoho.calls import Caller
from portal.zoho.errors import BadAnswer, OutcomeUnknown
from portal.zoho.oauth import AccountsServer
from portal.zoho.payloads import Customer, HostedPage, Payment, Raw, Subscription
from portal.zoho.reader import Kind, ZohoReader
from portal.zoho.tokens import Tokens
from portal.zoho.transport import Transport
from portal.zoho.zoho_clock import ZohoClock

# What people write as their reason stays with us; whether Zoho takes one at all, nobody has recorded.
CANCEL_REASON = "Cancelled by the customer"

# The kinds of hosted page in our words (the schema's), and Zoho's name of each (facts.md 4.1).
HOSTED_PAGES = {
    "new_subscription": "newsubscription",
    "update_subscription": "updatesubscription",
    "update_card": "updatecard",
    "add_payment_method": "addpaymentmethod",
    "update_payment_method": "updatepaymentmethod",
    "invoice_payment": "invoicepayment",
    "one_time_addon": "buyonetimeaddon",
}


def build(
    settings: Settings, pool: Pool, keyring: Keyring, sleep: Callable[[float], None] = time.sleep
) -> "ZohoClient":
    """Compose the client; ``sleep`` lets a simulation wait in its own time."""
    tokens = Tokens(settings, pool, keyring, AccountsServer(settings), sleep)
    zoho_clock = ZohoClock(pool, settings.zoho_organization_id)
    transport = Transport([settings.zoho_api_url], zoho_clock.told)
    root = f"{settings.zoho_api_url}/billing/v1"
    return ZohoClient(Caller(root, transport, tokens, Budget(settings, pool, sleep)), tokens)


class ZohoClient(ZohoReader):
    def create_customer(self, body: Mapping[str, Any]) -> Customer:
        return _made(Customer, self._act("POST", "/customers", body=body), "customer")

    def update_customer(self, customer_id: str, body: Mapping[str, Any]) -> Customer:
        answer = self._act("PUT", "/customers/{id}", customer_id, body=body)
        return _made(Customer, answer, "customer")

    def create_hosted_page(self, kind: str, body: Mapping[str, Any]) -> HostedPage:
        """Make a page of one of the ``HOSTED_PAGES``; it lives for an hour, so on the click, not before."""
        answer = self._act("POST", "/hostedpages/{id}", HOSTED_PAGES[kind], body=body)
        return _made(HostedPage, {"hostedpage": answer, **answer}, "hostedpage")

    def create_subscription(self, body: Mapping[str, Any]) -> Subscription:
        return self._subscription(self._act("POST", "/subscriptions", body=body))

    def change_plan(self, subscription_id: str, body: Mapping[str, Any]) -> Subscription:
        """Change plan, quantity or addons. ``body`` names them all: a list replaces a list (facts.md 3.5)."""
        return self._subscription(self._act("PUT", "/subscriptions/{id}", subscription_id, body=body))

    def drop_scheduled_change(self, subscription_id: str) -> None:
        self._act("DELETE", "/subscriptions/{id}/scheduledchanges", subscription_id)

    def cancel(self, subscription_id: str, at_end: bool) -> Subscription:
        """Cancel; a reason goes along because an organisation can demand one (facts.md U10)."""
        query = {"cancel_at_end": "true" if at_end else "false"}
        body = {"cancel_reason": CANCEL_REASON}
        answer = self._act("POST", "/subscriptions/{id}/cancel", subscription_id, query=query, body=body)
        return self._subscription(answer)

    def reactivate(self, subscription_id: str) -> Subscription:
        return self._subscription(self._act("POST", "/subscriptions/{id}/reactivate", subscription_id))

    def pause(self, subscription_id: str, pause_at: str, reason: str = "") -> Subscription:
        """Pause from the day ``pause_at`` (YYYY-MM-DD) on."""
        body = {"pause_at": pause_at, "reason": reason}
        answer = self._act("POST", "/subscriptions/{id}/pause", subscription_id, body=body)
        return self._subscription(answer)

    def resume(self, subscription_id: str, resume_at: str, reason: str = "") -> Subscription:
        """Go on from the day ``resume_at`` (YYYY-MM-DD) on."""
        body = {"resume_at": resume_at, "reason": reason}
        answer = self._act("POST", "/subscriptions/{id}/resume", subscription_id, body=body)
        return self._subscription(answer)

    def attach_card(self, subscription_id: str, card_id: str, auto_collect: bool = True) -> Subscription:
        body = {"card_id": card_id, "auto_collect": auto_collect}
        answer = self._act("POST", "/subscriptions/{id}/card", subscription_id, body=body)
        return self._subscription(answer)

    def delete_card(self, customer_id: str, card_id: str) -> None:
        """Delete a card here and at the gateway, even when subscriptions still use it (facts.md 5.5)."""
        path, ids = "/customers/{customer}/cards/{card}", {"customer": customer_id, "card": card_id}
        self._ask("DELETE", path, ids)

    def collect(self, invoice_id: str, method: Mapping[str, str]) -> Payment:
        """Charge an open invoice to {"card_id": ...} or {"account_id": ...} on file (facts.md 6.1).

        A decline is a Rejected or a payment whose status is not "success" (U12): look at both.
        """
        if len(method) != 1 or not method.keys() <= {"card_id", "account_id"} or not all(method.values()):
            raise ValueError("charge either a card or a bank account")
        return _made(Payment, self._act("POST", "/invoices/{id}/collect", invoice_id, body=method), "payment")

    def _act(self, method: str, path: str, object_id: str | None = None, **rest: Any) -> Raw:
        return self._ask(method, path, {} if object_id is None else {"id": object_id}, **rest)

    def _subscription(self, answer: Raw) -> Subscription:
        return _made(Subscription, answer, "subscription")


def _made(kind: type[Kind], answer: Raw, key: str) -> Kind:
    """Read what an act made. Zoho said yes, so an answer that cannot be read is no failure but a riddle."""
    try:
        return kind.parse(answer.get(key))
    except BadAnswer as problem:
        raise OutcomeUnknown(str(problem)) from None
