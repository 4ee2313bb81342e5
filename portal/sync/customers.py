"""An account has exactly one customer at Zoho, made at most once.

Zoho accepts two customers with one e-mail (facts.md 2.7), so the mapping lives with us:
``accounts.zoho_customer_id``. An existing customer is taken over only when its e-mail is the account's and
an owner has proved to have it, it is the only one with it, and no other account has it (AUT-08): anything
less certain gets a customer of its own rather than a look at somebody else's invoices.
"""

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg

from portal import activity
from portal.db import transaction
from portal.db.transaction import Conn
from portal.errors import Unavailable
from portal.mirror import customers as mirror
from portal.sync import intents, refresh
from portal.sync.intents import Act, Intent, Wish

if TYPE_CHECKING:
    from portal.services import Services
    from portal.zoho.client import ZohoClient

_ACCOUNT = """
select a.id, a.name, a.billing_email, a.zoho_customer_id, coalesce(c.gone_at is not null, false) as is_gone,
  -- Anybody's address can be typed as the one for invoices; an owner's own was confirmed by mail.
  exists (select from billing.members m join billing.users u on u.id = m.user_id
          where m.account_id = a.id and m.role = 'owner' and u.disabled_at is null
            and lower(u.email) = lower(a.billing_email)) as has_proved_email
from billing.accounts a left join billing.customers c on c.zoho_id = a.zoho_customer_id
where a.id = %s
"""
# Staff deleted the customer at Zoho: its history stays here, and the account may start anew.
_UNLINK = """
update billing.accounts set zoho_customer_id = null, updated_at = now()
where id = %(account_id)s and zoho_customer_id = %(zoho_id)s
"""
# Staff merged two customers: one is gone, and what it had is the other's. By the rule of ensure() below, with
# what the mirror knows of all customers.
_MERGED = """
select a.id as account_id, a.zoho_customer_id as gone, c.zoho_id
from billing.accounts a
join billing.customers was on was.zoho_id = a.zoho_customer_id and was.gone_at is not null
join billing.customers c on lower(c.email) = lower(a.billing_email) and c.gone_at is null
where a.closed_at is null and lower(c.status) in ('', 'active')
  and exists (select from billing.members m join billing.users u on u.id = m.user_id
              where m.account_id = a.id and m.role = 'owner' and u.disabled_at is null
                and lower(u.email) = lower(a.billing_email))
  and not exists (select from billing.accounts other where other.zoho_customer_id = c.zoho_id)
  and not exists (select from billing.customers also
                  where lower(also.email) = lower(c.email) and also.gone_at is null and also.id <> c.id)
"""
_FOLLOW_MERGE = """
update billing.accounts set zoho_customer_id = %(zoho_id)s, updated_at = now()
where id = %(account_id)s and zoho_customer_id = %(gone)s
"""
_TAKEN = "select zoho_customer_id as id, id as by from billing.accounts where zoho_customer_id = any (%s)"
_LINK = """
update billing.accounts set zoho_customer_id = %(zoho_id)s, updated_at = now()
where id = %(account_id)s and zoho_customer_id is null
"""
_STORE_EMAIL = """
update billing.accounts set billing_email = %(email)s, updated_at = now()
where id = %(account_id)s and billing_email <> %(email)s
"""
_OWN_BY_EMAIL = """
select a.id, a.zoho_customer_id from billing.accounts a
join billing.members m on m.account_id = a.id and m.role = 'owner'
where m.user_id = %(user_id)s and lower(a.billing_email) = lower(%(old)s)
"""
# What is over and done with; a customer that was made and is there still counts as the present attempt.
_ATTEMPTS = """
select count(*) as n from billing.intents i
where i.account_id = %s and i.kind = 'create_customer' and (i.state in ('refused', 'abandoned') or exists (
  select from billing.customers c where c.zoho_id = i.result ->> 'customer_id' and c.gone_at is not null))
"""

_IN_A_MINUTE = "We are still setting up your billing account. Try again in a minute."


def ensure(services: "Services", account_id: UUID, user_id: UUID | None) -> str:
    """Return the Zoho id of the account's customer; make the customer when there is none.

    Raises :class:`Unavailable` while it is not known whether Zoho made it, and ZohoError when Zoho
    cannot be asked.
    """
    account = _account(services, account_id)
    if account["zoho_customer_id"] and not account["is_gone"]:
        return str(account["zoho_customer_id"])
    if account["is_gone"]:
        _unlink(services, account_id, account["zoho_customer_id"])
    known, theirs = _look_for(services, services.zoho, account)
    if theirs is not None:
        return _link(services, account_id, theirs)
    wish = Wish(
        key=f"customer:{account_id}:{_attempts(services, account_id)}",
        kind="create_customer",
        account_id=account_id,
        user_id=user_id,
        request={"display_name": account["name"], "email": account["billing_email"]},
        subject_kind="account",
        subject_zoho_id=str(account_id),
        before={"known": known},
    )
    with transaction.as_worker(services.pool) as conn:
        intent = intents.record(conn, wish)
    intent = intents.perform(services, {wish.kind: CREATE_CUSTOMER}, intent.id)
    if intent.state == "unknown":
        intent = intents.resolve(services, {wish.kind: CREATE_CUSTOMER}, intent.id)
    return _customer_of(services, intent)


def follow_merges(services: "Services") -> list[str]:
    """Give accounts whose customer was merged into another that other one; return the Zoho ids of those.

    Zoho tells of no merge, so without this what they have would be out of their sight until they buy again.
    """
    with transaction.as_worker(services.pool) as conn:
        merged = conn.execute(_MERGED).fetchall()
    return [row["zoho_id"] for row in merged if _follow_merge(services, row)]


def _follow_merge(services: "Services", row: dict[str, Any]) -> bool:
    try:
        with transaction.as_worker(services.pool) as conn:
            if not conn.execute(_FOLLOW_MERGE, row).rowcount:
                return False
            mirror.link(conn, row["account_id"], row["zoho_id"])
            activity.record(
                conn,
                action="customer:merged",
                account_id=row["account_id"],
                object_kind="customer",
                object_id=row["zoho_id"],
                detail={"gone": row["gone"]},
            )
    except psycopg.errors.UniqueViolation:
        return False  # another account of the same address was faster
    return True


def adopt(services: "Services", account_id: UUID) -> str | None:
    """Take over the customer that is surely the account's, if there is one; return its Zoho id.

    For who bought before the portal was there. Makes nothing at Zoho: that happens when somebody buys.
    """
    account = _account(services, account_id)
    if account["zoho_customer_id"]:
        return None
    _, theirs = _look_for(services, services.zoho.lane("webhook"), account)
    if theirs is None:
        return None
    linked = _link(services, account_id, theirs)
    with transaction.as_worker(services.pool) as conn:
        activity.record(
            conn,
            action="customer:adopted",
            account_id=account_id,
            object_kind="customer",
            object_id=linked,
        )
    return linked


def _look_for(
    services: "Services", zoho: "ZohoClient", account: dict[str, Any]
) -> tuple[list[str], str | None]:
    """Return every customer of the account's address, and the one that may be taken over (AUT-08)."""
    found = zoho.find_customers_by_email(account["billing_email"])
    free = _not_taken(services, [one.zoho_id for one in found if one.status.lower() in ("", "active")])
    is_sure = account["has_proved_email"] and len(found) == 1 and len(free) == 1
    return [one.zoho_id for one in found], free[0] if is_sure else None


def store_billing_email(services: "Services", account_id: UUID, email: str) -> None:
    """Keep the address that invoices go to; a customer made later gets it too."""
    with transaction.as_worker(services.pool) as conn:
        conn.execute(_STORE_EMAIL, {"account_id": account_id, "email": email})


def record_new_address(conn: Conn, user_id: UUID, old: str, new: str) -> list[UUID]:
    """Store an owner's new address where the old one was the billing address, on the caller's connection.

    Returns the acts that carry it to Zoho: they exist from the caller's commit on, whatever dies then.
    """
    acts = []
    for row in conn.execute(_OWN_BY_EMAIL, {"user_id": user_id, "old": old}).fetchall():
        conn.execute(_STORE_EMAIL, {"account_id": row["id"], "email": new})
        if row["zoho_customer_id"]:
            wish = _address_wish(row["id"], user_id, row["zoho_customer_id"], new)
            acts.append(intents.record(conn, wish).id)
    return acts


def _address_wish(account_id: UUID, user_id: UUID, customer_id: str, email: str) -> Wish:
    return Wish(
        key=str(uuid4()),
        kind="update_customer",
        account_id=account_id,
        user_id=user_id,
        request={"fields": {"email": email}},
        # Not "customer": billing details that are being saved must not stand in its way.
        subject_kind="address",
        subject_zoho_id=customer_id,
    )


def _customer_of(services: "Services", intent: Intent) -> str:
    if intent.state == "done" and intent.result and intent.account_id:
        return _link(services, intent.account_id, str(intent.result["customer_id"]))
    if intent.state == "refused":
        raise Unavailable(f"Zoho did not accept the billing details: {intent.problem}")
    raise Unavailable(_IN_A_MINUTE)


def _create(services: "Services", intent: Intent) -> dict[str, Any]:
    customer = services.zoho.create_customer(dict(intent.request))
    return {"customer_id": customer.zoho_id}


def _find_created(services: "Services", intent: Intent) -> dict[str, Any] | None:
    """Find the customer that was not there before the call, and that no other account has.

    The account itself may have it already: whoever bought meanwhile found the one customer of its address.
    """
    known = set((intent.before or {}).get("known", []))
    found = [
        customer.zoho_id
        for customer in services.zoho.find_customers_by_email(intent.request["email"])
        if customer.zoho_id not in known
    ]
    free = _not_taken(services, found, by_others_than=intent.account_id)
    return {"customer_id": min(free)} if free else None


def _follow(services: "Services", intent: Intent) -> None:
    if intent.result and intent.account_id:
        _link(services, intent.account_id, str(intent.result["customer_id"]))


CREATE_CUSTOMER = Act(call=_create, look_up=_find_created, follow=_follow, send_within=None)


def _link(services: "Services", account_id: UUID, zoho_id: str) -> str:
    try:
        with transaction.as_worker(services.pool) as conn:
            conn.execute(_LINK, {"account_id": account_id, "zoho_id": zoho_id})
            linked = _account_row(conn, account_id)["zoho_customer_id"]
            mirror.link(conn, account_id, linked)
    except psycopg.errors.UniqueViolation:
        # Another account of the same address was faster; asked again, it is taken.
        raise Unavailable(_IN_A_MINUTE) from None
    refresh.refresh(services, "customer", linked, source="command")
    return str(linked)


def _unlink(services: "Services", account_id: UUID, zoho_id: str) -> None:
    with transaction.as_worker(services.pool) as conn:
        conn.execute(_UNLINK, {"account_id": account_id, "zoho_id": zoho_id})


def _account(services: "Services", account_id: UUID) -> dict[str, Any]:
    with transaction.as_worker(services.pool) as conn:
        return _account_row(conn, account_id)


def _account_row(conn: Conn, account_id: UUID) -> dict[str, Any]:
    row = conn.execute(_ACCOUNT, [account_id]).fetchone()
    assert row is not None  # noqa: S101 - the caller was let in as a member of it
    return row


def _not_taken(services: "Services", zoho_ids: list[str], *, by_others_than: UUID | None = None) -> list[str]:
    with transaction.as_worker(services.pool) as conn:
        rows = conn.execute(_TAKEN, [zoho_ids]).fetchall()
    taken = {row["id"] for row in rows if row["by"] != by_others_than}
    return [zoho_id for zoho_id in zoho_ids if zoho_id not in taken]


def _attempts(services: "Services", account_id: UUID) -> int:
    with transaction.as_worker(services.pool) as conn:
        row = conn.execute(_ATTEMPTS, [account_id]).fetchone()
    return int(row["n"]) if row else 0
