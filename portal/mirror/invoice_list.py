"""The invoices of an account as a page shows them: filtered, searched, sorted, a keyset page at a time.

One round trip brings the page's rows, the sums of everything that matches (so the totals equal the
list, whatever page is shown) and the years that can be chosen. The CSV walks the same selection.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from psycopg import sql

from portal.db.transaction import Conn
from portal.mirror import bundle
from portal.mirror.rows import Row

Standing = Literal["all", "open", "overdue", "paid", "void"]
Order = Literal["newest", "oldest", "due", "amount"]

_MATCHING = sql.SQL("""
  select i.id, i.zoho_id, i.number, i.status, i.invoice_date, i.due_date, i.total, i.balance,
         i.payment_made, i.credits_applied, i.write_off_amount, i.currency_code,
         i.ach_payment_initiated, i.synced_at
  from billing.invoices i
  where i.account_id = %(account_id)s and i.gone_at is null
    and (%(year)s::int is null or extract(year from i.invoice_date) = %(year)s)
    and (%(search)s = '' or i.number ilike %(pattern)s or i.id in (
      select l.invoice_id from billing.invoice_lines l
      where l.account_id = %(account_id)s and l.name ilike %(pattern)s))
    and case %(standing)s
      when 'open' then i.balance > 0 and i.status not in ('void', 'draft', 'pending')
      when 'overdue' then i.balance > 0 and i.status not in ('void', 'draft', 'pending')
        and i.due_date < %(today)s
      when 'paid' then i.balance = 0 and i.status not in ('void', 'draft', 'pending')
      when 'void' then i.status = 'void'
      else true end
""")
# Over ten thousand invoices most of the time goes where one does not look: so the value to sort by is written
# as text for the page's rows only, years are found one index probe each, lines are searched at once for the
# account and not for each invoice, and what matches is read twice and not kept, unless a search makes reading
# it dear.
_PAGE = sql.SQL("""
with recursive matching as {kept} ({matching}),
newest (invoice_date) as (
  (select invoice_date from billing.invoices
   where account_id = %(account_id)s and gone_at is null and invoice_date is not null
   order by invoice_date desc limit 1)
  union all
  select (select i.invoice_date from billing.invoices i
          where i.account_id = %(account_id)s and i.gone_at is null
            and i.invoice_date < date_trunc('year', newest.invoice_date)::date
          order by i.invoice_date desc limit 1)
  from newest where newest.invoice_date is not null
)
select
  (select json_agg(q)::text from (select p.*, {value}::text as sort_value from (
     select * from matching
     where %(edge_id)s::uuid is null or ({value}, id) {beyond} (%(edge)s::{type}, %(edge_id)s::uuid)
     order by {value} {direction}, id {direction} limit %(limit)s) p) q) as rows,
  (select json_agg(t order by currency_code)::text from (
     select currency_code, count(*) as count, count(*) filter (where status = 'void') as void_count,
            coalesce(sum(total) filter (where status <> 'void'), 0.0) as total,
            coalesce(sum(balance) filter (where status not in ('void', 'draft', 'pending')), 0.0) as open
     from matching group by currency_code) t) as totals,
  array(
     select extract(year from invoice_date)::int from newest
     where invoice_date is not null limit 30) as years
""")
_ALL = sql.SQL("{matching} order by i.invoice_date desc nulls last, i.id desc").format(matching=_MATCHING)

# What each order sorts by (never null, so that a keyset may compare it), its type and its direction.
_ORDERS: dict[str, tuple[str, str, str]] = {
    "newest": ("coalesce(invoice_date, date '0001-01-01')", "date", "desc"),
    "oldest": ("coalesce(invoice_date, date '9999-12-31')", "date", "asc"),
    "due": ("coalesce(due_date, date '9999-12-31')", "date", "asc"),
    "amount": ("total", "numeric", "desc"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which invoices, in which order. ``today`` is the organisation's date."""

    today: date
    standing: Standing = "all"
    search: str = ""
    year: int | None = None
    order: Order = "newest"


@dataclass(frozen=True, slots=True)
class Edge:
    """The row at the end of the page before, and which way to go from it."""

    id: UUID
    value: str
    backwards: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one page (one more than asked, if there is one), and sums over all that match."""

    rows: list[Row]
    totals: list[Row]
    years: list[int]


def find_page(conn: Conn, account_id: UUID, choice: Choice, edge: Edge | None, size: int) -> Found:
    """Return the page after (or before) ``edge``, nearest first, with ``size`` + 1 rows at most."""
    value, kind, direction = _ORDERS[choice.order]
    if edge and edge.backwards:
        direction = "asc" if direction == "desc" else "desc"
    statement = _PAGE.format(
        matching=_MATCHING,
        kept=sql.SQL("materialized" if choice.search else "not materialized"),
        value=sql.SQL(value),
        type=sql.SQL(kind),
        direction=sql.SQL(direction),
        beyond=sql.SQL("<" if direction == "desc" else ">"),
    )
    names = {
        **_names(account_id, choice),
        "edge": edge.value if edge else None,
        "edge_id": edge.id if edge else None,
        "limit": size + 1,
    }
    row = conn.execute(statement, names).fetchone()
    assert row is not None  # noqa: S101 - a select without a table answers one row
    return Found(
        rows=[{**one, "id": UUID(one["id"])} for one in bundle.parse(row["rows"])],
        totals=bundle.parse(row["totals"]),
        years=row["years"],
    )


def walk(conn: Conn, account_id: UUID, choice: Choice) -> Iterator[Row]:
    """Return every invoice that matches, newest first, without holding all of them."""
    with conn.cursor(name="invoices") as cursor:
        cursor.itersize = 500
        yield from cursor.execute(_ALL, _names(account_id, choice))


def _names(account_id: UUID, choice: Choice) -> dict[str, Any]:
    text = choice.search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return {
        "account_id": account_id,
        "standing": choice.standing,
        "today": choice.today,
        "year": choice.year,
        "search": choice.search,
        "pattern": f"%{text}%",
    }
