"""Attempts on Zoho's hosted pages: opened once per choice, settled by what Zoho says.

    preparing -> open -> completed   the thing exists at Zoho and in the mirror
                      -> confirming  the page says success, the rest is not readable yet
                      -> cancelled | failed | expired

The return URL, a webhook, "check now" and the sweeper all end in :func:`settle`; none of them is
believed, Zoho is asked. A hosted page sends nobody back unless it succeeded (facts.md 4.4), so every
attempt is also looked at by the sweeper, and before one is given up its key is searched for among
Zoho's subscriptions (``reference_id``). One that the person gave up can still be paid at Zoho for the rest
of its hour, so it is looked at once more after that. A subscription that turns up later still completes it.
"""

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from portal import clock
from portal.db import transaction
from portal.errors import PortalError
from portal.sync import customers, hosted_results, one_purchase
from portal.sync.checkout_rows import (
    Checkout,
    PageWish,
    change,
    complete_by_reference,
    get,
    hash_of,
    insert_or_find,
    lease,
    list_due,
    put_off,
)
from portal.sync.one_purchase import GRACE, AnotherPurchase, Attempt
from portal.zoho import errors as zoho_errors

if TYPE_CHECKING:
    from portal.services import Services

__all__ = [
    "AnotherPurchase",
    "Attempt",
    "Checkout",
    "PageWish",
    "complete_by_reference",
    "get",
    "give_up",
    "hash_of",
    "make_way",
    "open_page",
    "prepare",
    "settle",
    "settle_due",
]

log = structlog.get_logger()

# Between tries to get a page, twice as long each time; and when nobody waits for it any more.
RETRY_PREPARE = timedelta(seconds=30)
PREPARE_FOR = timedelta(hours=1)
LOOK_AGAIN = (timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=10), timedelta(minutes=30))
# A paid page whose objects cannot be read: so often soon, then as rarely as any other.
CONFIRM_AGAIN = timedelta(seconds=10)
CONFIRMS_SOON = 20


def open_page(services: "Services", wish: PageWish, instead_of: UUID | None = None) -> Checkout:
    """Return the open attempt for this wish, with its hosted page, making both at most once.

    The result may be ``preparing`` when Zoho does not answer or another process is at it, and
    ``completed`` when the earlier attempt turns out to be paid. Raises nothing that loses the wish, but
    :class:`AnotherPurchase` when another purchase is under way that ``instead_of`` does not name.
    """
    if wish.kind == "new_subscription":
        _ask_about_other(services, wish.account_id, wish.user_id, wish.choice_hash)
    earlier = insert_or_find(services, wish, instead_of)
    settled = settle(services, earlier.id, source="command")
    if settled.is_live or settled.state == "completed":
        return settled
    # The earlier attempt turned out to be over; its place is free now.
    return settle(services, insert_or_find(services, wish, instead_of).id, source="command")


def make_way(services: "Services", account_id: UUID, user_id: UUID, instead_of: UUID | None) -> None:
    """Close the open purchase for one that needs no page. Raises :class:`AnotherPurchase` as above."""
    _ask_about_other(services, account_id, user_id)
    with transaction.as_web(services.pool, user_id) as conn:
        one_purchase.make_way(conn, account_id, instead_of=instead_of)


def _ask_about_other(services: "Services", account_id: UUID, user_id: UUID, choice_hash: str = "") -> None:
    """Ask Zoho about the open attempt for another choice; one that was paid must be told, not replaced."""
    with transaction.as_web(services.pool, user_id) as conn:
        other = one_purchase.find_other(conn, account_id, choice_hash)
    if other is None or other.state == "preparing":
        return
    settled = settle(services, other.id, source="command")
    if settled.state in ("completed", "confirming"):
        raise AnotherPurchase(Attempt(settled.id, settled.state, settled.quoted))


def prepare(services: "Services", checkout_id: UUID) -> Checkout:
    """Ask Zoho for the hosted page, one process at a time. An unused page at Zoho does no harm."""
    with transaction.as_worker(services.pool) as conn:
        checkout = lease(conn, checkout_id)
        if checkout is None:
            return get(conn, checkout_id)
    now = clock.now()
    try:
        customer_id = customers.ensure(services, checkout.account_id, checkout.user_id)
        page = hosted_results.create(services, checkout, customer_id)
    except zoho_errors.Rejected as refusal:
        return change(services, checkout, "failed", problem=refusal.message)
    except PortalError as trouble:
        return _prepare_later(services, checkout, trouble.message)
    # Zoho's own two times give the page's life; our clock may differ from theirs.
    life = page.expires_at - page.created_at if page.expires_at and page.created_at else timedelta(hours=1)
    return change(
        services,
        checkout,
        "open",
        hosted_page_id=page.zoho_id,
        hosted_page_url=page.url,
        hosted_page_status=page.status,
        hosted_page_expires_at=now + life,
        problem="",
        next_check_at=clock.now() + LOOK_AGAIN[0],
    )


def _prepare_later(services: "Services", checkout: Checkout, problem: str) -> Checkout:
    """Try again by and by: each try costs calls, and an hour later the person has gone."""
    if clock.now() - checkout.created_at >= PREPARE_FOR:
        return change(services, checkout, "failed", problem=problem)
    pause = RETRY_PREPARE * 2 ** min(checkout.attempts // 2, 4)
    return change(services, checkout, "preparing", problem=problem, next_check_at=clock.now() + pause)


def settle(services: "Services", checkout_id: UUID, *, source: str) -> Checkout:
    """Ask Zoho what became of the attempt and write it down. Safe to call any number of times."""
    with transaction.as_worker(services.pool) as conn:
        checkout = get(conn, checkout_id)
    if checkout.state == "preparing":
        return prepare(services, checkout_id)
    if not checkout.is_watched or checkout.hosted_page_id is None:
        return checkout
    try:
        return _settle_open(services, checkout, source)
    except PortalError as trouble:
        # Zoho cannot be asked now; the attempt stays as it is and is looked at again.
        return change(
            services,
            checkout,
            checkout.state,
            problem=trouble.message,
            next_check_at=clock.now() + _pause(checkout),
        )


def _settle_open(services: "Services", checkout: Checkout, source: str) -> Checkout:
    page = services.zoho.fetch_hosted_page(checkout.hosted_page_id or "")
    # A page that has said "success" stays paid, whatever a lagging read says now.
    if page.status == "success" or checkout.hosted_page_status == "success":
        return _confirm(services, checkout, hosted_results.outcome_of(services, checkout, page), source)
    is_over = page.status in ("cancelled", "force_cancelled") or _has_expired(checkout)
    if is_over:
        found = hosted_results.search(services, checkout)
        if found is not None:
            return _confirm(services, checkout, found, source)
        state = {"failed": "failed", "cancelled": "cancelled"}.get(page.status, "expired")
        return change(services, checkout, _unless_given_up(checkout, state), hosted_page_status=page.status)
    return change(
        services,
        checkout,
        _unless_given_up(checkout, "open"),
        hosted_page_status=page.status,
        problem="The last try was declined." if page.status == "failed" else "",
        next_check_at=clock.now() + _pause(checkout),
    )


def _confirm(
    services: "Services", checkout: Checkout, outcome: "hosted_results.Outcome | None", source: str
) -> Checkout:
    """The page succeeded: bring its objects into the mirror; until they can be read, keep confirming."""
    if outcome is None:
        return _keep_confirming(services, checkout, "")
    try:
        hosted_results.bring_home(services, checkout, outcome)
    except PortalError as trouble:
        # Zoho is away, or another process (perhaps a dead one) still holds the object for reading.
        return _keep_confirming(services, checkout, trouble.message)
    return change(
        services,
        checkout,
        "completed",
        hosted_page_status="success",
        subscription_zoho_id=outcome.subscription_zoho_id,
        invoice_zoho_id=outcome.invoice_zoho_id,
        confirmed_at=clock.now(),
        confirmed_by=source,
        problem="",
    )


def _keep_confirming(services: "Services", checkout: Checkout, problem: str) -> Checkout:
    return change(
        services,
        checkout,
        _unless_given_up(checkout, "confirming"),
        hosted_page_status="success",
        problem=problem,
        next_check_at=clock.now() + _confirm_pause(checkout),
    )


def _unless_given_up(checkout: Checkout, state: str) -> str:
    """Return the next state; what was given up stays so until it is known to be paid."""
    return state if checkout.is_live else checkout.state


def give_up(services: "Services", checkout_id: UUID) -> Checkout:
    """The person says that they are not going to pay. Looked up first; a paid one stays bought."""
    checkout = settle(services, checkout_id, source="command")
    if not checkout.is_live or checkout.state == "confirming":
        return checkout
    watched = one_purchase.watch_until(checkout.hosted_page_expires_at)
    return change(services, checkout, "cancelled", next_check_at=watched)


def settle_due(services: "Services", limit: int = 20) -> int:
    """Look at the attempts that want a look; return how many. One in trouble does not stop the others."""
    with transaction.as_worker(services.pool) as conn:
        due = list_due(conn, limit)
    for checkout_id in due:
        try:
            settle(services, checkout_id, source="sweep")
        except Exception as trouble:  # noqa: BLE001 - whatever it is, the others must not wait for it
            log.warning("checkout not settled", checkout=str(checkout_id), problem=repr(trouble))
            with transaction.as_worker(services.pool) as conn:
                put_off(conn, checkout_id, clock.now() + LOOK_AGAIN[0])
    return len(due)


def _has_expired(checkout: Checkout) -> bool:
    expires_at = checkout.hosted_page_expires_at
    return expires_at is not None and clock.now() >= expires_at + GRACE


def _confirm_pause(checkout: Checkout) -> timedelta:
    if checkout.attempts < CONFIRMS_SOON:
        return CONFIRM_AGAIN
    return LOOK_AGAIN[min((checkout.attempts - CONFIRMS_SOON) // 5, len(LOOK_AGAIN) - 1)]


def _pause(checkout: Checkout) -> timedelta:
    """Wait longer each time, but look once just after the page expires."""
    if checkout.state == "confirming":
        return _confirm_pause(checkout)
    pause = LOOK_AGAIN[min(checkout.attempts, len(LOOK_AGAIN) - 1)]
    if checkout.hosted_page_expires_at is not None:
        until_over = checkout.hosted_page_expires_at + GRACE - clock.now()
        if timedelta(0) < until_over < pause:
            return until_over + timedelta(seconds=1)
    return pause
