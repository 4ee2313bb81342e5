"""The worker as a process: wakes up, survives kill -9 and a restarted database (JOB-01 to JOB-07)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from croniter import croniter
from psycopg_pool import PoolTimeout

from portal.db import transaction
from portal.jobs import queue, schedule, tasks, worker
from portal.sync import inbox, reads
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject
from portal.zoho import breaker, budget, tokens
from tests.harness.processes import Process, clean_environment, until

if TYPE_CHECKING:
    from portal.services import Services
    from tests.harness.processes import Sandbox

# The sandbox allows more than Zoho does, and these tests are not about the budget.
GENEROUS = {"ZOHO_CALLS_PER_MINUTE": "100000", "ZOHO_CALLS_PER_DAY": "1000000"}
Start = Callable[[str], Process]


@pytest.fixture
def start(settings_env: dict[str, str], services: Services, tmp_path: Path) -> Iterator[Start]:
    """Start a worker process; all of them end with the test."""
    started: list[Process] = []

    def begin(name: str) -> Process:
        process = Process(
            name,
            [sys.executable, "-m", "portal", "worker"],
            {**clean_environment(), **settings_env, **GENEROUS},
            tmp_path / f"{name}.log",
        )
        process.start()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.stop()


def deliver(services: Services, subject: Subject, key: str) -> None:
    with transaction.as_web(services.pool) as conn:
        inbox.store(conn, Delivery(dedupe_key=key, subjects=[subject], event_type="test"))
        tasks.wake(conn, subject)


def state_of(conn: Any, key: str) -> str:
    row = conn.execute("select state from billing.inbox where dedupe_key = %s", [key]).fetchone()
    return str(row["state"])


# What a process leaves behind when it dies, each with the time at which it counts no more.
LEFT_BEHIND = (
    ("jobs.procrastinate_workers", "last_heartbeat"),
    ("billing.inbox", "next_attempt_at"),
    ("billing.object_reads", "lease_until"),
    ("billing.call_leases", "expires_at"),
    ("billing.oauth_tokens", "refresh_lease_until"),
)


def pass_time(conn: Any, seconds: int) -> None:
    """Let the time pass for all that a dead worker left behind, as a test cannot wait so long."""
    for table, column in LEFT_BEHIND:
        conn.execute(f"update {table} set {column} = {column} - make_interval(secs => %s)", [seconds])


def subject_of(sandbox: Sandbox) -> Subject:
    return Subject("subscription", sandbox.state("subscriptions")[0]["subscription_id"])


def test_job_01_a_rolled_back_delivery_leaves_no_job(services: Services, conn: Any) -> None:
    def interrupted() -> None:
        with transaction.as_web(services.pool) as tx:
            inbox.store(tx, Delivery(dedupe_key="a", subjects=[Subject("subscription", "1")]))
            tasks.wake(tx, Subject("subscription", "1"))
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        interrupted()

    assert conn.execute("select count(*) n from jobs.procrastinate_jobs").fetchone()["n"] == 0
    assert conn.execute("select count(*) n from billing.inbox").fetchone()["n"] == 0


def test_a_delivery_is_applied_at_once_and_sigterm_ends_the_worker(
    services: Services, sandbox: Sandbox, conn: Any, start: Start
) -> None:
    worker = start("worker")
    until(lambda: conn.execute("select 1 from jobs.procrastinate_workers").fetchone(), what="the worker")

    deliver(services, subject_of(sandbox), "e1")
    until(lambda: state_of(conn, "e1") == "applied", seconds=10, what="the delivery")

    # JOB-07: what it has in hand is done before it goes.
    subject = subject_of(sandbox)
    itself = {"path": f"/subscriptions/{subject.zoho_id}"}
    sandbox.faults(api={"slow": 1.0, "slow_s": [1, 1], "match": itself})
    deliver(services, subject, "e2")
    until(lambda: state_of(conn, "e2") == "applying", what="the worker to begin")
    assert worker.popen is not None
    worker.popen.terminate()
    assert worker.popen.wait(25) == 0, worker.said(40)
    assert state_of(conn, "e2") == "applied"
    assert not conn.execute("select 1 from jobs.procrastinate_jobs where status = 'doing'").fetchall()


def begin_and_die(services: Services, sandbox: Sandbox, conn: Any, first: Process, key: str) -> None:
    """Kill -9 the worker while it waits for Zoho's answer, with everything in hand that it may hold."""
    sandbox.faults(api={"slow": 1.0, "slow_s": [6, 6]})
    deliver(services, subject_of(sandbox), key)
    reading = "select 1 from billing.call_leases where lane = 'webhook'"
    until(lambda: conn.execute(reading).fetchone(), what="the first worker's call")
    first.kill()
    sandbox.faults()
    assert state_of(conn, key) == "applying"


def test_job_02_what_a_killed_worker_had_in_hand_is_done_by_the_next(
    services: Services, sandbox: Sandbox, conn: Any, start: Start
) -> None:
    begin_and_die(services, sandbox, conn, start("first"), "e1")

    pass_time(conn, tasks.DEAD_AFTER_SECONDS)
    start("second")
    with transaction.as_worker(services.pool) as tx:
        queue.defer(tx, tasks.sweep_stalled)

    until(lambda: state_of(conn, "e1") == "applied", seconds=25, what="the second worker to finish")
    done = conn.execute("select attempts, effect from billing.inbox where dedupe_key = 'e1'").fetchone()
    assert done["attempts"] == 2
    assert done["effect"]["read"], "the second one read it"


@pytest.mark.slow
def test_job_02_by_the_clock_on_the_wall(
    services: Services, sandbox: Sandbox, conn: Any, start: Start
) -> None:
    begin_and_die(services, sandbox, conn, start("first"), "e1")
    start("second")
    until(lambda: state_of(conn, "e1") == "applied", seconds=90, what="the second worker to finish")


def test_job_02_all_that_the_dead_hold_is_free_when_their_jobs_run_again() -> None:
    """The sum in portal/jobs/tasks.py: 55 s at the earliest, 90 s at the latest."""
    earliest = timedelta(seconds=tasks.DEAD_AFTER_SECONDS - worker.HEARTBEAT_SECONDS)
    held = (inbox.HOLD, reads.LEASE, budget.LEASE, tokens.LEASE, breaker.PROBE_LIFETIME)
    assert max(held) < earliest

    sweep = next(cron for cron, task in schedule.SCHEDULE if task is tasks.sweep_stalled)
    clockwork = croniter(sweep, 0.0)
    ticks = [clockwork.get_next(float) for _ in range(5)]
    between = max(later - earlier for earlier, later in pairwise(ticks))
    assert tasks.DEAD_AFTER_SECONDS + between + 2 * worker.POLL_SECONDS < 90


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in its own thread: in this one a browser of another test may keep a loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


LOST = (PoolTimeout, psycopg.OperationalError("gone"), psycopg.errors.AdminShutdown("farewell"))


@pytest.mark.parametrize("lost", LOST, ids=repr)
def test_job_04_a_job_that_finds_no_connection_begins_again(
    monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    monkeypatch.setattr(worker, "PAUSES_WITHOUT_DATABASE", (0.0, 0.0))
    context: Any = SimpleNamespace(should_abort=lambda: False)
    tried: list[str] = []

    async def job(lacks: int) -> str:
        tried.append("once")
        if len(tried) <= lacks:
            raise lost
        return "done"

    assert finished(worker.outlast(partial(job, 2), context, None)) == "done"
    assert len(tried) == 3
    with pytest.raises(psycopg.OperationalError):
        finished(worker.outlast(partial(job, 9), context, None))
    assert len(tried) == 6
    context.should_abort = lambda: True
    with pytest.raises(psycopg.OperationalError):
        finished(worker.outlast(partial(job, 9), context, None))
    assert len(tried) == 7


def test_job_04_what_the_database_refuses_is_not_asked_again() -> None:
    context: Any = SimpleNamespace(should_abort=lambda: False)
    tried: list[str] = []

    async def job() -> None:
        tried.append("once")
        raise psycopg.errors.QueryCanceled("statement timeout")

    with pytest.raises(psycopg.errors.QueryCanceled):
        finished(worker.outlast(job, context, None))
    assert tried == ["once"]


def test_job_04_the_worker_outlives_the_loss_of_all_its_connections(
    services: Services, sandbox: Sandbox, conn: Any, start: Start
) -> None:
    worker = start("worker")
    deliver(services, subject_of(sandbox), "e0")
    until(lambda: state_of(conn, "e0") == "applied", seconds=20, what="the worker")
    for _ in range(3):
        conn.execute(
            # Waits until each is gone: one that dies after it took the job keeps it for the sweep (JOB-02).
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name in ('portal-queue', 'portal-worker') and datname = current_database()"
        )

    deliver(services, subject_of(sandbox), "e1")

    until(lambda: state_of(conn, "e1") == "applied", seconds=40, what="the delivery")
    assert worker.popen is not None
    assert worker.popen.poll() is None
    assert os.path.exists(f"/proc/{worker.popen.pid}")  # noqa: PTH110 - the very process, not a new one


@pytest.mark.slow
def test_job_03_a_worker_that_was_stopped_for_twenty_seconds_is_not_robbed(
    services: Services, sandbox: Sandbox, conn: Any, start: Start
) -> None:
    first = start("first")
    until(lambda: conn.execute("select 1 from jobs.procrastinate_workers").fetchone(), what="the worker")
    sandbox.faults(api={"slow": 1.0, "slow_s": [2, 2]})
    deliver(services, subject_of(sandbox), "e1")
    until(lambda: state_of(conn, "e1") == "applying", what="the first worker to begin")
    assert first.popen is not None
    os.killpg(first.popen.pid, signal.SIGSTOP)
    start("second")
    time.sleep(20)
    row = conn.execute("select attempts, state from billing.inbox where dedupe_key = 'e1'").fetchone()
    assert (row["attempts"], row["state"]) == (1, "applying")
    os.killpg(first.popen.pid, signal.SIGCONT)
    sandbox.faults()
    until(lambda: state_of(conn, "e1") == "applied", seconds=40, what="the first worker to finish")
    row = conn.execute("select attempts from billing.inbox where dedupe_key = 'e1'").fetchone()
    assert row["attempts"] == 1
