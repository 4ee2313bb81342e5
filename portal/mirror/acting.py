"""What a page reads before it offers an act: the object with all that decides about it, in one round trip."""

from typing import Any
from uuid import UUID

from portal.db.transaction import Conn
from portal.errors import NotFound

Row = dict[str, Any]

# RLS limits every row to the person's accounts; the account in sight is named all the same (AC-01).
_SUBSCRIPTION = """
select s.*, p.product_zoho_id as product, p.pricing_scheme,
  (select coalesce(jsonb_agg(jsonb_build_object('code', a.code, 'name', a.name, 'type', a.type,
      'price', a.price::text, 'quantity', a.quantity::text) order by a.position), '[]')
    from billing.subscription_addons a where a.subscription_id = s.id) as addons,
  (select to_jsonb(m) from billing.payment_methods m
    where m.zoho_id = s.payment_method_zoho_id and m.gone_at is null) as method,
  (select to_jsonb(i) - 'request' - 'result' from billing.intents i
    where i.subject_kind = 'subscription' and i.subject_zoho_id = s.zoho_id
      and i.state in ('ready', 'calling', 'unknown') limit 1) as live_intent,
  (select o.time_zone from billing.organization o limit 1) as organization_zone,
  coalesce((select o.clock_offset from billing.organization o limit 1), '0') as organization_offset,
  (select facts from billing.connection) as connection
from billing.subscriptions s
left join lateral (select product_zoho_id, pricing_scheme from billing.plans
  where code = s.plan_code and gone_at is null limit 1) p on true
where s.id = %(id)s and s.account_id = %(account_id)s and s.gone_at is null
"""
_INVOICE = """
select i.*,
  (select coalesce(jsonb_agg(jsonb_build_object('zoho_id', m.zoho_id, 'kind', m.kind, 'brand', m.brand,
      'last_four', m.last_four, 'expiry_month', m.expiry_month, 'expiry_year', m.expiry_year,
      'declined_on', (select max(p.paid_on) from billing.payments p
        where p.account_id = i.account_id and p.gone_at is null and p.status = 'failure'
          and p.last_four = m.last_four and m.last_four <> ''
          and p.applied @> jsonb_build_array(jsonb_build_object('invoice_zoho_id', i.zoho_id))))
      order by m.is_primary desc nulls last, m.created_at), '[]')
    from billing.payment_methods m where m.account_id = i.account_id and m.gone_at is null) as methods,
  (select to_jsonb(x) - 'request' - 'result' from billing.intents x
    where x.subject_kind = 'invoice' and x.subject_zoho_id = i.zoho_id
      and x.state in ('ready', 'calling', 'unknown') limit 1) as live_intent,
  exists (select from billing.checkouts c
    where c.account_id = i.account_id and c.kind = 'invoice_payment' and c.state = 'confirming'
      and c.choice ->> 'invoice_zoho_id' = i.zoho_id) as is_being_confirmed
from billing.invoices i
where i.id = %(id)s and i.account_id = %(account_id)s and i.gone_at is null
"""
_METHOD = """
select m.*,
  (select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'zoho_id', s.zoho_id, 'plan_name', s.plan_name,
      'status', s.status)), '[]')
    from billing.subscriptions s
    where s.payment_method_zoho_id = m.zoho_id and s.auto_collect and s.gone_at is null
      and s.status in ('live', 'trial', 'future', 'non_renewing', 'dunning', 'unpaid', 'paused')) as used_by
from billing.payment_methods m
where m.id = %(id)s and m.account_id = %(account_id)s and m.gone_at is null
"""
_METHODS = """
select id, zoho_id, kind, brand, last_four, expiry_month, expiry_year from billing.payment_methods
where account_id = %(account_id)s and gone_at is null
order by is_primary desc nulls last, created_at
"""
_CUSTOMER = """
select c.*, a.zoho_customer_id,
  coalesce((select o.raw ->> 'country' from billing.organization o limit 1), '') as country
from billing.accounts a
left join billing.customers c on c.zoho_id = a.zoho_customer_id
where a.id = %(account_id)s
"""


def get_subscription(conn: Conn, subscription_id: UUID, account_id: UUID) -> Row:
    """Return the subscription with addons, method, product and any act under way."""
    return _one(conn, _SUBSCRIPTION, subscription_id, account_id)


def get_invoice(conn: Conn, invoice_id: UUID, account_id: UUID) -> Row:
    """Return the invoice with the account's methods and any act under way."""
    return _one(conn, _INVOICE, invoice_id, account_id)


def get_method(conn: Conn, method_id: UUID, account_id: UUID) -> Row:
    """Return the payment method with the running subscriptions that are charged to it."""
    return _one(conn, _METHOD, method_id, account_id)


def list_methods(conn: Conn, account_id: UUID) -> list[Row]:
    """List the account's methods, the primary one first."""
    return conn.execute(_METHODS, {"account_id": account_id}).fetchall()


def find_customer(conn: Conn, account_id: UUID) -> Row:
    """Return the account's customer; its columns are None while there is none."""
    row = conn.execute(_CUSTOMER, {"account_id": account_id}).fetchone()
    if row is None:
        raise NotFound
    return row


def _one(conn: Conn, statement: str, object_id: UUID, account_id: UUID) -> Row:
    row = conn.execute(statement, {"id": object_id, "account_id": account_id}).fetchone()
    if row is None:
        raise NotFound
    return row
