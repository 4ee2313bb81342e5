"""A mirror of the size that the budgets are written for, with what years of work leave beside it.

Accounts, each with a customer, a subscription, a card, a payment and its invoices; one account with 400
invoices and one with 10,000, both Ada's; logins, events, calls, differences, runs, mails and the audit trail.
Rows of the mirror are copies of Ada's with other ids, so that they are as wide as real ones.
"""

from uuid import UUID

import psycopg
from psycopg import sql

BIG, HUGE = 400, 10_000
ACCOUNTS = """
insert into billing.accounts (id, name, billing_email, zoho_customer_id)
select md5('a' || n)::uuid, 'Company ' || n, 'c' || n || '@example.com', 'bench-c' || n
from generate_series(1, %(accounts)s) n
"""
PEOPLE = """
with born as (
  insert into billing.users (id, issuer, email, display_name)
  select md5('u' || n)::uuid, 'bench', 'person' || n || '@example.com', 'Person ' || n
  from generate_series(1, %(accounts)s) n returning id)
insert into billing.members (account_id, user_id, role)
select md5('a' || n)::uuid, md5('u' || n)::uuid, 'owner' from generate_series(1, %(accounts)s) n
"""
JOIN = """
insert into billing.members (account_id, user_id, role)
select md5('a' || %(number)s)::uuid, id, 'owner' from billing.users where email = 'ada@example.com'
returning account_id
"""
COLUMNS = """
select column_name from information_schema.columns where table_schema = 'billing' and table_name = %s
"""
COPY = """
insert into billing.{table} ({columns})
select {values}
from (select * from billing.{table} where account_id is not null order by created_at limit 1) t,
     generate_series({first}, {last}) a, generate_series(1, {each}) k
"""
LINES = """
insert into billing.invoice_lines (invoice_id, account_id, position, zoho_id, code, name, description,
  product_type, price, quantity, discount_amount, tax_name, tax_percentage, item_total)
select i.id, i.account_id, l.position, i.zoho_id, l.code, l.name, l.description, l.product_type, l.price,
  l.quantity, l.discount_amount, l.tax_name, l.tax_percentage, l.item_total
from billing.invoices i, (select * from billing.invoice_lines where account_id is not null limit 1) l
where i.zoho_id like 'bench-%%'
"""
# What the work of months leaves, by how many times the number of accounts.
TRACES = {
    "inbox": (
        2,
        """
insert into billing.inbox (dedupe_key, kind, event_id, event_type, event_time, object_kind, object_zoho_id,
  body, secret_used, state, received_at, applied_at, effect)
select 'bench-' || n, 'webhook', 'bench-' || n, 'subscription_renewed', at, 'subscription',
  'bench-' || n || '-1', convert_to(repeat('x', 500), 'UTF8'), 0, 'applied', at, at + interval '2 seconds',
  '{"read": [], "changed": []}'
from (select n, now() - n * interval '20 seconds' as at from generate_series(1, %(rows)s) n) told
""",
    ),
    "zoho_calls": (
        2,
        """
insert into billing.zoho_calls (at, lane, method, endpoint, status, ms, outcome)
select now() - n * interval '10 seconds', 'webhook', 'GET', '/subscriptions/{id}', 200, 120, 'ok'
from generate_series(1, %(rows)s) n
""",
    ),
    "activity": (
        2,
        """
insert into billing.activity (at, actor_kind, account_id, action, object_kind, object_id)
select now() - n * interval '20 seconds', 'zoho', md5('a' || n / 2)::uuid, 'subscription:renewed',
  'subscription', 'bench-' || n / 2 || '-1'
from generate_series(1, %(rows)s) n
""",
    ),
    "drift": (
        0.1,
        """
insert into billing.drift (kind, object_kind, object_zoho_id, field, ours, theirs, likely_cause, found_at,
  repaired_at)
select 'differs', 'invoice', 'bench-' || n || '-1', 'balance', '1.00', '0.00',
  'a later change was not announced', at, case when n %% 100 > 0 then at end
from (select n, now() - n * interval '5 minutes' as at from generate_series(1, %(rows)s) n) told
""",
    ),
    "outbox": (
        0.2,
        """
insert into billing.outbox (template, entity, cause, recipient, state, created_at, sent_at)
select 'receipt', 'bench-' || n, 'paid', 'c' || n || '@example.com', 'sent', at, at
from (select n, now() - n * interval '1 minute' as at from generate_series(1, %(rows)s) n) told
""",
    ),
    "sync_runs": (
        0.01,
        """
insert into billing.sync_runs (kind, state, started_at, finished_at)
select (array['hot', 'events', 'full'])[1 + n %% 3], 'done', at, at
from (select now() - n * interval '15 minutes' as at, n from generate_series(1, %(rows)s) n) told
""",
    ),
}


def fill(url: str, *, accounts: int, invoices_each: int) -> tuple[UUID, UUID]:
    """Fill the mirror, let Postgres look at it, and return the accounts with 400 and with 10,000 invoices."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(ACCOUNTS, {"accounts": accounts + 2})
        conn.execute(PEOPLE, {"accounts": accounts})
        for table in ("customers", "subscriptions", "payment_methods", "payments"):
            _copy(conn, table, (1, accounts + 2), 1)
        _copy(conn, "invoices", (1, accounts), invoices_each)
        _copy(conn, "invoices", (accounts + 1, accounts + 1), BIG)
        _copy(conn, "invoices", (accounts + 2, accounts + 2), HUGE)
        conn.execute(LINES)
        for times, statement in TRACES.values():
            conn.execute(statement, {"rows": int(accounts * times)})
        special = [_join(conn, accounts + 1), _join(conn, accounts + 2)]
        conn.execute("vacuum analyze")
    return special[0], special[1]


def _join(conn: psycopg.Connection, number: int) -> UUID:
    row = conn.execute(JOIN, {"number": number}).fetchone()
    assert row
    return UUID(str(row[0]))


def _copy(conn: psycopg.Connection, table: str, accounts: tuple[int, int], each: int) -> None:
    """Copy one existing row of the table for these accounts, `each` times, with ids of their own."""
    own = {
        "id": sql.SQL("md5({} || a || '-' || k)::uuid").format(sql.Literal(table)),
        "zoho_id": sql.SQL("'bench-c' || a" if table == "customers" else "'bench-' || a || '-' || k"),
        "account_id": sql.SQL("md5('a' || a)::uuid"),
        "customer_zoho_id": sql.SQL("'bench-c' || a"),
        "display_name": sql.SQL("'Company ' || a"),
        "email": sql.SQL("'c' || a || '@example.com'"),
        "number": sql.SQL("{} || lpad(a::text, 6, '0') || lpad(k::text, 5, '0')").format(sql.Literal("N-")),
        "payment_method_zoho_id": sql.SQL("'bench-' || a || '-1'"),
        "subscription_zoho_ids": sql.SQL("array['bench-' || a || '-1']"),
        "reference_id": sql.SQL("''"),
        "invoice_date": sql.SQL("invoice_date - k"),
    }
    columns = [row[0] for row in conn.execute(COLUMNS, [table])]
    conn.execute(
        sql.SQL(COPY).format(
            table=sql.Identifier(table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(own.get(name, sql.Identifier("t", name)) for name in columns),
            first=sql.Literal(accounts[0]),
            last=sql.Literal(accounts[1]),
            each=sql.Literal(each),
        )
    )
