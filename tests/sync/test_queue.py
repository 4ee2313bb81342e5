"""The queue's own housekeeping, with workers that are rows (JOB-03, JOB-05, JOB-08)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from procrastinate.periodic import PeriodicDeferrer

from portal.jobs import metrics, queue, schedule, tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from procrastinate import App

    from portal.db.transaction import Pool

NOON = 1_800_014_400.0  # a moment at which most lines of the schedule are due


def on_queue(database_url: str, work: Callable[[App], Awaitable[Any]]) -> None:
    """Do something with the queue as a worker has it open."""

    async def whole() -> None:
        with queue.app.replace_connector(queue.connector(database_url)) as app:
            async with app.open_async():
                await work(app)

    # in a thread: a browser test before this one leaves a running loop in the main thread
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, whole()).result()


def run(database_url: str, task: Any) -> None:
    on_queue(database_url, lambda app: task.func(SimpleNamespace(app=app)))


def worker(conn: Any, *, silent_for: int) -> int:
    row = conn.execute(
        "insert into jobs.procrastinate_workers (last_heartbeat) values (now() - make_interval(secs => %s))"
        " returning id",
        [silent_for],
    ).fetchone()
    return int(row["id"])


def job(conn: Any, **columns: Any) -> int:
    given = {"queue_name": "default", "task_name": "apply_events", "status": "doing", **columns}
    names = ", ".join(given)
    marks = ", ".join(f"%({name})s" for name in given)
    made = f"insert into jobs.procrastinate_jobs ({names}) values ({marks}) returning id"
    return int(conn.execute(made, given).fetchone()["id"])


def status_of(conn: Any, job_id: int) -> str:
    row = conn.execute("select status::text from jobs.procrastinate_jobs where id = %s", [job_id]).fetchone()
    return str(row["status"]) if row else "gone"


@pytest.mark.parametrize(
    ("silent_for", "status"), [(20, "doing"), (tasks.DEAD_AFTER_SECONDS - 5, "doing"), (61, "todo")]
)
def test_job_03_only_a_dead_workers_job_runs_again(
    conn: Any, database_url: str, silent_for: int, status: str
) -> None:
    """A pause of 20 s (SIGSTOP, a machine that swaps) robs nobody."""
    held = job(conn, worker_id=worker(conn, silent_for=silent_for), lock="zoho:invoice:1")
    run(database_url, tasks.sweep_stalled)
    assert status_of(conn, held) == status


def test_job_03_a_job_whose_worker_was_forgotten_runs_again(conn: Any, database_url: str) -> None:
    """R15: procrastinate forgets silent workers, and their jobs then belong to nobody."""
    orphan = job(conn, worker_id=None)
    run(database_url, tasks.sweep_stalled)
    assert status_of(conn, orphan) == "todo"


def test_job_03_a_sweep_that_died_does_not_stop_the_next(conn: Any, database_url: str) -> None:
    """procrastinate #1408; another of the same kind waits already, so the dead one ends."""
    dead = worker(conn, silent_for=300)
    names = {"task_name": "sweep_stalled", "queueing_lock": "periodic:sweep_stalled"}
    left = job(conn, worker_id=dead, **names)
    waiting = job(conn, status="todo", **names)
    other = job(conn, worker_id=dead)
    run(database_url, tasks.sweep_stalled)
    assert (status_of(conn, left), status_of(conn, waiting), status_of(conn, other)) == (
        "failed",
        "todo",
        "todo",
    )


def test_job_05_a_tick_makes_one_job_whatever_the_number_of_workers(conn: Any, database_url: str) -> None:
    async def three_workers(app: App) -> None:
        deferrers = [PeriodicDeferrer(app.periodic_registry) for _ in range(3)]
        for moment in (NOON, NOON + 60):
            for deferrer in deferrers:
                await deferrer.defer_jobs(deferrer.get_previous_tasks(at=moment))

    on_queue(database_url, three_workers)
    ticks = conn.execute(
        "select task_name, defer_timestamp, count(*) n from jobs.procrastinate_periodic_defers group by 1, 2"
    ).fetchall()
    assert ticks
    assert {row["n"] for row in ticks} == {1}
    # What waits already does for the next tick as well.
    waiting = conn.execute("select task_name, count(*) n from jobs.procrastinate_jobs group by 1").fetchall()
    assert {row["n"] for row in waiting} == {1}
    assert {row["task_name"] for row in waiting} <= {task.name for _, task in schedule.SCHEDULE}


def test_job_05_a_night_without_a_worker_is_not_caught_up(conn: Any, database_url: str) -> None:
    """As schedule.py says: each task finds for itself what there is to do."""

    async def back_in_the_morning(app: App) -> None:
        deferrer = PeriodicDeferrer(app.periodic_registry)
        for moment in (NOON, NOON + 8 * 3600):
            await deferrer.defer_jobs(deferrer.get_previous_tasks(at=moment))

    on_queue(database_url, back_in_the_morning)
    waiting = conn.execute("select task_name, count(*) n from jobs.procrastinate_jobs group by 1").fetchall()
    assert {row["n"] for row in waiting} == {1}


@pytest.mark.parametrize(("days", "status"), [(6, "succeeded"), (8, "gone")])
def test_job_08_finished_jobs_are_forgotten_after_a_week(
    conn: Any, database_url: str, days: int, status: str
) -> None:
    done = job(conn, status="todo")
    conn.execute("update jobs.procrastinate_jobs set status = 'doing' where id = %s", [done])
    conn.execute("update jobs.procrastinate_jobs set status = 'succeeded' where id = %s", [done])
    conn.execute("update jobs.procrastinate_events set at = now() - make_interval(days => %s)", [days])
    run(database_url, tasks.tidy)
    assert status_of(conn, done) == status


def test_job_08_runs_failures_and_retries_show_by_task(conn: Any, pool: Pool) -> None:
    job(conn, status="succeeded", attempts=1)
    job(conn, status="succeeded", attempts=3)
    job(conn, status="failed", task_name="send_mail", attempts=1)
    families = {family.name: family for family in metrics.QueueCollector(pool).collect()}
    runs = {tuple(s.labels.values()): s.value for s in families["portal_jobs_recent"].samples}
    assert runs == {("apply_events", "succeeded"): 2, ("send_mail", "failed"): 1}
    retries = {s.labels["task"]: s.value for s in families["portal_jobs_recent_retries"].samples}
    assert retries == {"apply_events": 2, "send_mail": 0}
