"""The worker process: works the queue off in threads and outlives the database (JOB-04, JOB-07).

procrastinate's own worker gives up when the database stays away for half a minute (R16); this one starts
it again with growing pauses, at most PAUSE_SECONDS apart, until it is asked to stop.
"""

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.middleware import AsyncCallNext
from psycopg_pool import PoolTimeout

from portal.db import trouble
from portal.jobs import queue, tasks
from portal.jobs import schedule as _schedule  # noqa: F401 - importing it puts the schedule on the queue

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

CONCURRENCY = 4
PAUSE_SECONDS = 15.0
# Jobs get this long to end after SIGTERM; then they are given back (within the 25 s of JOB-07).
GRACEFUL_SECONDS = 20.0
GIVE_UP_SECONDS = 24.0
HEARTBEAT_SECONDS = 5.0
# LISTEN wakes the worker at once; asking now and then covers a notification that got lost.
POLL_SECONDS = 2.0

# A job that found no connection waits so long and begins again; all of it fits into a graceful end.
PAUSES_WITHOUT_DATABASE = (1.0, 2.0, 4.0, 8.0)

_TROUBLE = (ConnectorException, PoolTimeout, psycopg.Error, OSError)


def run(services: "Services") -> None:
    """Work until SIGTERM or SIGINT. Raises one of trouble.NOT_MIGRATED where there is nothing to work on."""
    asyncio.run(_run(services))


async def _run(services: "Services") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        stop.set()
        # A thread that waits for Zoho cannot be interrupted. What it had in hand is found by the inbox
        # scan and by the cursor of its run.
        loop.call_later(GIVE_UP_SECONDS, os._exit, 0)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    pause = 1.0
    while not stop.is_set():
        started = loop.time()
        error = "stopped by itself"
        try:
            await _work(services, stop)
        except trouble.NOT_MIGRATED:
            raise  # no waiting helps
        except _TROUBLE as problem:
            error = type(problem).__name__
        if not stop.is_set():
            pause = 1.0 if loop.time() - started > PAUSE_SECONDS else min(pause * 2, PAUSE_SECONDS)
            log.warning("worker starts again", error=error, again_in_s=pause)
            await _sleep(stop, pause * random.uniform(0.8, 1.0))  # noqa: S311


async def _work(services: "Services", stop: asyncio.Event) -> None:
    connector = queue.connector(services.settings.database_url.get_secret_value())
    with queue.app.replace_connector(connector) as app:
        async with app.open_async():
            await _until_asked(app, services, stop)


async def _until_asked(app: App, services: "Services", stop: asyncio.Event) -> None:
    """Run procrastinate's worker until it ends or we are asked to."""
    await asyncio.to_thread(tasks.prepare, services)
    worker = asyncio.create_task(
        app.run_worker_async(
            name="portal",
            concurrency=CONCURRENCY,
            additional_context={"services": services},
            install_signal_handlers=False,
            shutdown_graceful_timeout=GRACEFUL_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=60.0,
            fetch_job_polling_interval=POLL_SECONDS,
            worker_middleware=[outlast],
        )
    )
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({worker, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not worker.done():
        worker.cancel()  # procrastinate stops gracefully when its task is cancelled
    asked.cancel()
    try:
        await worker
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


async def outlast(call_next: AsyncCallNext, context: JobContext, _worker: Any) -> Any:
    """Begin a job again that lost its connection, or found none while the pool makes new ones (JOB-04).

    Without it what it was for would wait for the next scan, minutes later. Tasks find for themselves what
    there is to do, so one that had begun loses nothing.
    """
    for pause in PAUSES_WITHOUT_DATABASE:
        try:
            return await call_next()
        except psycopg.OperationalError as problem:
            if context.should_abort() or not trouble.is_lost(problem):
                raise
            await asyncio.sleep(pause)
    return await call_next()


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
