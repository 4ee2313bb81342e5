"""A customer's cards and bank accounts, read as one collection.

Zoho lists a customer's active cards, and answers for a single bank account, but has no list of bank
accounts (facts.md 5.1). So the accounts asked for are those that we have seen: in the mirror, on a
subscription, in a payment. One that Zoho no longer knows is gone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from portal.db import transaction
from portal.db.transaction import Conn, Pool
from portal.mirror import customers, freshness, payment_methods
from portal.mirror.rows import Stamp, Written
from portal.sync import columns
from portal.zoho import errors, payloads

if TYPE_CHECKING:
    from portal.zoho.client import ZohoClient

log = structlog.get_logger()

_KNOWN_ACCOUNTS = """
select zoho_id from billing.payment_methods
where customer_zoho_id = %(customer)s and kind = 'bank_account' and gone_at is null
union
select raw -> 'bank_account' ->> 'account_id' from billing.subscriptions
where customer_zoho_id = %(customer)s and gone_at is null and raw -> 'bank_account' ->> 'account_id' <> ''
union
select raw -> 'autotransaction' ->> 'account_id' from billing.payments
where customer_zoho_id = %(customer)s and gone_at is null and raw -> 'autotransaction' ->> 'account_id' <> ''
"""
_ORPHANED = """
select zoho_id from billing.subscriptions s
where customer_zoho_id = %(customer)s and gone_at is null and payment_method_zoho_id <> ''
  and not exists (select from billing.payment_methods m
                  where m.zoho_id = s.payment_method_zoho_id and m.gone_at is null)
order by zoho_id
"""


@dataclass(frozen=True, slots=True)
class Methods:
    """What Zoho has on file for a customer, and which bank accounts it no longer knows."""

    cards: list[payloads.Card]
    accounts: list[payloads.BankAccount]
    gone_accounts: set[str]


def fetch(zoho: "ZohoClient", pool: Pool, customer_zoho_id: str) -> Methods:
    """Ask Zoho for the cards and for every bank account that we know of."""
    with transaction.as_worker(pool) as conn:
        known = [row["zoho_id"] for row in conn.execute(_KNOWN_ACCOUNTS, {"customer": customer_zoho_id})]
    cards = zoho.fetch_cards(customer_zoho_id)
    accounts, gone = [], set()
    for account_id in sorted(known):
        try:
            accounts.append(zoho.fetch_bank_account(customer_zoho_id, account_id))
        except errors.NotFound:
            gone.add(account_id)
        except (errors.Rejected, errors.BadAnswer) as problem:
            # By which "no" Zoho tells an unknown account is not recorded: this one stays as it is, and keeps
            # the cards from nobody.
            log.warning("bank account not readable", account=account_id, error=repr(problem))
    return Methods(cards, accounts, gone)


def store(conn: Conn, customer_zoho_id: str, found: Methods | None, stamp: Stamp) -> list[Written]:
    """Write the collection; None (Zoho does not know the customer) empties it."""
    if found is None:
        known = payment_methods.list_of_customer(conn, customer_zoho_id)
        return payment_methods.replace_all(
            conn, customer_zoho_id, [], {row["zoho_id"] for row in known}, stamp
        )
    listed: list[tuple[dict[str, Any], Any]] = [
        *((columns.card(card), card.updated_at) for card in found.cards),
        *((columns.bank_account(account), account.updated_at) for account in found.accounts),
    ]
    written = payment_methods.replace_all(conn, customer_zoho_id, listed, found.gone_accounts, stamp)
    account_id = customers.account_of(conn, customer_zoho_id)
    if account_id is not None:
        freshness.store(conn, account_id, "payment_methods", stamp.read_started_at, stamp.source)
    return written


def list_orphaned(conn: Conn, customer_zoho_id: str) -> list[str]:
    """Return the subscriptions that are charged to something no longer on file.

    Zoho takes a deleted card off its subscriptions and says nothing: neither their modification time nor
    their list rows change, so they are read again when the methods were.
    """
    rows = conn.execute(_ORPHANED, {"customer": customer_zoho_id}).fetchall()
    return [row["zoho_id"] for row in rows]
