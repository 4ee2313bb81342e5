"""What the overview, the subscription pages, the invoice page and the payment methods page show:
each page's own read, in one round trip. All of them name the account, and row-level security does too.
"""

from typing import Any
from uuid import UUID

from portal.db.transaction import Conn
from portal.errors import NotFound
from portal.mirror import bundle
from portal.mirror.rows import Row

_OVERVIEW = """
select
  (select json_agg(s)::text from (
     select id, zoho_id, name, number, plan_name, status, amount, currency_code, interval, interval_unit,
            auto_collect, quantity, trial_ends_on, next_billing_on, current_term_ends_on, starts_on,
            scheduled_cancellation_on, cancelled_on, expires_on, pause_on, resume_on,
            has_scheduled_change, scheduled_change, payment_method_zoho_id, synced_at
     from billing.subscriptions
     where account_id = %(account_id)s and gone_at is null
     order by (status in ('cancelled', 'cancelled_from_dunning', 'expired', 'trial_expired',
                          'creation_failed')), created_on desc nulls last, id limit 20) s) as subscriptions,
  (select count(*) from billing.subscriptions
     where account_id = %(account_id)s and gone_at is null) as subscription_count,
  (select json_agg(t)::text from (
     select currency_code, count(*) as count, sum(balance) as balance, min(due_date) as due_date,
            coalesce(sum(balance) filter (where ach_payment_initiated), 0.0) as under_way,
            (array_agg(id order by due_date nulls last, id))[1] as first_id
     from billing.invoices
     where account_id = %(account_id)s and gone_at is null and balance > 0
       and status not in ('void', 'draft', 'pending')
     group by currency_code order by currency_code) t) as owed,
  (select json_agg(i)::text from (
     select id, number, status, invoice_date, due_date, total, balance, write_off_amount, currency_code,
            ach_payment_initiated, synced_at
     from billing.invoices
     where account_id = %(account_id)s and gone_at is null
     order by invoice_date desc nulls last, id desc limit 5) i) as invoices,
  (select json_agg(m)::text from (
     select id, zoho_id, kind, brand, last_four, expiry_month, expiry_year, status
     from billing.payment_methods
     where account_id = %(account_id)s and gone_at is null
     order by is_primary desc nulls last, created_at, id limit 20) m) as methods,
  (select to_json(c)::text from (
     select unused_credits, currency_code, synced_at from billing.customers
     where account_id = %(account_id)s and gone_at is null order by created_at limit 1) c) as customer
"""

_SUBSCRIPTIONS = """
select id, zoho_id, name, number, plan_name, status, amount, currency_code, interval, interval_unit, quantity,
       auto_collect, trial_ends_on, next_billing_on, current_term_ends_on, starts_on, created_on, expires_on,
       scheduled_cancellation_on, cancelled_on, pause_on, resume_on, has_scheduled_change, synced_at
from billing.subscriptions
where account_id = %(account_id)s and gone_at is null
  and (%(edge_id)s::uuid is null or
       (coalesce(created_on, date '0001-01-01'), id) < (%(edge)s::date, %(edge_id)s::uuid))
order by coalesce(created_on, date '0001-01-01') desc, id desc
limit %(limit)s
"""

_SUBSCRIPTION = """
select s.*,
  (select json_agg(a)::text from (
     select code, name, quantity, price, total, type from billing.subscription_addons
     where subscription_id = s.id order by position) a) as addons,
  (select to_json(m)::text from (
     select id, zoho_id, kind, brand, last_four, expiry_month, expiry_year, status
     from billing.payment_methods
     where zoho_id = s.payment_method_zoho_id and account_id = s.account_id and gone_at is null) m) as method,
  (select json_agg(i)::text from (
     select id, number, status, invoice_date, due_date, total, balance, write_off_amount, currency_code,
            ach_payment_initiated
     from billing.invoices
     where account_id = s.account_id and gone_at is null and subscription_zoho_ids @> array[s.zoho_id]
     order by invoice_date desc nulls last, id desc limit 6) i) as invoices,
  (select to_json(p)::text from (
     select name, description, unit, price, tax_name, tax_percentage from billing.plans
     where code = s.plan_code order by gone_at nulls first, created_at limit 1) p) as plan,
  (select id from billing.intents
   where subject_kind = 'subscription' and subject_zoho_id = s.zoho_id and account_id = s.account_id
     and state in ('ready', 'calling', 'unknown') limit 1) as live_intent
from billing.subscriptions s
where s.id = %(id)s and s.account_id = %(account_id)s and s.gone_at is null
"""

_INVOICE = """
select i.*,
  (select json_agg(l)::text from (
     select name, description, price, quantity, discount_amount, tax_name, tax_percentage, item_total
     from billing.invoice_lines where invoice_id = i.id order by position) l) as lines,
  (select json_agg(p)::text from (
     select p.number, p.mode, p.status, p.amount_refunded, p.paid_on, p.last_four, p.gateway_error_code,
            (select sum((part ->> 'amount')::numeric(20, 6)) from jsonb_array_elements(p.applied) part
             where part ->> 'invoice_zoho_id' = i.zoho_id) as amount
     from billing.payments p
     where p.account_id = i.account_id and p.gone_at is null
       and p.applied @> jsonb_build_array(jsonb_build_object('invoice_zoho_id', i.zoho_id))
     order by p.paid_on, p.id) p) as payments,
  (select json_agg(c)::text from (
     select c.number, c.issued_on,
            (select sum((part ->> 'amount')::numeric(20, 6)) from jsonb_array_elements(c.applied) part
             where part ->> 'invoice_zoho_id' = i.zoho_id) as amount
     from billing.credit_notes c
     where c.account_id = i.account_id and c.gone_at is null
       and c.applied @> jsonb_build_array(jsonb_build_object('invoice_zoho_id', i.zoho_id))
     order by c.issued_on, c.id) c) as credits,
  (select json_agg(s)::text from (
     select id, name, plan_name from billing.subscriptions
     where account_id = i.account_id and zoho_id = any (i.subscription_zoho_ids) and gone_at is null
     order by created_on, id) s) as subscriptions,
  (select id from billing.intents
   where subject_kind = 'invoice' and subject_zoho_id = i.zoho_id and account_id = i.account_id
     and state in ('ready', 'calling', 'unknown') limit 1) as live_intent
from billing.invoices i
where i.id = %(id)s and i.account_id = %(account_id)s and i.gone_at is null
"""

_METHODS = """
select m.id, m.zoho_id, m.kind, m.brand, m.last_four, m.expiry_month, m.expiry_year, m.status, m.is_primary,
       m.is_backup, m.synced_at, f.read_at,
  (select json_agg(s)::text from (
     select id, name, plan_name from billing.subscriptions
     where account_id = %(account_id)s and payment_method_zoho_id = m.zoho_id and gone_at is null
       and status in ('live', 'trial', 'future', 'non_renewing', 'dunning', 'unpaid', 'paused')
     order by created_on, id) s) as pays_for
from (select read_at from billing.freshness
      where account_id = %(account_id)s and kind = 'payment_methods') f
full join (select * from billing.payment_methods
           where account_id = %(account_id)s and gone_at is null) m on true
order by m.is_primary desc nulls last, m.created_at, m.id
limit 100
"""

_INVOICE_NAME = """
select zoho_id, number, customer_zoho_id from billing.invoices
where id = %(id)s and account_id = %(account_id)s and gone_at is null
"""


def get_overview(conn: Conn, account_id: UUID) -> Row:
    """Return what the account has, owes and was billed."""
    row = _one(conn, _OVERVIEW, {"account_id": account_id})
    for name in ("subscriptions", "owed", "invoices", "methods"):
        row[name] = bundle.parse(row[name])
    row["customer"] = bundle.parse_one(row["customer"])
    return row


def list_subscriptions(
    conn: Conn, account_id: UUID, *, edge: tuple[str, UUID] | None, limit: int
) -> list[Row]:
    """Return the account's subscriptions, newest first, after ``edge`` (its created_on and id)."""
    names: dict[str, Any] = {"account_id": account_id, "limit": limit}
    names |= {"edge": edge[0] if edge else None, "edge_id": edge[1] if edge else None}
    return conn.execute(_SUBSCRIPTIONS, names).fetchall()


def get_subscription(conn: Conn, subscription_id: UUID, account_id: UUID) -> Row:
    """Return one subscription with addons, method, latest invoices. Raises :class:`NotFound`."""
    row = _one(conn, _SUBSCRIPTION, {"id": subscription_id, "account_id": account_id})
    for name in ("addons", "invoices"):
        row[name] = bundle.parse(row[name])
    for name in ("method", "plan"):
        row[name] = bundle.parse_one(row[name])
    return row


def get_invoice(conn: Conn, invoice_id: UUID, account_id: UUID) -> Row:
    """Return one invoice with lines, payments, credits. Raises :class:`NotFound`."""
    row = _one(conn, _INVOICE, {"id": invoice_id, "account_id": account_id})
    for name in ("lines", "payments", "credits", "subscriptions"):
        row[name] = bundle.parse(row[name])
    return row


def get_invoice_name(conn: Conn, invoice_id: UUID, account_id: UUID) -> Row:
    """Return Zoho's id and the number of an invoice. Raises :class:`NotFound`."""
    return _one(conn, _INVOICE_NAME, {"id": invoice_id, "account_id": account_id})


def list_payment_methods(conn: Conn, account_id: UUID) -> list[Row]:
    """Return the methods on file, each with what it pays for; a row without id tells only `read_at`."""
    rows = conn.execute(_METHODS, {"account_id": account_id}).fetchall()
    for row in rows:
        row["pays_for"] = bundle.parse(row["pays_for"])
    return rows


def _one(conn: Conn, statement: str, names: dict[str, Any]) -> Row:
    row = conn.execute(statement, names).fetchone()
    if row is None:
        raise NotFound
    return row
