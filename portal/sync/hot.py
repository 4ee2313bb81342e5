"""The short reconciliation, every few minutes: what is most likely to be old and matters most.

Open purchases and commands of unknown outcome have sweeps of their own (checkouts, intents). Here are the
rows whose date has come (a renewal, a trial's or a term's end), those that wait for money, and those that
were not read for long, the oldest first, a bounded number a run.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from portal import clock
from portal.db import transaction
from portal.mirror import organization
from portal.sync import reconcile, repair, runs
from portal.sync.runs import Report, Run, silently
from portal.sync.subjects import Subject

if TYPE_CHECKING:
    from portal.services import Services

MOST = 40
# Renewals happen at 06:00 of the organisation's zone (facts.md 3.2): a row read since then is fresh.
PATIENCE = timedelta(hours=6)
UNPAID_AGE = timedelta(hours=2)

_DUE = """
select kind, zoho_id from (
  select 'subscription' as kind, zoho_id, read_started_at, 0 as rank from billing.subscriptions
  where gone_at is null and read_started_at < %(renewals)s
    and status not in ('cancelled', 'expired', 'trial_expired', 'creation_failed', 'cancelled_from_dunning')
    -- Zoho keeps the dates of a trial, a pause and a planned end when they are over: they tell nothing then
    and least(next_billing_on, current_term_ends_on,
              case status when 'trial' then trial_ends_on
                          when 'non_renewing' then scheduled_cancellation_on
                          when 'paused' then resume_on end) <= %(today)s
  union all
  select 'subscription', zoho_id, read_started_at, 1 from billing.subscriptions
  where gone_at is null and status in ('dunning', 'unpaid', 'future', 'paused')
    and read_started_at < %(renewals)s
  union all
  select 'invoice', zoho_id, read_started_at, 2 from billing.invoices
  where gone_at is null and balance > 0 and status not in ('draft', 'void')
    and read_started_at < %(unpaid)s
    and due_date <= %(today)s
) hot
order by rank, read_started_at limit %(limit)s
"""


def hot(
    services: "Services",
    *,
    limit: int = MOST,
    report: Report = silently,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Read the hottest rows again. Raises :class:`~portal.sync.runs.UnderWay`."""
    with transaction.as_worker(services.pool) as conn:
        run = runs.begin(conn, "hot")
        due = _due(conn, limit)

    def work() -> None:
        for number, subject in enumerate(due, start=1):
            if stop():
                raise reconcile.Stopped
            run.rows_read += repair.bring_level(services, run, subject)
            with transaction.as_worker(services.pool) as conn:
                runs.record(conn, run)
            run.progress = {"what": "hot rows", "done": number, "total": len(due)}
            report(run)

    return reconcile.guarded(services, run, work)


def _due(conn: transaction.Conn, limit: int) -> list[Subject]:
    now = clock.now()
    names = {
        "renewals": now - PATIENCE,
        "unpaid": now - UNPAID_AGE,
        "today": organization.today(conn),
        "limit": limit,
    }
    rows = conn.execute(_DUE, names).fetchall()
    return list(dict.fromkeys(Subject(row["kind"], row["zoho_id"]) for row in rows))
