"""The rows of attempts on hosted pages: what is stored of one, and the statements that move it.

portal/sync/checkouts.py decides; here nothing asks Zoho.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from portal import activity, clock
from portal.db import transaction
from portal.db.transaction import Conn
from portal.errors import NotFound
from portal.sync import one_purchase

if TYPE_CHECKING:
    from portal.services import Services

LIVE = ("preparing", "open", "confirming", "unknown")
PREPARE_LEASE = timedelta(seconds=30)

_INSERT = """
insert into billing.checkouts (id, account_id, user_id, kind, key, choice, choice_hash, quoted, state,
                               next_check_at, purchase_id)
values (%(id)s, %(account_id)s, %(user_id)s, %(kind)s, %(key)s, %(choice)s, %(choice_hash)s, %(quoted)s,
        'preparing', %(next_check_at)s, %(purchase_id)s)
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
  and (closed_at is null or %(state)s in (state, 'completed'))
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
returning *
"""
_DUE = """
select id from billing.checkouts
where state in ('preparing', 'open', 'confirming', 'unknown', 'cancelled') and next_check_at <= %(now)s
order by next_check_at limit %(limit)s
"""

_PUT_OFF = (
    "update billing.checkouts set next_check_at = %(until)s where id = %(id)s and next_check_at is not null"
)


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
    next_check_at: datetime | None
    created_at: datetime
    updated_at: datetime
    purchase_id: UUID | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Checkout":
        """Build from a row of ``billing.checkouts``."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def is_live(self) -> bool:
        """Whether its outcome is still open."""
        return self.state in LIVE

    @property
    def is_watched(self) -> bool:
        """Whether Zoho may still tell something new: also of one given up, while its page can be paid."""
        return self.is_live or (self.state == "cancelled" and self.next_check_at is not None)

    @property
    def is_page_over(self) -> bool:
        """Whether the page's hour is over: nobody can pay there now, though a payment may still turn up."""
        return self.hosted_page_expires_at is not None and clock.now() >= self.hosted_page_expires_at


@dataclass(frozen=True, slots=True)
class PageWish:
    """What a hosted page is wanted for. ``choice`` tells two wishes apart."""

    kind: str
    account_id: UUID
    user_id: UUID
    choice: dict[str, Any]
    quoted: dict[str, Any] = field(default_factory=dict)

    @property
    def choice_hash(self) -> str:
        """Equal for equal choices."""
        return hash_of(self.choice)


def hash_of(choice: dict[str, Any]) -> str:
    """Return what tells one choice from another."""
    return hashlib.sha256(json.dumps(choice, sort_keys=True).encode()).hexdigest()


def insert_or_find(services: "Services", wish: PageWish, instead_of: UUID | None = None) -> Checkout:
    """Return the live attempt for this wish. Raises :class:`~portal.sync.one_purchase.AnotherPurchase`."""
    identity = {"account_id": wish.account_id, "kind": wish.kind, "choice_hash": wish.choice_hash}
    values = {
        **identity,
        "id": uuid4(),
        "user_id": wish.user_id,
        "key": f"portal-{uuid4()}",
        "choice": Jsonb(wish.choice),
        "quoted": Jsonb(wish.quoted),
        "next_check_at": clock.now() + PREPARE_LEASE,
        "purchase_id": None,
    }
    with transaction.as_web(services.pool, wish.user_id) as conn:
        for _ in range(3):
            row = conn.execute(_FIND_LIVE, identity).fetchone()
            if row is not None:
                return Checkout.from_row(row)
            if wish.kind == "new_subscription":
                values["purchase_id"] = one_purchase.make_way(
                    conn, wish.account_id, wish.choice_hash, instead_of=instead_of
                )
            row = conn.execute(_INSERT, values).fetchone()
            if row is not None:
                return Checkout.from_row(row)
    raise NotFound


def get(conn: Conn, checkout_id: UUID) -> Checkout:
    """Return the attempt; row-level security decides whose. Raises :class:`NotFound`."""
    row = conn.execute(_BY_ID, [checkout_id]).fetchone()
    if row is None:
        raise NotFound
    return Checkout.from_row(row)


def lease(conn: Conn, checkout_id: UUID) -> Checkout | None:
    """Take the right to ask Zoho for the page; None while another process has it."""
    now = clock.now()
    row = conn.execute(_LEASE, {"id": checkout_id, "now": now, "until": now + PREPARE_LEASE}).fetchone()
    return None if row is None else Checkout.from_row(row)


def change(services: "Services", checkout: Checkout, state: str, **values: Any) -> Checkout:
    """Write the next state in a transaction of its own; a closed attempt can only be completed."""
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
        if state not in LIVE and state != checkout.state:
            _record(conn, row, state, values.get("confirmed_by") or "system")
        elif values.get("hosted_page_id"):  # making a page is a write at Zoho like any other (INV-11)
            _record(conn, row, "page_made", "portal")
        return Checkout.from_row(row)


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
        _record(conn, row, "completed", source)


def list_due(conn: Conn, limit: int = 50) -> list[UUID]:
    """Return the attempts that want a look now."""
    rows = conn.execute(_DUE, {"now": clock.now(), "limit": limit}).fetchall()
    return [row["id"] for row in rows]


def put_off(conn: Conn, checkout_id: UUID, until: datetime) -> None:
    """Look at it later, so that it stands in nobody's way meanwhile."""
    conn.execute(_PUT_OFF, {"id": checkout_id, "until": until})


def _record(conn: Conn, row: dict[str, Any], state: str, source: str) -> None:
    if state == "completed":
        one_purchase.tell_if_paid_twice(conn, row)
    activity.record(
        conn,
        action=f"checkout:{state}",
        actor_kind="user" if row["user_id"] else "system",
        actor_id=row["user_id"],
        account_id=row["account_id"],
        object_kind="checkout",
        object_id=str(row["id"]),
        detail={"source": source, "key": row["key"], "request_hash": row["choice_hash"]},
    )
