"""What the portal can read from Zoho Billing: `fetch_` one object, `list_` a page, `find_` by a value.

Reads return models of `payloads` with `raw`; a missing object raises NotFound. A reader speaks in one lane
of the call budget; `lane("reconcile")` gives the same one in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, Self, TypeVar

from portal.zoho.calls import Call, Caller, PdfStream
from portal.zoho.errors import BadAnswer, NotFound
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
    ScheduledChange,
    Subscription,
    Tax,
)
from portal.zoho.payloads.base import object_from, rows_from
from portal.zoho.tokens import Tokens

PER_PAGE = 200
Kind = TypeVar("Kind", bound=Payload)


@dataclass(frozen=True, slots=True)
class Page(Generic[Kind]):
    """One page of a list; rows can shift between pages, for Zoho counts offsets (facts.md 2.4).

    ``unreadable`` are the ids of rows that make no sense (an amount that is no number): they are there, and
    one of them must not hide the others.
    """

    items: list[Kind]
    has_more: bool
    page: int
    unreadable: tuple[str, ...] = ()

    def whole(self) -> list[Kind]:
        """Return the items of a search. Raises :class:`BadAnswer` if a row may be one and makes no sense."""
        if self.unreadable:
            raise BadAnswer(f"{len(self.unreadable)} rows that cannot be read")
        return self.items


class ZohoReader:
    def __init__(self, caller: Caller, tokens: Tokens) -> None:
        self._caller = caller
        self.tokens = tokens

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
        answer = self._ask("GET", "/subscriptions/{id}/scheduledchanges", {"id": subscription_id})
        found = object_from(answer.get("subscription"))
        if not found:
            # What Zoho says when there is none, nobody has recorded (facts.md 3.6); it may be a plain "yes".
            raise NotFound(0, "", HTTPStatus.OK)
        return ScheduledChange.model_validate({**found, "raw": found})

    def fetch_bank_account(self, customer_id: str, account_id: str) -> BankAccount:
        path = "/customers/{customer}/bankaccounts/{account}"
        answer = self._ask("GET", path, {"customer": customer_id, "account": account_id})
        # The specification types this one account as a list of accounts (facts.md 5.1).
        found = answer.get("bank_accounts") or answer.get("bank_account")
        row = next(iter(rows_from(found)), object_from(found))
        if not row:
            raise BadAnswer("an answer without bank_accounts")
        return BankAccount.parse({"account_id": account_id, "customer_id": customer_id, **row})

    def fetch_cards(self, customer_id: str) -> list[Card]:
        answer = self._ask("GET", "/customers/{id}/cards", {"id": customer_id})
        return [Card.parse({"customer_id": customer_id, **row}) for row in rows_from(answer.get("cards"))]

    def fetch_organizations(self) -> list[Organization]:
        answer = self._caller.ask(Call("GET", "/organizations", organization=False))
        return [Organization.parse(row) for row in rows_from(answer.get("organizations"))]

    def fetch_taxes(self) -> list[Tax]:
        answer = self._ask("GET", "/settings/taxes", {})
        return [Tax.parse(row) for row in rows_from(answer.get("taxes"))]

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

    def find_subscriptions_by_reference(self, reference_id: str) -> list[Subscription]:
        """Find what a command of ours made: the only way to learn it after a time-out (facts.md 2.7)."""
        found = self.list_subscriptions(reference_contains=reference_id).whole()
        return [subscription for subscription in found if subscription.reference_id == reference_id]

    def find_customers_by_email(self, email: str) -> list[Customer]:
        """Find every customer with this address: several may share it (facts.md 10, gotcha 8)."""
        found = self.list_customers(email=email).whole()
        return [customer for customer in found if customer.email.casefold() == email.casefold()]

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
        self, path: str, kind: type[Kind], page: int, filters: Mapping[str, str], *keys: str
    ) -> Page[Kind]:
        query = {"page": str(page), "per_page": str(PER_PAGE), **filters}
        answer = self._caller.ask(Call("GET", path, query=query))
        rows = next((answer[key] for key in keys if isinstance(answer.get(key), list)), None)
        if rows is None:
            # An empty list would look like "all deleted" to the reconciliation.
            raise BadAnswer(f"a list without {keys[0]}")
        context = object_from(answer.get("page_context"))
        items, unreadable = [], []
        for row in rows_from(rows):
            try:
                items.append(kind.parse(row))
            except BadAnswer:
                unreadable.append(kind.id_in(row))
        return Page(items, context.get("has_more_page") in (True, "true"), page, tuple(unreadable))
