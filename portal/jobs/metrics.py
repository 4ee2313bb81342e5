"""Queue, inbox, outbox and what the worker found as Prometheus figures, read at each scrape (JOB-08).

Figures of the whole installation, so every web process shows the same; take the maximum, not the sum. The
worker answers no scrape, so a counter of its own process would be seen by nobody.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from portal import clock
from portal.db import transaction
from portal.db.transaction import Pool
from portal.sync import status

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
  (select count(*) from billing.drift where repaired_at is null and acknowledged_at is null) as drift,
  (select min(coalesce(called_at, created_at)) from billing.intents where state = 'unknown') as unknown_since,
  (select count(*) from billing.oauth_tokens
   where failed_at is not null and failure_kind = 'refused') as refused,
  (select count(*) from billing.inbox
   where received_at > %(day)s and 'previous_secret' = any (flags)) as old_secret,
  (select count(*) from billing.activity where object_kind = %(front_door)s and at > %(day)s) as front_door,
  (select max(last_heartbeat) from jobs.procrastinate_workers) as worker_seen_at
"""


class QueueCollector(Collector):
    """Asks the database when Prometheus asks us; a database that does not answer gives no figures."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand: registering must not need a database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        names = {"front_door": status.FRONT_DOOR, "day": clock.now() - timedelta(days=1)}
        try:
            with transaction.as_worker(self.pool) as conn:
                row = conn.execute(_FIGURES, names).fetchone() or {}
        except (psycopg.Error, PoolTimeout):
            return
        yield _by_state("portal_inbox", "Deliveries that are not applied, by state", row["inbox"])
        yield _by_state("portal_outbox", "Mails that are not sent, by state", row["outbox"])
        yield _by_state("portal_jobs", "Jobs, by status", row["jobs"])
        yield from _recent(row["recent"])
        for name, text, value in _figures(row):
            yield GaugeMetricFamily(name, text, value)


def _figures(row: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    yield "portal_inbox_oldest_seconds", "Age of the oldest waiting delivery", _age(row["waiting"])
    yield "portal_drift_open", "Differences not repaired", row["drift"]
    yield "portal_intents_unknown_seconds", "How long an outcome has been unknown", _age(row["unknown_since"])
    yield "portal_zoho_refused", "1 while Zoho refuses the connection", row["refused"]
    yield "portal_old_webhook_secret", "Deliveries of a day under the previous secret", row["old_secret"]
    yield "portal_front_door_changed", "Hourly looks of a day that found it changed", row["front_door"]
    silent = _age(row["worker_seen_at"]) if row["worker_seen_at"] else math.inf
    yield "portal_worker_silent_seconds", "Time since any worker was last heard of", silent


def _age(moment: datetime | None) -> float:
    return (clock.now() - moment).total_seconds() if moment else 0.0


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
