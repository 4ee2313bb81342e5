"""Queue, inbox and outbox as Prometheus figures, read from the database at each scrape (JOB-08).

Figures of the whole installation, so every web process shows the same; take the maximum, not the sum.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from portal import clock
from portal.db import transaction
from portal.db.transaction import Pool

_FIGURES = """
select
  (select coalesce(jsonb_object_agg(state, n), '{}') from
     (select state, count(*) n from billing.inbox where state <> 'applied' group by state) s) as inbox,
  (select coalesce(jsonb_object_agg(state, n), '{}') from
     (select state, count(*) n from billing.outbox where state <> 'sent' group by state) s) as outbox,
  (select coalesce(jsonb_object_agg(status, n), '{}') from
     (select status, count(*) n from jobs.procrastinate_jobs
      where status in ('todo', 'doing', 'failed') group by status) s) as jobs,
  (select coalesce(jsonb_agg(r), '[]') from (
     select task_name as task, status::text, count(*) as runs, sum(greatest(attempts - 1, 0)) as retries
     from (select task_name, status, attempts from jobs.procrastinate_jobs order by id desc limit 10000) j
     where status not in ('todo', 'doing') group by task_name, status) r) as recent,
  (select min(received_at) from billing.inbox where state in ('pending', 'applying', 'failed')) as waiting,
  (select count(*) from billing.drift where repaired_at is null and acknowledged_at is null) as drift
"""


class QueueCollector(Collector):
    """Asks the database when Prometheus asks us; a database that does not answer gives no figures."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand: registering must not need a database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with transaction.as_worker(self.pool) as conn:
                row = conn.execute(_FIGURES).fetchone() or {}
        except (psycopg.Error, PoolTimeout):
            return
        yield _by_state("portal_inbox", "Deliveries that are not applied, by state", row["inbox"])
        yield _by_state("portal_outbox", "Mails that are not sent, by state", row["outbox"])
        yield _by_state("portal_jobs", "Jobs, by status", row["jobs"])
        yield from _recent(row["recent"])
        age = (clock.now() - row["waiting"]).total_seconds() if row["waiting"] else 0.0
        yield GaugeMetricFamily("portal_inbox_oldest_seconds", "Age of the oldest waiting delivery", age)
        yield GaugeMetricFamily("portal_drift_open", "Differences not repaired", row["drift"])


_registered: list[QueueCollector] = []


def register(pool: Pool) -> None:
    """Show the figures of this database; a second app in one process takes the place of the first."""
    while _registered:
        REGISTRY.unregister(_registered.pop())
    collector = QueueCollector(pool)
    REGISTRY.register(collector)
    _registered.append(collector)


def _recent(found: list[dict[str, Any]]) -> Iterator[GaugeMetricFamily]:
    """Tell how the newest 10,000 jobs ended: a bound that keeps a scrape cheap."""
    runs = GaugeMetricFamily(
        "portal_jobs_recent", "The newest finished jobs, by task and outcome", labels=["task", "status"]
    )
    retries = GaugeMetricFamily(
        "portal_jobs_recent_retries", "How often those had to run again", labels=["task"]
    )
    again: dict[str, int] = {}
    for row in found:
        runs.add_metric([row["task"], row["status"]], row["runs"])
        again[row["task"]] = again.get(row["task"], 0) + row["retries"]
    for task, count in again.items():
        retries.add_metric([task], count)
    yield runs
    yield retries


def _by_state(name: str, text: str, counts: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family
