"""A mirror of the size that the budgets are written for: accounts, each with a subscription and its invoices.

Rows are copies of Ada's with other ids, so that they are as wide as real ones.
"""

import psycopg
from psycopg import sql

ACCOUNTS = """
insert into billing.accounts (id, name, billing_email, zoho_customer_id)
select md5('a' || n)::uuid, 'Company ' || n, 'c' || n || '@example.com', 'bench-c' || n
from generate_series(1, %(accounts)s) n
"""
COLUMNS = """
select column_name from information_schema.columns where table_schema = 'billing' and table_name = %s
"""
COPY = """
insert into billing.{table} ({columns})
select {values}
from (select * from billing.{table} where account_id is not null order by created_at limit 1) t,
     generate_series(1, {accounts}) a, generate_series(1, {each}) k
"""


def fill(url: str, *, accounts: int, invoices_each: int) -> None:
    """Add accounts with one subscription and some invoices each, then let Postgres look at them."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(ACCOUNTS, {"accounts": accounts})
        _copy(conn, "subscriptions", accounts, 1)
        _copy(conn, "invoices", accounts, invoices_each)
        conn.execute("vacuum analyze")


def _copy(conn: psycopg.Connection, table: str, accounts: int, each: int) -> None:
    """Copy one existing row of the table for every account, `each` times, with ids of their own."""
    own = {
        "id": sql.SQL("md5({} || a || '-' || k)::uuid").format(sql.Literal(table)),
        "zoho_id": sql.SQL("'bench-' || a || '-' || k"),
        "account_id": sql.SQL("md5('a' || a)::uuid"),
        "customer_zoho_id": sql.SQL("'bench-c' || a"),
        "invoice_date": sql.SQL("invoice_date - (k * 30)"),
    }
    columns = [row[0] for row in conn.execute(COLUMNS, [table])]
    conn.execute(
        sql.SQL(COPY).format(
            table=sql.Identifier(table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(own.get(name, sql.Identifier("t", name)) for name in columns),
            accounts=sql.Literal(accounts),
            each=sql.Literal(each),
        )
    )
