"""How the synchronisation stands: figures for the staff pages, and the verdict in words.

Reads only, as portal_staff. Every figure comes from rows that a page can list (look.md, staff pages).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from portal import clock
from portal.db.transaction import Conn
from portal.sync.repair import NOT_READ

Row = dict[str, Any]

BEHIND = timedelta(minutes=5)
WORKER_SILENT = timedelta(minutes=1)
COMPARED = timedelta(hours=26)
# Of what the trail tells when the way to pay was found changed (portal/jobs/front_door.py).
FRONT_DOOR = "front door"
COUNTED = 10_000  # up to so many rows are counted at each look

# One round trip for the whole overview.
_FIGURES = """
select
  (select coalesce(jsonb_object_agg(state, n), '{}') from (
     select state, count(*) n from billing.inbox
     where state in ('pending', 'applying', 'failed') group by state
     union all
     select state, count(*) from billing.inbox where state in ('dead', 'ignored') group by state
     union all
     select state, count(*) from billing.inbox
     where state = 'applied' and received_at > %(day)s group by state) s) as inbox,
  -- asked state by state: else a backlog is looked for from the first row that ever came
  (select min(one.received_at) from unnest(array['pending', 'applying', 'failed']) as waiting (state)
     cross join lateral (
       select received_at from billing.inbox i where i.state = waiting.state
       order by received_at limit 1) one) as oldest_waiting,
  (select max(received_at) from billing.inbox where kind = 'webhook') as last_webhook_at,
  today.lag_p95_s, today.old_secret,
  (select count(*) from billing.drift where repaired_at is null and acknowledged_at is null) as drift_open,
  (select max(found_at) from billing.drift) as drift_last_at,
  (select count(*) from billing.drift where found_at > %(week)s) as drift_week,
  (select count(*) from billing.intents where state = 'unknown') as intents_unknown,
  (select detail -> 'what' ->> 0 from billing.activity
   where object_kind = %(front_door)s and at > %(day)s order by at desc limit 1) as front_door,
  (select coalesce(jsonb_object_agg(state, n), '{}') from (
     select state, count(*) n from billing.outbox where state <> 'sent' group by state
     union all
     select state, count(*) from billing.outbox
     where state = 'sent' and sent_at > %(day)s group by state) s) as mail,
  (select max(last_heartbeat) from jobs.procrastinate_workers) as worker_seen_at,
  (select to_jsonb(b) from billing.call_budget b limit 1) as budget,
  (select jsonb_build_object('failed_at', failed_at, 'failure', failure, 'refreshed_at', refreshed_at)
     from billing.oauth_tokens limit 1) as connection,
  (select coalesce(jsonb_agg(to_jsonb(r) order by r.started_at desc), '[]')
     from unnest(array['hot', 'events', 'full', 'rebuild', 'replay']) as known (kind)
     cross join lateral (
       select id, kind, state, started_at, finished_at, heartbeat_at, problem, progress,
         drift_found, rows_read, rows_written, calls
       from billing.sync_runs where kind = known.kind order by started_at desc limit 1) r) as runs,
  -- a count reads an index to its end: of a large table it takes what Postgres last noted, and says so
  (select jsonb_build_object(
     'customers', case when c.reltuples > %(many)s then round(c.reltuples::numeric, -2)
                  else (select count(*) from billing.customers) end
       - (select count(*) from billing.customers where gone_at is not null),
     'customers_estimated', c.reltuples > %(many)s,
     'subscriptions', case when s.reltuples > %(many)s then round(s.reltuples::numeric, -2)
                      else (select count(*) from billing.subscriptions) end
       - (select count(*) from billing.subscriptions where gone_at is not null),
     'subscriptions_estimated', s.reltuples > %(many)s)
   from pg_class c, pg_class s
   where c.oid = 'billing.customers'::regclass and s.oid = 'billing.subscriptions'::regclass) as mirror
from (
  select percentile_cont(0.95) within group (order by extract(epoch from applied_at - received_at)::float)
           filter (where applied_at is not null and kind = 'webhook') as lag_p95_s,
         count(*) filter (where 'previous_secret' = any (flags)) as old_secret
  from billing.inbox where received_at > %(day)s) today
"""
_CHARTS = """
with hours as (
  select h from generate_series(date_trunc('hour', %(now)s::timestamptz) - interval '23 hours',
                                %(now)s::timestamptz, interval '1 hour') h),
days as (
  select d from generate_series(date_trunc('day', %(now)s::timestamptz) - interval '13 days',
                                %(now)s::timestamptz, interval '1 day') d),
events as (
  select h as at, count(i.id) as n from hours
  left join billing.inbox i on i.received_at >= h and i.received_at < h + interval '1 hour' group by h),
calls as (
  select h as at, count(c.id) as n from hours
  left join billing.zoho_calls c on c.at >= h and c.at < h + interval '1 hour' group by h),
drift as (
  select d as at, count(f.id) as n from days
  left join billing.drift f on f.found_at >= d and f.found_at < d + interval '1 day' group by d)
select (select jsonb_agg(to_jsonb(e) order by e.at) from events e) as events,
       (select jsonb_agg(to_jsonb(c) order by c.at) from calls c) as calls,
       (select jsonb_agg(to_jsonb(f) order by f.at) from drift f) as drift
"""
_EVENT = """
select i.*, (select coalesce(jsonb_agg(to_jsonb(a) order by a.at), '[]') from
  (select at, action, detail from billing.activity
   where (object_kind = i.object_kind and object_id = i.object_zoho_id)
      or (object_kind = 'inbox' and object_id = i.id::text)
   order by at desc limit 20) a) as trail
from billing.inbox i where i.id = %(id)s
"""
_DRIFT_ROW = "select * from billing.drift where id = %(id)s"
_RUN = "select * from billing.sync_runs where id = %(id)s"
_CUSTOMER = """
select c.*,
  (select coalesce(jsonb_agg(to_jsonb(s) - 'raw' order by s.created_on desc), '[]')
     from billing.subscriptions s where s.customer_zoho_id = c.zoho_id) as subscriptions,
  (select coalesce(jsonb_agg(to_jsonb(i)), '[]') from
     (select id, zoho_id, number, status, invoice_date, total, balance, currency_code, synced_at, source,
        gone_at
      from billing.invoices where customer_zoho_id = c.zoho_id
      order by invoice_date desc nulls last limit 12) i) as invoices,
  (select coalesce(jsonb_agg(to_jsonb(m) - 'raw'), '[]')
     from billing.payment_methods m where m.customer_zoho_id = c.zoho_id) as methods,
  (select jsonb_build_object('at', a.at, 'problem', a.detail ->> 'problem') from billing.activity a
     where a.object_kind = 'customer' and a.object_id = c.zoho_id
       and a.action = %(not_read)s and a.at > c.synced_at order by a.at desc limit 1) as not_read
from billing.customers c where c.id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence on how things stand, its tone, and what to do."""

    tone: str
    text: str
    advice: str = ""


def read_figures(conn: Conn) -> Row:
    """Return every figure of the overview."""
    now = clock.now()
    since = {"day": now - timedelta(days=1), "week": now - timedelta(days=7)}
    names = {**since, "many": COUNTED, "front_door": FRONT_DOOR}
    figures = conn.execute(_FIGURES, names).fetchone() or {}
    _read_moments([figures["connection"] or {}], "failed_at", "refreshed_at")
    _read_moments(figures["runs"], "started_at", "finished_at")
    return figures


def read_charts(conn: Conn) -> dict[str, list[Row]]:
    """Return counts by hour or day, gaps as zeros."""
    return conn.execute(_CHARTS, {"now": clock.now()}).fetchone() or {}


def verdict(figures: Row) -> Verdict:
    """Say in words how the synchronisation stands; the worst news first."""
    good = Verdict("good", "In sync.", "" if figures["drift_last_at"] else "No difference was ever found.")
    return next(_news(figures, clock.now()), good)


def _news(figures: Row, now: datetime) -> Iterator[Verdict]:
    connection, budget = figures["connection"] or {}, figures["budget"] or {}
    if figures["front_door"]:
        yield Verdict("bad", "The way to pay was found changed.", f"Look today: {figures['front_door']}.")
    if connection.get("failed_at") and not _after(connection.get("refreshed_at"), connection["failed_at"]):
        yield Verdict("bad", "Zoho refuses the connection.", "Connect the organisation again.")
    if not _within(figures["worker_seen_at"], now, WORKER_SILENT):
        yield Verdict("bad", "The worker is not running.", "What Zoho tells us is kept and waits. Start it.")
    if budget.get("breaker_state") == "open":
        yield Verdict("bad", "Zoho does not answer.", "Pages show our copy; it is tried again by itself.")
    if figures["oldest_waiting"] and now - figures["oldest_waiting"] > BEHIND:
        yield Verdict("warn", "Behind: events wait to be applied.", "See which, and why.")
    if figures["inbox"].get("dead"):
        yield Verdict("warn", f"{_several(figures['inbox']['dead'], 'event')} given up.", "Apply them again.")
    if figures["drift_open"]:
        yield Verdict(
            "warn", f"{_several(figures['drift_open'], 'difference')} not repaired.", "Look at them."
        )
    yield from _of_the_comparison(figures, now)


def _of_the_comparison(figures: Row, now: datetime) -> Iterator[Verdict]:
    full = next((run for run in figures["runs"] if run["kind"] == "full"), None)
    if full is None:
        yield Verdict("warn", "Nothing was compared with Zoho yet.", "Compare everything now.")
    elif full["state"] == "failed":
        yield Verdict("warn", "The last comparison with Zoho failed.", full["problem"])
    elif not _within(full["started_at"], now, COMPARED):
        yield Verdict("warn", "The last comparison is more than a day old.", "Compare everything now.")


def find_event(conn: Conn, event_id: UUID) -> Row | None:
    return conn.execute(_EVENT, {"id": event_id}).fetchone()


def find_drift(conn: Conn, drift_id: UUID) -> Row | None:
    return conn.execute(_DRIFT_ROW, {"id": drift_id}).fetchone()


def find_run(conn: Conn, run_id: UUID) -> Row | None:
    return conn.execute(_RUN, {"id": run_id}).fetchone()


def find_customer(conn: Conn, customer_id: UUID) -> Row | None:
    found = conn.execute(_CUSTOMER, {"id": customer_id, "not_read": NOT_READ}).fetchone()
    if found:
        for name in ("subscriptions", "invoices", "methods"):
            _read_moments(found[name], "synced_at")
        _read_moments([found["not_read"] or {}], "at")
    return found


def _within(moment: datetime | None, now: datetime, span: timedelta) -> bool:
    return moment is not None and now - moment <= span


def _after(one: datetime | None, other: datetime) -> bool:
    return one is not None and one > other


def _read_moments(rows: list[Row], *names: str) -> None:
    """Turn the times in aggregated JSON back into times."""
    for row in rows:
        for name in names:
            if row.get(name):
                row[name] = datetime.fromisoformat(row[name])


def _several(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count} {word}s"
