"""Attempts on Zoho's hosted pages: opened once per choice, settled by what Zoho says.

    preparing -> open -> completed   the thing exists at Zoho and in the mirror
                      -> confirming  the page says success, the rest is not readable yet
                      -> cancelled | failed | expired

The return URL, a webhook, "check now" and the sweeper all end in :func:`settle`; none of them is
believed, Zoho is asked. A hosted page sends nobody back unless it succeeded (facts.md 4.4), so every
attempt is also looked at by the sweeper, and before one is given up its key is searched for among
Zoho's subscriptions (``reference_id``). A subscription that turns up later still completes it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import structlog
from psycopg.types.json import Jsonb

from portal import activity, clock
from portal.db import transaction
from portal.db.transaction import Conn
from portal.errors import NotFound, PortalError
from portal.sync import customers, hosted_results
from portal.zoho import errors as zoho_errors

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

LIVE = ("preparing", "open", "confirming", "unknown")
PREPARE_LEASE = timedelta(seconds=30)
RETRY_PREPARE = timedelta(seconds=30)
# A page completed in its last second may be written down by Zoho a little later.
GRACE = timedelta(minutes=2)
LOOK_AGAIN = (timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=10), timedelta(minutes=30))
CONFIRM_AGAIN = timedelta(seconds=10)

_INSERT = """
insert into billing.checkouts (id, account_id, user_id, kind, key, choice, choice_hash, quoted, state,
                               next_check_at)
values (%(id)s, %(account_id)s, %(user_id)s, %(kind)s, %(key)s, %(choice)s, %(choice_hash)s, %(quoted)s,
        'preparing', %(next_check_at)s)
on conflict do nothing
returning *
"""
_FIND_LIVE = """
select * from billing.checkouts
where account_id = %(account_id)s and kind = %(kind)s and choice_hash = %(choice_hash)s
  and state in ('preparing', 'open', 'confirming', 'unknown')
"""
_BY_ID = "select * from billing.checkouts where id = %s"
_LEASE = """
update billing.checkouts set lease_until = %(until)s, attempts = attempts + 1, updated_at = %(now)s
where id = %(id)s and state = 'preparing' and (lease_until is null or lease_until <= %(now)s)
returning *
"""
_CHANGE = """
update billing.checkouts
set state = %(state)s,
    hosted_page_id = coalesce(%(hosted_page_id)s, hosted_page_id),
    hosted_page_url = coalesce(%(hosted_page_url)s, hosted_page_url),
    hosted_page_status = coalesce(%(hosted_page_status)s, hosted_page_status),
    hosted_page_expires_at = coalesce(%(hosted_page_expires_at)s, hosted_page_expires_at),
    subscription_zoho_id = coalesce(%(subscription_zoho_id)s, subscription_zoho_id),
    invoice_zoho_id = coalesce(%(invoice_zoho_id)s, invoice_zoho_id),
    confirmed_at = coalesce(confirmed_at, %(confirmed_at)s),
    confirmed_by = coalesce(confirmed_by, %(confirmed_by)s),
    problem = coalesce(%(problem)s, problem),
    lease_until = null,
    attempts = attempts + 1,
    next_check_at = %(next_check_at)s,
    updated_at = %(now)s,
    closed_at = case when %(is_closed)s then coalesce(closed_at, %(now)s) end
where id = %(id)s and state <> 'completed'
returning *
"""
_CHANGEABLE = (
    "hosted_page_id",
    "hosted_page_url",
    "hosted_page_status",
    "hosted_page_expires_at",
    "subscription_zoho_id",
    "invoice_zoho_id",
    "confirmed_at",
    "confirmed_by",
    "problem",
    "next_check_at",
)
_COMPLETE_BY_REFERENCE = """
update billing.checkouts
set state = 'completed', subscription_zoho_id = %(subscription_zoho_id)s, confirmed_at = %(now)s,
    confirmed_by = %(source)s, next_check_at = null, closed_at = %(now)s, updated_at = %(now)s, problem = ''
where key = %(reference_id)s and kind = 'new_subscription' and state <> 'completed'
returning id, account_id, user_id
"""
_DUE = """
select id from billing.checkouts
where state in ('preparing', 'open', 'confirming', 'unknown') and next_check_at <= %(now)s
order by next_check_at limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """One attempt, as the database has it."""

    id: UUID
    account_id: UUID
    user_id: UUID | None
    kind: str
    key: str
    choice: dict[str, Any]
    quoted: dict[str, Any]
    state: str
    hosted_page_id: str | None
    hosted_page_url: str | None
    hosted_page_status: str
    hosted_page_expires_at: datetime | None
    subscription_zoho_id: str | None
    invoice_zoho_id: str | None
    confirmed_at: datetime | None
    confirmed_by: str | None
    problem: str
    attempts: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Checkout":
        """Build from a row of ``billing.checkouts``."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def is_live(self) -> bool:
        """Whether its outcome is still open."""
        return self.state in LIVE


@dataclass(frozen=True, slots=True)
class PageWish:
    """What a hosted page is wanted for. ``choice`` tells two wishes apart; ``body`` is Zoho's request."""

    kind: str
    account_id: UUID
    user_id: UUID
    choice: dict[str, Any]
    quoted: dict[str, Any] = field(default_factory=dict)

    @property
    def choice_hash(self) -> str:
        """Equal for equal choices."""
        return hashlib.sha256(json.dumps(self.choice, sort_keys=True).encode()).hexdigest()


def open_page(services: "Services", wish: PageWish) -> Checkout:
    """Return the open attempt for this wish, with its hosted page, making both at most once.

    The result may be ``preparing`` when Zoho does not answer or another process is at it, and
    ``completed`` when the earlier attempt turns out to be paid. Raises nothing that loses the wish.
    """
    earlier = _insert_or_find(services, wish)
    settled = settle(services, earlier.id, source="command")
    if settled.is_live or settled.state == "completed":
        return settled
    # The earlier attempt turned out to be over; its place is free now.
    return settle(services, _insert_or_find(services, wish).id, source="command")


def get(conn: Conn, checkout_id: UUID) -> Checkout:
    """Return the attempt; row-level security decides whose. Raises :class:`NotFound`."""
    row = conn.execute(_BY_ID, [checkout_id]).fetchone()
    if row is None:
        raise NotFound
    return Checkout.from_row(row)


def prepare(services: "Services", checkout_id: UUID) -> Checkout:
    """Ask Zoho for the hosted page, one process at a time. An unused page at Zoho does no harm."""
    now = clock.now()
    with transaction.as_worker(services.pool) as conn:
        values = {"id": checkout_id, "now": now, "until": now + PREPARE_LEASE}
        row = conn.execute(_LEASE, values).fetchone()
        if row is None:
            return get(conn, checkout_id)
    checkout = Checkout.from_row(row)
    try:
        customer_id = customers.ensure(services, checkout.account_id, checkout.user_id)
        page = hosted_results.create(services, checkout, customer_id)
    except zoho_errors.Rejected as refusal:
        return _change(services, checkout, "failed", problem=refusal.message)
    except PortalError as trouble:
        return _change(
            services,
            checkout,
            "preparing",
            problem=trouble.message,
            next_check_at=clock.now() + RETRY_PREPARE,
        )
    # Zoho's own two times give the page's life; our clock may differ from theirs.
    life = page.expires_at - page.created_at if page.expires_at and page.created_at else timedelta(hours=1)
    return _change(
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


def settle(services: "Services", checkout_id: UUID, *, source: str) -> Checkout:
    """Ask Zoho what became of the attempt and write it down. Safe to call any number of times."""
    with transaction.as_worker(services.pool) as conn:
        checkout = get(conn, checkout_id)
    if checkout.state == "preparing":
        return prepare(services, checkout_id)
    if not checkout.is_live or checkout.hosted_page_id is None:
        return checkout
    try:
        return _settle_open(services, checkout, source)
    except PortalError as trouble:
        # Zoho cannot be asked now; the attempt stays as it is and is looked at again.
        return _change(
            services,
            checkout,
            checkout.state,
            problem=trouble.message,
            next_check_at=clock.now() + _pause(checkout),
        )


def _settle_open(services: "Services", checkout: Checkout, source: str) -> Checkout:
    page = services.zoho.fetch_hosted_page(checkout.hosted_page_id or "")
    if page.status == "success":
        return _confirm(services, checkout, hosted_results.outcome_of(services, checkout, page), source)
    is_over = page.status in ("cancelled", "force_cancelled") or _has_expired(checkout)
    if is_over:
        found = hosted_results.search(services, checkout)
        if found is not None:
            return _confirm(services, checkout, found, source)
        state = {"failed": "failed", "cancelled": "cancelled"}.get(page.status, "expired")
        return _change(services, checkout, state, hosted_page_status=page.status)
    return _change(
        services,
        checkout,
        "open",
        hosted_page_status=page.status,
        problem="The last try was declined." if page.status == "failed" else "",
        next_check_at=clock.now() + _pause(checkout),
    )


def _confirm(
    services: "Services", checkout: Checkout, outcome: "hosted_results.Outcome | None", source: str
) -> Checkout:
    """The page succeeded: bring its objects into the mirror; until they can be read, keep confirming."""
    if outcome is None:
        return _change(
            services,
            checkout,
            "confirming",
            hosted_page_status="success",
            next_check_at=clock.now() + CONFIRM_AGAIN,
        )
    hosted_results.bring_home(services, checkout, outcome)
    return _change(
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


def give_up(services: "Services", checkout_id: UUID) -> Checkout:
    """The person says that they are not going to pay. Looked up first; a paid one stays bought."""
    checkout = settle(services, checkout_id, source="command")
    if not checkout.is_live or checkout.state == "confirming":
        return checkout
    return _change(services, checkout, "cancelled")


def complete_by_reference(conn: Conn, reference_id: str, subscription_zoho_id: str, source: str) -> None:
    """Complete the attempt whose key a subscription carries, whatever brought the news.

    Called by the refresh of a subscription, on its transaction.
    """
    if not reference_id:
        return
    values = {
        "reference_id": reference_id,
        "subscription_zoho_id": subscription_zoho_id,
        "source": source,
        "now": clock.now(),
    }
    row = conn.execute(_COMPLETE_BY_REFERENCE, values).fetchone()
    if row is not None:
        _record_activity(conn, row, "completed", source)


def list_due(conn: Conn, limit: int = 50) -> list[UUID]:
    """Return the attempts that want a look now."""
    rows = conn.execute(_DUE, {"now": clock.now(), "limit": limit}).fetchall()
    return [row["id"] for row in rows]


def settle_due(services: "Services", limit: int = 20) -> int:
    """Look at the attempts that want a look; return how many. One in trouble does not stop the others."""
    with transaction.as_worker(services.pool) as conn:
        due = list_due(conn, limit)
    for checkout_id in due:
        try:
            settle(services, checkout_id, source="sweep")
        except PortalError as trouble:
            log.warning("checkout not settled", checkout=str(checkout_id), problem=trouble.message)
    return len(due)


def _insert_or_find(services: "Services", wish: PageWish) -> Checkout:
    identity = {"account_id": wish.account_id, "kind": wish.kind, "choice_hash": wish.choice_hash}
    values = {
        **identity,
        "id": uuid4(),
        "user_id": wish.user_id,
        "key": f"portal-{uuid4()}",
        "choice": Jsonb(wish.choice),
        "quoted": Jsonb(wish.quoted),
        "next_check_at": clock.now() + PREPARE_LEASE,
    }
    with transaction.as_web(services.pool, wish.user_id) as conn:
        for _ in range(3):
            row = conn.execute(_INSERT, values).fetchone()
            if row is not None:
                return Checkout.from_row(row)
            row = conn.execute(_FIND_LIVE, identity).fetchone()
            if row is not None:
                return Checkout.from_row(row)
    raise NotFound


def _change(services: "Services", checkout: Checkout, state: str, **values: Any) -> Checkout:
    arguments = {name: values.get(name) for name in _CHANGEABLE}
    arguments |= {
        "id": checkout.id,
        "state": state,
        "now": clock.now(),
        "is_closed": state not in LIVE,
    }
    with transaction.as_worker(services.pool) as conn:
        row = conn.execute(_CHANGE, arguments).fetchone()
        if row is None:
            return get(conn, checkout.id)
        if state not in LIVE:
            _record_activity(conn, row, state, values.get("confirmed_by") or "system")
        return Checkout.from_row(row)


def _record_activity(conn: Conn, row: dict[str, Any], state: str, source: str) -> None:
    activity.record(
        conn,
        action=f"checkout:{state}",
        actor_kind="user" if row["user_id"] else "system",
        actor_id=row["user_id"],
        account_id=row["account_id"],
        object_kind="checkout",
        object_id=str(row["id"]),
        detail={"source": source},
    )


def _has_expired(checkout: Checkout) -> bool:
    expires_at = checkout.hosted_page_expires_at
    return expires_at is not None and clock.now() >= expires_at + GRACE


def _pause(checkout: Checkout) -> timedelta:
    """Wait longer each time, but look once just after the page expires."""
    if checkout.state == "confirming":
        return CONFIRM_AGAIN
    pause = LOOK_AGAIN[min(checkout.attempts, len(LOOK_AGAIN) - 1)]
    if checkout.hosted_page_expires_at is not None:
        until_over = checkout.hosted_page_expires_at + GRACE - clock.now()
        if timedelta(0) < until_over < pause:
            return until_over + timedelta(seconds=1)
    return pause
