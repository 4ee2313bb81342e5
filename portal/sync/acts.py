"""Every act that the portal asks of Zoho, and how each is looked up when its answer was lost.

One line a kind in :data:`ACTS`. ``call`` sends once; ``look_up`` recognises the effect by what Zoho says
now, compared with what was asked (``intent.request``) and what was there (``intent.before``); ``follow``
brings what may have changed into the mirror by the one refresh path.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from portal.billing import declines
from portal.billing.catalogue import Choice
from portal.billing.invoice import paid
from portal.billing.statuses import NOT_STARTED
from portal.db import transaction
from portal.errors import PortalError
from portal.sync import customers, hosted_results, intents, refresh
from portal.sync.intents import Act, Intent
from portal.zoho import errors as zoho_errors
from portal.zoho import payloads

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

Result = dict[str, Any]
ONE_TIME = "one_time"
_OF_TYPE = (
    "select code from billing.addons where code = any (%(codes)s) and type = %(type)s and gone_at is null"
)
_NOT_PAID = "The first payment did not go through, so nothing was started. Choose another way to pay."


def run(services: "Services", wish: intents.Wish) -> Intent:
    """Record the wish for its person and carry it out once; return the intent as it then is.

    Raises :class:`~portal.errors.Refused` when its key is taken, :class:`~portal.errors.Conflict` when its
    subject is.
    """
    with transaction.as_web(services.pool, wish.user_id) as conn:
        intent = intents.record(conn, wish)
    return intents.perform(services, ACTS, intent.id)


def perform(services: "Services", intent_id: UUID) -> None:
    """Carry out an act that was recorded with something else; what cannot be done now the worker does."""
    try:
        intents.perform(services, ACTS, intent_id)
    except PortalError as trouble:
        log.warning("intent not performed", intent=str(intent_id), problem=trouble.message)


def resolve_due(services: "Services", limit: int = 20) -> int:
    """Look at intents whose outcome is open; return how many. One that cannot be asked now waits."""
    with transaction.as_worker(services.pool) as conn:
        due = intents.list_due(conn, limit)
    for intent_id in due:
        try:
            intents.resolve(services, ACTS, intent_id)
        except Exception as trouble:  # noqa: BLE001 - whatever it is, the others must not wait for it
            log.warning("intent not resolved", intent=str(intent_id), problem=repr(trouble))
            with transaction.as_worker(services.pool) as conn:
                intents.put_off(conn, intent_id)
    return len(due)


# --- subscriptions ---------------------------------------------------------------------------------


def _create_subscription(services: "Services", intent: Intent) -> Result:
    found = services.zoho.create_subscription(_creation_body(intent, _customer_for(services, intent)))
    if found.status == NOT_STARTED:
        raise zoho_errors.Rejected(0, _NOT_PAID, 200)
    return {"subscription_zoho_id": found.zoho_id}


def _customer_for(services: "Services", intent: Intent) -> str:
    """Have a customer to sell to. Without one nothing is sent: the purchase is refused, to be tried again."""
    assert intent.account_id is not None  # noqa: S101 - a purchase is always somebody's
    try:
        return customers.ensure(services, intent.account_id, intent.user_id)
    except PortalError as trouble:
        raise zoho_errors.NoEffect(trouble.message) from trouble


def _creation_body(intent: Intent, customer_id: str) -> dict[str, Any]:
    request = intent.request
    body = {
        "customer_id": customer_id,
        "reference_id": intent.key,
        "auto_collect": bool(request.get("method_zoho_id")),
        **hosted_results.subscription_items(Choice.from_json(request["choice"])),
    }
    if request.get("method_zoho_id"):
        body[_method_field(request["method_kind"])] = request["method_zoho_id"]
    return body


def _find_created(services: "Services", intent: Intent) -> Result | None:
    found = services.zoho.find_subscriptions_by_reference(intent.key)
    started = [one for one in found if one.status != NOT_STARTED]
    if found and not started:
        raise intents.Failed(_NOT_PAID)
    return {"subscription_zoho_id": started[0].zoho_id} if started else None


def _change_plan(services: "Services", intent: Intent) -> Result:
    body = {
        **hosted_results.subscription_items(Choice.from_json(intent.request["choice"])),
        "end_of_term": intent.request["end_of_term"],
    }
    found = services.zoho.change_plan(intent.subject_zoho_id, body)
    return {"child_invoice_zoho_id": found.child_invoice_zoho_id}


def _find_changed(services: "Services", intent: Intent) -> Result | None:
    found = services.zoho.fetch_subscription(intent.subject_zoho_id)
    choice = Choice.from_json(intent.request["choice"])
    if intent.request["end_of_term"] and found.has_scheduled_change:
        return {} if _is_scheduled(services, intent, choice) else None
    # Also of a change for the end of the term: it has come meanwhile, or Zoho did not wait (in a trial).
    once = _bought_once(services, choice)
    addons = sorted((addon.code, addon.quantity) for addon in found.addons if addon.type != ONE_TIME)
    wanted = sorted((code, Decimal(quantity)) for code, quantity in choice.addons if code not in once)
    is_there = (
        found.plan.code == choice.plan_code and found.plan.quantity == choice.quantity and addons == wanted
    )
    # What is bought once stands on an invoice and leaves no mark on the subscription.
    if once and found.child_invoice_zoho_id == (intent.before or {}).get("child_invoice"):
        return None
    return {"child_invoice_zoho_id": found.child_invoice_zoho_id} if is_there else None


def _bought_once(services: "Services", choice: Choice) -> set[str]:
    """Return the codes of the chosen addons that are charged once."""
    names = {"codes": [code for code, _ in choice.addons], "type": ONE_TIME}
    with transaction.as_worker(services.pool) as conn:
        return {row["code"] for row in conn.execute(_OF_TYPE, names)}


def _is_scheduled(services: "Services", intent: Intent, choice: Choice) -> bool:
    """Tell whether the change that is planned is the one that was asked for: staff plan changes too."""
    try:
        planned = services.zoho.fetch_scheduled_change(intent.subject_zoho_id).plan
    except zoho_errors.Rejected:
        return True  # planned, and Zoho does not say what
    return planned.code == choice.plan_code and planned.quantity == choice.quantity


def _cancel(services: "Services", intent: Intent) -> Result:
    services.zoho.cancel(intent.subject_zoho_id, at_end=intent.request["at_end"])
    return {}


def _find_cancelled(services: "Services", intent: Intent) -> Result | None:
    wanted = {"non_renewing", "cancelled"} if intent.request["at_end"] else {"cancelled"}
    return {} if _status(services, intent) in wanted else None


def _reactivate(services: "Services", intent: Intent) -> Result:
    services.zoho.reactivate(intent.subject_zoho_id)
    return {}


def _find_reactivated(services: "Services", intent: Intent) -> Result | None:
    return {} if _status(services, intent) in {"live", "trial"} else None


def _pause(services: "Services", intent: Intent) -> Result:
    services.zoho.pause(intent.subject_zoho_id, intent.request["pause_at"], intent.request.get("reason", ""))
    return {}


def _find_paused(services: "Services", intent: Intent) -> Result | None:
    found = services.zoho.fetch_subscription(intent.subject_zoho_id)
    return {} if found.status == "paused" or found.pause_on is not None else None


def _resume(services: "Services", intent: Intent) -> Result:
    services.zoho.resume(intent.subject_zoho_id, intent.request["resume_at"])
    return {}


def _find_resumed(services: "Services", intent: Intent) -> Result | None:
    found = services.zoho.fetch_subscription(intent.subject_zoho_id)
    # A day that staff had planned before is not the one that was asked for.
    is_planned = str(found.resume_on) == intent.request["resume_at"]
    return {} if found.status != "paused" or is_planned else None


def _drop_change(services: "Services", intent: Intent) -> Result:
    services.zoho.drop_scheduled_change(intent.subject_zoho_id)
    return {}


def _find_dropped(services: "Services", intent: Intent) -> Result | None:
    found = services.zoho.fetch_subscription(intent.subject_zoho_id)
    return None if found.has_scheduled_change else {}


def _use_method(services: "Services", intent: Intent) -> Result:
    services.zoho.attach_card(intent.subject_zoho_id, intent.request["method_zoho_id"], auto_collect=True)
    return {}


def _find_method_used(services: "Services", intent: Intent) -> Result | None:
    found = services.zoho.fetch_subscription(intent.subject_zoho_id)
    # The card alone may have been there before; that it is charged by itself is what was asked for too.
    is_used = found.payment_method_zoho_id == intent.request["method_zoho_id"] and found.auto_collect
    return {} if is_used else None


def _status(services: "Services", intent: Intent) -> str:
    return services.zoho.fetch_subscription(intent.subject_zoho_id).status


# --- invoices and payment methods ------------------------------------------------------------------


def _collect(services: "Services", intent: Intent) -> Result:
    field = _method_field(intent.request["method_kind"])
    payment = services.zoho.collect(intent.subject_zoho_id, {field: intent.request["method_zoho_id"]})
    if payment.status == "failure":
        # Zoho may say a decline as a payment that failed, or refuse the call (facts.md U12).
        raise zoho_errors.Rejected(
            0, f"The payment did not go through: {declines.reason(payment.charge.error_code)}.", 200
        )
    return {"payment_zoho_id": payment.zoho_id}


def _find_collected(services: "Services", intent: Intent) -> Result | None:
    invoice = services.zoho.fetch_invoice(intent.subject_zoho_id)
    # By the money that came in: a balance also goes down when staff void, write off, or apply a credit.
    before = Decimal(intent.before["paid"]) if intent.before else Decimal(0)
    return {} if invoice.ach_payment_initiated or paid(invoice.raw) > before else None


def _remove_method(services: "Services", intent: Intent) -> Result:
    services.zoho.delete_card(intent.request["customer_id"], intent.subject_zoho_id)
    return {}


def _find_removed(services: "Services", intent: Intent) -> Result | None:
    cards = services.zoho.fetch_cards(intent.request["customer_id"])
    return None if any(card.zoho_id == intent.subject_zoho_id for card in cards) else {}


def _update_customer(services: "Services", intent: Intent) -> Result:
    services.zoho.update_customer(intent.subject_zoho_id, intent.request["fields"])
    return {}


def _find_updated(services: "Services", intent: Intent) -> Result | None:
    raw = services.zoho.fetch_customer(intent.subject_zoho_id).raw
    return {} if _holds(raw, intent.request["fields"]) else None


def _holds(raw: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Tell whether Zoho's object has every value that was asked for (nested objects too)."""
    for name, wanted in fields.items():
        there = raw.get(name)
        if isinstance(wanted, dict):
            if not isinstance(there, dict) or not _holds(there, wanted):
                return False
        elif str(there or "") != str(wanted or ""):
            return False
    return True


# --- afterwards ------------------------------------------------------------------------------------


def _follow_subscription(services: "Services", intent: Intent) -> None:
    subscription_id = (intent.result or {}).get("subscription_zoho_id") or intent.subject_zoho_id
    found = _read(services, "subscription", subscription_id)
    if isinstance(found, payloads.Subscription):
        _read(services, "invoice", found.child_invoice_zoho_id)
        _read(services, "customer", found.customer_zoho_id)


def _follow_collection(services: "Services", intent: Intent) -> None:
    _read(services, "invoice", intent.subject_zoho_id)
    for subscription_id in (intent.before or {}).get("subscription_zoho_ids", []):
        _read(services, "subscription", subscription_id)
    _read(services, "payment", (intent.result or {}).get("payment_zoho_id", ""))


def _follow_method(services: "Services", intent: Intent) -> None:
    _read(services, "payment_methods", intent.request["customer_id"])
    for subscription_id in (intent.before or {}).get("subscription_zoho_ids", []):
        _read(services, "subscription", subscription_id)


def _follow_customer(services: "Services", intent: Intent) -> None:
    _read(services, "customer", intent.subject_zoho_id)


def _read(services: "Services", kind: str, zoho_id: str) -> Any:
    """Refresh one object, if there is one."""
    return refresh.refresh(services, kind, zoho_id, source="command") if zoho_id else None


def _method_field(kind: str) -> str:
    return {"card": "card_id", "bank_account": "account_id"}[kind]


ACTS: dict[str, Act] = {
    "create_customer": customers.CREATE_CUSTOMER,
    "create_subscription": Act(_create_subscription, _find_created, _follow_subscription),
    "change_plan": Act(_change_plan, _find_changed, _follow_subscription),
    "cancel": Act(_cancel, _find_cancelled, _follow_subscription),
    "reactivate": Act(_reactivate, _find_reactivated, _follow_subscription),
    "pause": Act(_pause, _find_paused, _follow_subscription),
    "resume": Act(_resume, _find_resumed, _follow_subscription),
    "drop_scheduled_change": Act(_drop_change, _find_dropped, _follow_subscription),
    "use_method": Act(_use_method, _find_method_used, _follow_subscription),
    "collect": Act(_collect, _find_collected, _follow_collection),
    "remove_method": Act(_remove_method, _find_removed, _follow_method),
    # What the portal itself promised to carry over has no hour at which nobody wants it any more.
    "update_customer": Act(_update_customer, _find_updated, _follow_customer, send_within=None),
}
