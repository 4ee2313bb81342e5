"""What the portal can ask of Zoho Billing, in one class: reads (`fetch_`, `list_`, `find_`) and acts.

Reads return models of `payloads` with `raw`; a missing object raises NotFound. Acts return what Zoho
answered with; after OutcomeUnknown the caller looks the result up and never asks again (CONV-04). A
client speaks in one lane of the call budget; `lane("reconcile")` gives the same client in another.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

from portal.config import Settings
from portal.db.transaction import Pool
from portal.sealing import Keyring
from portal.zoho.budget import Budget
from portal.zoho.calls import Call, Caller, PdfStream
from portal.zoho.errors import BadAnswer, OutcomeUnknown
from portal.zoho.oauth import AccountsServer
from portal.zoho.payloads import (
    Addon,
    BankAccount,
    Card,
    Coupon,
    CreditNote,
    Customer,
    Event,
    HostedPage,
    Invoice,
    Organization,
    Payload,
    Payment,
    Plan,
    Product,
    Raw,
    Refund,
    ScheduledChange,
    Subscription,
)
from portal.zoho.payloads.base import object_from, rows_from
from portal.zoho.tokens import Tokens
from portal.zoho.transport import Transport

PER_PAGE = 200
_Kind = TypeVar("_Kind", bound=Payload)


@dataclass(frozen=True, slots=True)
class Page(Generic[_Kind]):
    """One page of a list; rows can shift between pages, for Zoho counts offsets (facts.md 2.4)."""

    items: list[_Kind]
    has_more: bool
    page: int


class ZohoClient:
    def __init__(self, caller: Caller, tokens: Tokens) -> None:
        self._caller = caller
        self.tokens = tokens

    @classmethod
    def from_settings(
        cls, settings: Settings, pool: Pool, keyring: Keyring, sleep: Callable[[float], None] = time.sleep
    ) -> Self:
        """Compose the client; ``sleep`` lets a simulation wait in its own time."""
        tokens = Tokens(settings, pool, keyring, AccountsServer(settings), sleep)
        transport = Transport([settings.zoho_api_url])
        root = f"{settings.zoho_api_url.rstrip('/')}/billing/v1"
        return cls(Caller(root, transport, tokens, Budget(settings, pool, sleep)), tokens)

    def lane(self, lane: str) -> Self:
        """Return this client speaking in ``interactive``, ``webhook`` or ``reconcile``."""
        return type(self)(self._caller.in_lane(lane), self.tokens)

    # --- one object ---------------------------------------------------------------------------

    def fetch_subscription(self, subscription_id: str) -> Subscription:
        return Subscription.parse(self._one("/subscriptions/{id}", subscription_id, "subscription"))

    def fetch_invoice(self, invoice_id: str) -> Invoice:
        return Invoice.parse(self._one("/invoices/{id}", invoice_id, "invoice"))

    def fetch_customer(self, customer_id: str) -> Customer:
        return Customer.parse(self._one("/customers/{id}", customer_id, "customer"))

    def fetch_payment(self, payment_id: str) -> Payment:
        return Payment.parse(self._one("/payments/{id}", payment_id, "payment"))

    def fetch_credit_note(self, credit_note_id: str) -> CreditNote:
        found = self._one("/creditnotes/{id}", credit_note_id, "credit_note", "creditnote")
        return CreditNote.parse(found)

    def fetch_refund(self, refund_id: str) -> Refund:
        return Refund.parse(self._one("/creditnotes/refunds/{id}", refund_id, "refund"))

    def fetch_product(self, product_id: str) -> Product:
        return Product.parse(self._one("/products/{id}", product_id, "product"))

    def fetch_plan(self, code: str) -> Plan:
        return Plan.parse(self._one("/plans/{id}", code, "plan"))

    def fetch_addon(self, code: str) -> Addon:
        return Addon.parse(self._one("/addons/{id}", code, "addon"))

    def fetch_coupon(self, code: str) -> Coupon:
        return Coupon.parse(self._one("/coupons/{id}", code, "coupon"))

    def fetch_event(self, event_id: str) -> Event:
        return Event.parse(self._one("/events/{id}", event_id, "event"))

    def fetch_hosted_page(self, hostedpage_id: str) -> HostedPage:
        """Read a hosted page, whose keys lie flat in the answer (or wrapped, as when it was made)."""
        answer = self._ask("GET", "/hostedpages/{id}", {"id": hostedpage_id})
        return HostedPage.parse(object_from(answer.get("hostedpage")) or answer)

    def fetch_scheduled_change(self, subscription_id: str) -> ScheduledChange:
        """Read what happens at the end of the term; NotFound or Rejected when nothing is planned."""
        found = self._one("/subscriptions/{id}/scheduledchanges", subscription_id, "subscription")
        return ScheduledChange.model_validate({**found, "raw": found})

    def fetch_bank_account(self, customer_id: str, account_id: str) -> BankAccount:
        path = "/customers/{customer}/bankaccounts/{account}"
        answer = self._ask("GET", path, {"customer": customer_id, "account": account_id})
        # The specification types this one account as a list of accounts (facts.md 5.1).
        rows = rows_from(answer.get("bank_accounts")) or [object_from(answer.get("bank_accounts"))]
        return BankAccount.parse(
            {"account_id": account_id, **(rows[0] or object_from(answer.get("bank_account")))}
        )

    def fetch_cards(self, customer_id: str) -> list[Card]:
        answer = self._ask("GET", "/customers/{id}/cards", {"id": customer_id})
        return [Card.parse({"customer_id": customer_id, **row}) for row in rows_from(answer.get("cards"))]

    def fetch_organizations(self) -> list[Organization]:
        answer = self._caller.ask(Call("GET", "/organizations", organization=False))
        return [Organization.parse(row) for row in rows_from(answer.get("organizations"))]

    def stream_invoice_pdf(self, invoice_id: str) -> PdfStream:
        """Return the invoice's PDF in pieces, once its first bytes have proved to be one (FIL-01)."""
        return self._caller.stream_pdf(Call("GET", "/invoices/{id}", {"id": invoice_id}, {"accept": "pdf"}))

    # --- lists --------------------------------------------------------------------------------

    def list_subscriptions(self, page: int = 1, **filters: str) -> Page[Subscription]:
        return self._page("/subscriptions", Subscription, page, filters, "subscriptions")

    def list_invoices(self, page: int = 1, **filters: str) -> Page[Invoice]:
        return self._page("/invoices", Invoice, page, filters, "invoices")

    def list_customers(self, page: int = 1, **filters: str) -> Page[Customer]:
        return self._page("/customers", Customer, page, filters, "customers")

    def list_payments(self, page: int = 1, **filters: str) -> Page[Payment]:
        return self._page("/payments", Payment, page, filters, "payments", "customerpayments")

    def list_credit_notes(self, page: int = 1, **filters: str) -> Page[CreditNote]:
        return self._page("/creditnotes", CreditNote, page, filters, "creditnotes", "credit_notes")

    def list_products(self, page: int = 1, **filters: str) -> Page[Product]:
        return self._page("/products", Product, page, filters, "products")

    def list_plans(self, page: int = 1, **filters: str) -> Page[Plan]:
        return self._page("/plans", Plan, page, filters, "plans")

    def list_addons(self, page: int = 1, **filters: str) -> Page[Addon]:
        return self._page("/addons", Addon, page, filters, "addons")

    def list_coupons(self, page: int = 1, **filters: str) -> Page[Coupon]:
        return self._page("/coupons", Coupon, page, filters, "coupons")

    def list_events(self, page: int = 1, **filters: str) -> Page[Event]:
        """List newest first, without payloads (facts.md 7.7)."""
        newest_first = {"sort_column": "event_time", "sort_order": "D"}
        return self._page("/events", Event, page, {**newest_first, **filters}, "events")

    def list_hosted_pages(self, page: int = 1, **filters: str) -> Page[HostedPage]:
        return self._page("/hostedpages", HostedPage, page, filters, "hosted_pages", "hostedpages")

    def find_subscriptions_by_reference(self, reference_id: str) -> list[Subscription]:
        """Find what a command of ours made: the only way to learn it after a time-out (facts.md 2.7)."""
        found = self.list_subscriptions(reference_contains=reference_id).items
        return [subscription for subscription in found if subscription.reference_id == reference_id]

    def find_customers_by_email(self, email: str) -> list[Customer]:
        """Find every customer with this address: several may share it (facts.md 10, gotcha 8)."""
        found = self.list_customers(email=email).items
        return [customer for customer in found if customer.email.casefold() == email.casefold()]

    # --- acts ---------------------------------------------------------------------------------

    def create_customer(self, body: Mapping[str, Any]) -> Customer:
        return _made(Customer, self._act("POST", "/customers", body=body), "customer")

    def update_customer(self, customer_id: str, body: Mapping[str, Any]) -> Customer:
        answer = self._act("PUT", "/customers/{id}", customer_id, body=body)
        return _made(Customer, answer, "customer")

    def create_hosted_page(self, kind: str, body: Mapping[str, Any]) -> HostedPage:
        """Make a page of ``kind``: newsubscription, updatecard, ... (facts.md 4.1)."""
        answer = self._act("POST", "/hostedpages/{id}", kind, body=body)
        return _made(HostedPage, {"hostedpage": answer, **answer}, "hostedpage")

    def create_subscription(self, body: Mapping[str, Any]) -> Subscription:
        return self._subscription(self._act("POST", "/subscriptions", body=body))

    def change_plan(self, subscription_id: str, body: Mapping[str, Any]) -> Subscription:
        """Change plan, quantity or addons. ``body`` names them all: a list replaces a list (facts.md 3.5)."""
        return self._subscription(self._act("PUT", "/subscriptions/{id}", subscription_id, body=body))

    def drop_scheduled_change(self, subscription_id: str) -> None:
        self._act("DELETE", "/subscriptions/{id}/scheduledchanges", subscription_id)

    def cancel(self, subscription_id: str, at_end: bool) -> Subscription:
        query = {"cancel_at_end": "true" if at_end else "false"}
        answer = self._act("POST", "/subscriptions/{id}/cancel", subscription_id, query=query)
        return self._subscription(answer)

    def reactivate(self, subscription_id: str) -> Subscription:
        return self._subscription(self._act("POST", "/subscriptions/{id}/reactivate", subscription_id))

    def pause(self, subscription_id: str, body: Mapping[str, Any]) -> Subscription:
        answer = self._act("POST", "/subscriptions/{id}/pause", subscription_id, body=body)
        return self._subscription(answer)

    def resume(self, subscription_id: str, body: Mapping[str, Any]) -> Subscription:
        answer = self._act("POST", "/subscriptions/{id}/resume", subscription_id, body=body)
        return self._subscription(answer)

    def set_auto_collect(self, subscription_id: str, auto_collect: bool) -> Subscription:
        body = {"auto_collect": auto_collect}
        answer = self._act("POST", "/subscriptions/{id}/autocollect", subscription_id, body=body)
        return self._subscription(answer)

    def attach_card(self, subscription_id: str, card_id: str, auto_collect: bool = True) -> Subscription:
        body = {"card_id": card_id, "auto_collect": auto_collect}
        answer = self._act("POST", "/subscriptions/{id}/card", subscription_id, body=body)
        return self._subscription(answer)

    def detach_card(self, subscription_id: str) -> None:
        """Take the card from a subscription, which becomes offline; the customer keeps the card."""
        self._act("DELETE", "/subscriptions/{id}/card", subscription_id)

    def delete_card(self, customer_id: str, card_id: str) -> None:
        """Delete a card here and at the gateway, even when subscriptions still use it (facts.md 5.5)."""
        path, ids = "/customers/{customer}/cards/{card}", {"customer": customer_id, "card": card_id}
        self._ask("DELETE", path, ids)

    def apply_coupon(self, subscription_id: str, code: str) -> None:
        ids = {"subscription": subscription_id, "code": code}
        self._ask("POST", "/subscriptions/{subscription}/coupons/{code}", ids)

    def remove_coupon(self, subscription_id: str) -> None:
        self._act("DELETE", "/subscriptions/{id}/coupons", subscription_id)

    def buy_one_time_addon(self, subscription_id: str, body: Mapping[str, Any]) -> Invoice:
        answer = self._act("POST", "/subscriptions/{id}/buyonetimeaddon", subscription_id, body=body)
        return _made(Invoice, answer, "invoice")

    def collect(self, invoice_id: str, *, card_id: str = "", account_id: str = "") -> Payment:
        """Charge an open invoice to a card or bank account on file (facts.md 6.1).

        A decline is a Rejected or a payment whose status is not "success" (U12): look at both.
        """
        if bool(card_id) == bool(account_id):
            raise ValueError("charge either a card or a bank account")
        body = {"card_id": card_id} if card_id else {"account_id": account_id}
        return Payment.parse(
            self._act("POST", "/invoices/{id}/collect", invoice_id, body=body).get("payment")
        )

    def refund_payment(self, payment_id: str, amount: Decimal, description: str = "") -> Refund:
        body = {"amount": _json_number(amount), "description": description}
        return _made(Refund, self._act("POST", "/payments/{id}/refunds", payment_id, body=body), "refund")

    # --- shared -------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, ids: Mapping[str, str], **rest: Any) -> Raw:
        if not all(ids.values()):
            # An empty id would turn "delete this" into a request to the whole list.
            raise ValueError(f"{path} needs its ids")
        return self._caller.ask(Call(method, path, ids, **rest))

    def _one(self, path: str, object_id: str, *keys: str) -> Raw:
        answer = self._ask("GET", path, {"id": object_id})
        found = next((answer[key] for key in keys if isinstance(answer.get(key), dict)), None)
        if found is None:
            raise BadAnswer(f"an answer without {keys[0]}")
        return object_from(found)

    def _page(
        self, path: str, kind: type[_Kind], page: int, filters: Mapping[str, str], *keys: str
    ) -> Page[_Kind]:
        query = {"page": str(page), "per_page": str(PER_PAGE), **filters}
        answer = self._caller.ask(Call("GET", path, query=query))
        rows = next((answer[key] for key in keys if isinstance(answer.get(key), list)), None)
        if rows is None:
            # An empty list would look like "all deleted" to the reconciliation.
            raise BadAnswer(f"a list without {keys[0]}")
        context = object_from(answer.get("page_context"))
        items = [kind.parse(row) for row in rows_from(rows)]
        return Page(items, context.get("has_more_page") in (True, "true"), page)

    def _act(self, method: str, path: str, object_id: str | None = None, **rest: Any) -> Raw:
        return self._ask(method, path, {} if object_id is None else {"id": object_id}, **rest)

    def _subscription(self, answer: Raw) -> Subscription:
        return _made(Subscription, answer, "subscription")


def _made(kind: type[_Kind], answer: Raw, key: str) -> _Kind:
    """Read what an act made. Zoho said yes, so an answer that cannot be read is no failure but a riddle."""
    try:
        return kind.parse(answer.get(key))
    except BadAnswer as problem:
        raise OutcomeUnknown(str(problem)) from None


def _json_number(amount: Decimal) -> float | int:
    """Write an amount as the JSON number with the same digits."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
