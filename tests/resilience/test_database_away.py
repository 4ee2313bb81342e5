"""The database is away for a minute: the worker comes back by itself and nothing is lost (JOB-04, R16)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from portal import services as composition
from portal.config import Settings
from portal.db import migrate, transaction
from portal.db.embedded import EmbeddedPostgres
from portal.jobs import tasks
from portal.sync import inbox
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject
from tests.harness.processes import Process, clean_environment, until

if TYPE_CHECKING:
    from tests.harness.processes import Sandbox

pytestmark = pytest.mark.slow

# Longer than the half minute after which procrastinate's own worker gives up.
AWAY_SECONDS = 60
BACKLOG = 50


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", options=("fsync=off", "shared_buffers=32MB"))
    server.start()
    migrate.apply(server.url())
    yield server
    server.stop()


def rows(postgres: EmbeddedPostgres, statement: str) -> list[Any]:
    with psycopg.connect(postgres.url()) as conn:
        return conn.execute(statement.encode()).fetchall()


def test_job_04_the_worker_is_back_within_half_a_minute_and_works_the_backlog_off(
    postgres: EmbeddedPostgres, sandbox: Sandbox, settings_env: dict[str, str], tmp_path: Path
) -> None:
    env = {**settings_env, "DATABASE_URL": postgres.url()}
    services = composition.build(Settings.model_validate({k.lower(): v for k, v in env.items()}))
    command = [sys.executable, "-m", "portal", "worker"]
    worker = Process("worker", command, {**clean_environment(), **env}, tmp_path / "worker.log")
    subscriptions = [one["subscription_id"] for one in sandbox.state("subscriptions")]

    def deliver(key: str, zoho_id: str) -> None:
        subject = Subject("subscription", zoho_id)
        with transaction.as_web(services.pool) as conn:
            inbox.store(conn, Delivery(dedupe_key=key, subjects=[subject], event_type="test"))
            tasks.wake(conn, subject)

    def open_rows() -> list[Any]:
        return rows(postgres, "select dedupe_key, state from billing.inbox where state <> 'applied'")

    worker.start()
    try:
        deliver("before", subscriptions[0])
        until(lambda: not open_rows(), seconds=60, what="the first delivery")
        postgres.stop()
        time.sleep(AWAY_SECONDS)
        postgres.start()
        until(lambda: rows(postgres, "select 1"), what="the database")
        for number in range(BACKLOG):
            deliver(f"after-{number}", subscriptions[number % len(subscriptions)])
        beat = "select 1 from jobs.procrastinate_workers where last_heartbeat > now() - interval '10 seconds'"
        until(lambda: rows(postgres, beat), seconds=30, what="the worker to come back")
        until(lambda: not open_rows(), seconds=120, what="the backlog")
        assert worker.popen is not None
        assert worker.popen.poll() is None, worker.said(40)
    finally:
        worker.stop()
        services.close()
    assert len(rows(postgres, "select 1 from billing.inbox where dedupe_key like 'after-%'")) == BACKLOG
