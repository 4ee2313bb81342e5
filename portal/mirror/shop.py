"""What the shop window and the purchase's own page read, each in one round trip."""

from typing import Any
from uuid import UUID

from portal.db.transaction import Conn
from portal.errors import NotFound

_RUNNING = """
select id::text as id, plan_code, status, has_scheduled_change, pause_on,
  exists (select from billing.intents i
    where i.subject_kind = 'subscription' and i.subject_zoho_id = subscriptions.zoho_id
      and i.state in ('ready', 'calling', 'unknown')) as live_intent
from billing.subscriptions
where account_id = %(account_id)s and gone_at is null
  and status in ('live', 'trial', 'future', 'non_renewing', 'dunning', 'unpaid', 'paused')
order by created_at
"""
# Who is about to buy: what they have already, what they could pay with, and which purchase is not finished.
_BUYER = """
select
  (select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'plan_code', s.plan_code)
      order by s.created_at), '[]')
    from billing.subscriptions s where s.account_id = %(account_id)s and s.gone_at is null
      and s.status in ('live', 'trial', 'future', 'non_renewing', 'dunning', 'unpaid', 'paused')) as running,
  (select coalesce(jsonb_agg(jsonb_build_object('zoho_id', m.zoho_id, 'kind', m.kind, 'brand', m.brand,
      'last_four', m.last_four) order by m.is_primary desc nulls last, m.created_at), '[]')
    from billing.payment_methods m where m.account_id = %(account_id)s and m.gone_at is null
      and m.kind in ('card', 'bank_account')) as methods,
  (select jsonb_build_object('id', c.id, 'state', c.state, 'choice_hash', c.choice_hash, 'quoted', c.quoted)
    from billing.checkouts c where c.account_id = %(account_id)s and c.kind = 'new_subscription'
      and c.state in ('preparing', 'open')) as under_way,
  (select coalesce(jsonb_agg(jsonb_build_object('on_page', true, 'choice', c.choice)), '[]')
    from billing.checkouts c where c.account_id = %(account_id)s and c.kind = 'new_subscription'
      and c.state = 'confirming') as paid_on_page,
  (select coalesce(jsonb_agg(jsonb_build_object('on_page', false, 'choice', x.request -> 'choice')), '[]')
    from billing.intents x where x.account_id = %(account_id)s and x.kind = 'create_subscription'
      and x.state in ('ready', 'calling', 'unknown')) as asked_for,
  coalesce((select cu.currency_code from billing.accounts a
    join billing.customers cu on cu.zoho_id = a.zoho_customer_id and cu.gone_at is null
    where a.id = %(account_id)s), '') as currency
"""
# The attempt with the subscription, invoice and method that it brought. RLS limits it to own accounts; the
# account is named all the same, so that a person with two accounts does not see one through the other.
_BOUGHT = """
select c.*,
       s.id as subscription_id, s.name as subscription_name, s.plan_name, s.status as subscription_status,
       s.amount, s.currency_code, s.interval, s.interval_unit, s.next_billing_on, s.trial_ends_on,
       s.synced_at as subscription_synced_at, s.auto_collect,
       i.id as invoice_id, i.number as invoice_number, i.status as invoice_status, i.total as invoice_total,
       i.balance as invoice_balance, i.currency_code as invoice_currency, i.ach_payment_initiated,
       m.kind as method_kind, m.brand as method_brand, m.last_four as method_last_four,
       (select jsonb_build_object('id', o.id, 'state', o.state, 'quoted', o.quoted) from billing.checkouts o
         where o.purchase_id = c.purchase_id and o.id <> c.id and o.created_at > c.created_at
         order by o.created_at desc limit 1) as replaced_by,
       (select o.quoted ->> 'plan_name' from billing.checkouts o
         where o.purchase_id = c.purchase_id and o.id <> c.id and o.state = 'completed'
         order by o.created_at desc limit 1) as also_bought
from billing.checkouts c
left join billing.subscriptions s on s.zoho_id = c.subscription_zoho_id
left join billing.invoices i on i.zoho_id = coalesce(c.invoice_zoho_id, nullif(s.child_invoice_zoho_id, ''))
left join billing.payment_methods m on m.zoho_id = s.payment_method_zoho_id and m.gone_at is null
where c.id = %(id)s and c.account_id = %(account_id)s
"""


def list_running(conn: Conn, account_id: UUID) -> list[dict[str, Any]]:
    """List the account's subscriptions that are not over."""
    return conn.execute(_RUNNING, {"account_id": account_id}).fetchall()


def get_buyer(conn: Conn, account_id: UUID) -> dict[str, Any]:
    """Return what the account has running, what it could pay with, and its unfinished purchase."""
    row = conn.execute(_BUYER, {"account_id": account_id}).fetchone()
    assert row is not None  # noqa: S101 - a select of sub-selects has one row
    return row


def get_bought(conn: Conn, checkout_id: UUID, account_id: UUID) -> dict[str, Any]:
    """Return the attempt's row joined with what it bought. Raises :class:`NotFound`."""
    row = conn.execute(_BOUGHT, {"id": checkout_id, "account_id": account_id}).fetchone()
    if row is None:
        raise NotFound
    return row
