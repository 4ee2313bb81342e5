"""One purchase at a time: whoever pays two hosted pages has bought twice, and Zoho has no call to close one.

An account has one attempt at a new subscription that can still be paid; a unique index holds that. Another
choice takes its place only when the person was told of it and says so. The page that was left can be paid at
Zoho for the rest of its hour all the same: it is looked at when that is over (checkouts), and two that were
paid are told to staff.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal import activity, clock
from portal.db.transaction import Conn
from portal.errors import Conflict
from portal.money import Money
from portal.sync import drift

# A page completed in its last second may be written down by Zoho a little later.
GRACE = timedelta(minutes=2)

_FIND_OTHER = """
select id, state, quoted from billing.checkouts
where account_id = %(account_id)s and kind = 'new_subscription' and choice_hash <> %(choice_hash)s
  and state in ('preparing', 'open')
"""
_CLOSE = """
update billing.checkouts
set state = 'cancelled', closed_at = %(now)s, updated_at = %(now)s, lease_until = null,
    next_check_at = hosted_page_expires_at + %(grace)s
where id = %(id)s and state in ('preparing', 'open')
"""
# The purchase that a new attempt carries on: one whose page can still be paid, given up or not.
_JOIN = """
update billing.checkouts set purchase_id = coalesce(purchase_id, id)
where id = (select id from billing.checkouts
  where account_id = %(account_id)s and kind = 'new_subscription'
    and state in ('preparing', 'open', 'cancelled') and next_check_at is not null
  order by created_at desc limit 1)
returning purchase_id
"""
# Another attempt of the same purchase, or what was bought with a method on file while the page was open.
_PAID_BESIDE = """
select 1 from billing.checkouts
where purchase_id = %(purchase_id)s and id <> %(id)s and state = 'completed'
union all
select 1 from billing.intents
where account_id = %(account_id)s and kind = 'create_subscription' and state = 'done'
  and created_at between %(created_at)s and %(hosted_page_expires_at)s
limit 1
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The other attempt, as far as somebody who is about to buy must know it."""

    id: UUID
    state: str
    quoted: dict[str, Any]

    @property
    def due_now(self) -> Money | None:
        """What its summary said would be charged today."""
        return due_now(self.quoted)


class AnotherPurchase(Conflict):
    """Another purchase is not finished yet. Nothing was bought here."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self.attempt = attempt


def due_now(quoted: dict[str, Any]) -> Money | None:
    """Return what a summary said would be charged today, for a page that had one."""
    return Money(Decimal(quoted["now"]), quoted["currency"]) if "now" in quoted else None


def find_other(conn: Conn, account_id: UUID, choice_hash: str = "") -> Attempt | None:
    """Return the attempt for another choice that can still be paid."""
    row = conn.execute(_FIND_OTHER, {"account_id": account_id, "choice_hash": choice_hash}).fetchone()
    return None if row is None else Attempt(**row)


def make_way(
    conn: Conn, account_id: UUID, choice_hash: str = "", *, instead_of: UUID | None = None
) -> UUID | None:
    """Close the attempt for another choice; return the purchase that the new one carries on, if any.

    Raises :class:`AnotherPurchase` when the open attempt is not the one that the person was told of.
    """
    other = find_other(conn, account_id, choice_hash)
    if other is not None and other.id != instead_of:
        raise AnotherPurchase(other)
    joined = conn.execute(_JOIN, {"account_id": account_id}).fetchone()
    if other is not None:
        conn.execute(_CLOSE, {"id": other.id, "now": clock.now(), "grace": GRACE})
        _note(conn, "checkout:replaced", account_id, other.id)
    return joined["purchase_id"] if joined else None


def watch_until(page_expires_at: datetime | None) -> datetime | None:
    """Return when an attempt that is given up is looked at for the last time; None where no page was made."""
    return page_expires_at + GRACE if page_expires_at else None


def tell_if_paid_twice(conn: Conn, row: dict[str, Any]) -> None:
    """Tell staff when the attempt completed now is not the only one of its purchase that was paid."""
    if row["kind"] != "new_subscription" or conn.execute(_PAID_BESIDE, row).fetchone() is None:
        return
    drift.record_paid_twice(conn, row["subscription_zoho_id"], row["account_id"])
    _note(conn, "checkout:paid_twice", row["account_id"], row["id"])


def _note(conn: Conn, action: str, account_id: UUID, checkout_id: UUID) -> None:
    activity.record(
        conn, action=action, account_id=account_id, object_kind="checkout", object_id=str(checkout_id)
    )
