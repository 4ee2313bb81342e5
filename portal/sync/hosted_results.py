"""What to ask of each kind of hosted page, and what to read when it has succeeded.

Zoho documents what ``GET /hostedpages/{id}`` holds only for subscriptions (facts.md 4.5, U3), so for the
other kinds ``success`` means: read again the objects that the attempt was about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from portal.billing.catalogue import Choice
from portal.billing.statuses import NOT_STARTED
from portal.db import transaction
from portal.sync import refresh
from portal.zoho import errors
from portal.zoho.payloads import HostedPage

if TYPE_CHECKING:
    from portal.services import Services
    from portal.sync.checkouts import Checkout

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Zoho's ids of what the page made or changed; None where it made none of the kind."""

    subscription_zoho_id: str | None = None
    invoice_zoho_id: str | None = None


Body = dict[str, Any]


def create(services: "Services", checkout: "Checkout", customer_id: str) -> HostedPage:
    """Ask Zoho for the page of this attempt."""
    return services.zoho.create_hosted_page(checkout.kind, _request_body(services, checkout, customer_id))


def _request_body(services: "Services", checkout: "Checkout", customer_id: str) -> Body:
    """Build Zoho's request for the page of this attempt."""
    body = _BODIES[checkout.kind](checkout, customer_id)
    if checkout.kind != "update_payment_method":  # facts.md 4.1: this one takes no redirect_url
        base = services.settings.base_url
        body["redirect_url"] = f"{base}/checkouts/{checkout.id}/return"
    return body


def subscription_items(choice: Choice) -> Body:
    """Say plan, addons and coupon in Zoho's words (always the full list of addons: facts.md U9)."""
    body: Body = {"plan": {"plan_code": choice.plan_code, "quantity": choice.quantity}}
    body["addons"] = [{"addon_code": code, "quantity": quantity} for code, quantity in choice.addons]
    if choice.coupon_code:
        body["coupon_code"] = choice.coupon_code
    return body


def _new_subscription(checkout: "Checkout", customer_id: str) -> Body:
    items = subscription_items(Choice.from_json(checkout.choice))
    return {"customer_id": customer_id, "reference_id": checkout.key, **items}


def _update_subscription(checkout: "Checkout", _customer_id: str) -> Body:
    items = subscription_items(Choice.from_json(checkout.choice))
    return {"subscription_id": checkout.choice["subscription_zoho_id"], **items}


def _update_card(checkout: "Checkout", _customer_id: str) -> Body:
    return {"subscription_id": checkout.choice["subscription_zoho_id"]}


def _add_payment_method(_checkout: "Checkout", customer_id: str) -> Body:
    return {"customer_id": customer_id}


def _update_payment_method(checkout: "Checkout", _customer_id: str) -> Body:
    names = {"card": "card_id", "bank_account": "account_id", "paypal": "paypal_id"}
    return {names[checkout.choice["method_kind"]]: checkout.choice["method_zoho_id"]}


def _invoice_payment(checkout: "Checkout", _customer_id: str) -> Body:
    return {"invoice_id": checkout.choice["invoice_zoho_id"]}


def _one_time_addon(checkout: "Checkout", _customer_id: str) -> Body:
    addons = [{"addon_code": code, "quantity": quantity} for code, quantity in checkout.choice["addons"]]
    return {"subscription_id": checkout.choice["subscription_zoho_id"], "addons": addons}


_BODIES: dict[str, Callable[["Checkout", str], Body]] = {
    "new_subscription": _new_subscription,
    "update_subscription": _update_subscription,
    "update_card": _update_card,
    "add_payment_method": _add_payment_method,
    "update_payment_method": _update_payment_method,
    "invoice_payment": _invoice_payment,
    "one_time_addon": _one_time_addon,
}


def outcome_of(services: "Services", checkout: "Checkout", page: HostedPage) -> Outcome | None:
    """Read from a successful page what it made; None while that cannot be found yet."""
    if checkout.kind == "new_subscription":
        if page.subscription_zoho_id:
            return Outcome(page.subscription_zoho_id, page.invoice_zoho_id or None)
        return search(services, checkout)
    about = checkout.choice
    return Outcome(
        page.subscription_zoho_id or about.get("subscription_zoho_id"),
        page.invoice_zoho_id or about.get("invoice_zoho_id"),
    )


def search(services: "Services", checkout: "Checkout") -> Outcome | None:
    """Search Zoho for the subscription that carries this attempt's key, and came to be."""
    if checkout.kind != "new_subscription":
        return None
    carrying = services.zoho.find_subscriptions_by_reference(checkout.key)
    found = [one for one in carrying if one.status != NOT_STARTED]
    return Outcome(found[0].zoho_id) if found else None


def bring_home(services: "Services", checkout: "Checkout", outcome: Outcome) -> None:
    """Refresh everything that the page may have touched, so that the next page shows it.

    What the page was for must be readable, or it is not confirmed; what else it touched, and makes no sense,
    is left to the comparison.
    """
    invoice_id = outcome.invoice_zoho_id
    if outcome.subscription_zoho_id:
        found = refresh.refresh(services, "subscription", outcome.subscription_zoho_id, source="return")
        invoice_id = invoice_id or (found.child_invoice_zoho_id if found else None)
    if invoice_id:
        is_paid_there = checkout.kind == "invoice_payment"
        read = refresh.refresh if is_paid_there else _read_beside
        invoice = read(services, "invoice", invoice_id, source="return")
        # A paid invoice may end a dunning, and Zoho sends no event of the subscription for that.
        about = set(invoice.subscription_zoho_ids) if invoice else set()
        for zoho_id in sorted(about - {outcome.subscription_zoho_id}):
            _read_beside(services, "subscription", zoho_id, source="return")
    customer_id = _customer_of(services, checkout)
    if customer_id:
        _read_beside(services, "payment_methods", customer_id, source="return")
        _read_beside(services, "customer", customer_id, source="return")


def _read_beside(services: "Services", kind: str, zoho_id: str, *, source: str) -> Any:
    try:
        return refresh.refresh(services, kind, zoho_id, source=source)
    except (errors.Rejected, errors.BadAnswer) as problem:
        log.warning("not readable after a payment page", kind=kind, zoho_id=zoho_id, error=repr(problem))
        return None


def _customer_of(services: "Services", checkout: "Checkout") -> str | None:
    with transaction.as_worker(services.pool) as conn:
        row = conn.execute(
            "select zoho_customer_id from billing.accounts where id = %s", [checkout.account_id]
        ).fetchone()
    return row["zoho_customer_id"] if row else None
