"""What matters on every page of an account, in one round trip: the organisation's day, whether Zoho
answers, what was last compared with Zoho, and what is wrong with money.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portal import clock
from portal.db.transaction import Conn
from portal.mirror import bundle
from portal.mirror.rows import Row

# A failed payment is news only while the invoice it was meant for is open, or a subscription is in trouble.
_GET = """
select
  coalesce((select time_zone from billing.organization order by synced_at desc limit 1), 'UTC') as time_zone,
  coalesce((select clock_offset from billing.organization order by synced_at desc limit 1), '0')
    as clock_offset,
  billing.mirror_checked_at() as checked_at,
  (select facts from billing.connection) as connection,
  (select json_agg(s)::text from (
     select id, name, plan_name, status, payment_method_zoho_id, auto_collect, amount, currency_code
     from billing.subscriptions
     where account_id = %(account_id)s and gone_at is null and status in ('dunning', 'unpaid')
     order by created_at limit 5) s) as troubled,
  (select json_agg(i)::text from (
     select id, number, due_date, balance, currency_code, ach_payment_initiated, subscription_zoho_ids
     from billing.invoices
     where account_id = %(account_id)s and gone_at is null and balance > 0
       and status not in ('void', 'draft', 'pending')
     order by ach_payment_initiated, due_date nulls last, id limit 50) i) as open_invoices,
  (select to_json(p)::text from (
     select paid_on, last_four, amount, currency_code, gateway_error_code, gateway_error_message
     from billing.payments
     where account_id = %(account_id)s and gone_at is null and status = 'failure'
     order by paid_on desc nulls last, created_at desc limit 1) p) as last_failure,
  (select json_agg(m)::text from (
     select m.id, m.kind, m.brand, m.last_four, m.expiry_month, m.expiry_year
     from billing.payment_methods m
     where m.account_id = %(account_id)s and m.gone_at is null and m.kind = 'card' and exists (
       select from billing.subscriptions s
       where s.account_id = %(account_id)s and s.payment_method_zoho_id = m.zoho_id and s.auto_collect
         and s.gone_at is null and s.status in ('live', 'trial', 'dunning', 'unpaid', 'future', 'paused'))
     order by m.expiry_year, m.expiry_month, m.id limit 5) m) as cards_in_use
"""


@dataclass(frozen=True, slots=True)
class Situation:
    """How things stand with an account now. ``today`` is the organisation's date."""

    today: date
    checked_at: datetime | None
    away_until: datetime | None
    troubled: list[Row]
    open_invoices: list[Row]
    last_failure: Row | None
    cards_in_use: list[Row]

    @property
    def is_zoho_away(self) -> bool:
        """Whether Zoho cannot be asked now: acts are closed, pages show the copy."""
        return self.away_until is not None


def get(conn: Conn, account_id: UUID) -> Situation:
    """Read the situation of an account as its member."""
    row = conn.execute(_GET, {"account_id": account_id}).fetchone()
    assert row is not None  # noqa: S101 - a select without a table answers one row
    return Situation(
        today=clock.today(row["time_zone"], row["clock_offset"]),
        checked_at=row["checked_at"],
        away_until=away_until(bundle.parse_one(row["connection"])),
        troubled=bundle.parse(row["troubled"]),
        open_invoices=bundle.parse(row["open_invoices"]),
        last_failure=bundle.parse_one(row["last_failure"]),
        cards_in_use=bundle.parse(row["cards_in_use"]),
    )


def away_until(connection: Row | None) -> datetime | None:
    """Return until when Zoho is left alone, given how the calls to it go; None when it can be asked."""
    if connection is None:
        return None
    ends = [connection["blocked_until_at"]]
    if connection["breaker_state"] == "open":
        ends.append(connection["breaker_until_at"])
    ahead = [end for end in ends if end is not None and end > clock.now()]
    return max(ahead, default=None)
