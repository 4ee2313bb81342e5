"""What the worker does, one task a line of work. Tasks hand over to portal/sync and portal/mail at once.

Each finds for itself what there is to do, so running one twice, late or not at all loses nothing.
"""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from procrastinate import JobContext
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from portal.db import transaction
from portal.db.transaction import Conn
from portal.errors import PortalError, Unavailable
from portal.jobs import front_door, queue
from portal.mail import dunning, sending
from portal.sync import (
    acts,
    apply,
    catalogue,
    checkouts,
    customers,
    feed,
    hot,
    housekeeping,
    reconcile,
    repair,
    runs,
)
from portal.sync.runs import UnderWay
from portal.sync.subjects import Subject

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

# A worker beats every 5 s; one that was silent for this long is dead (JOB-03: a pause of 20 s is not).
#
# What it had in hand runs again within 90 s (JOB-02): it beat at most 5 s before it died, so it counts as
# dead 55 to 60 s after that; the sweep comes every 20 s; that makes 55 to 80 s, and 10 s to fetch the job.
# Whatever else it held must be free by then, that is within 55 s: inbox rows (inbox.HOLD, 50 s), the object
# it read (reads.LEASE, 50 s), its calls and its renewal of the token (30 s each), a breaker's probe (30 s).
DEAD_AFTER_SECONDS = 60
KEEP_JOBS_HOURS = 7 * 24


@queue.app.task(name="apply_events", pass_context=True)
def apply_events(context: JobContext, kind: str, zoho_id: str) -> None:
    """Apply what Zoho told us about one object."""
    services = of(context)
    subject = Subject(kind, zoho_id)
    again = apply.apply(services, subject)
    if again is not None:
        with transaction.as_worker(services.pool) as conn:
            wake(conn, subject, at=again)


def wake(conn: Conn, *subjects: Subject, at: datetime | None = None) -> int:
    """Have the objects' waiting rows applied; return how many jobs are new."""
    return queue.put(conn, [waking(subject, at=at) for subject in subjects])


def waking(subject: Subject, *, at: datetime | None = None, late: bool = False) -> dict[str, Any]:
    """Describe the job that applies an object's rows: one waits and one runs at most (WH-08).

    A job for later waits under another name, so that it holds up no fresh delivery.
    """
    return queue.describe(
        apply_events,
        lock=subject.lock,
        once=subject.lock if at is None else f"again:{subject.lock}",
        at=at,
        priority=queue.LOW if late else 0,
        kind=subject.kind,
        zoho_id=subject.zoho_id,
    )


@queue.app.task(name="scan_inbox", pass_context=True)
def scan_inbox(context: JobContext, /, **_tick: int) -> None:
    """Give a job to every row that has none, whatever became of it (JOB-06)."""
    services = of(context)
    due = apply.now_due(services)
    with transaction.as_worker(services.pool) as conn:
        woken = wake(conn, *due)
    if woken:
        log.info("inbox scan", woken=woken)


@queue.app.task(name="sweep_stalled", pass_context=True)
async def sweep_stalled(context: JobContext, /, **_tick: int) -> None:
    """Run again what dead workers had in hand. Has no lock: it must never wait for itself (JOB-03)."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_SECONDS):
        log.warning("stalled job", job=job.task_name, job_id=job.id)
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # another of its kind waits already and will find what there is to do
            await manager.finish_job(job, status=Status.FAILED, delete_job=False)


@queue.app.task(name="settle_checkouts", pass_context=True)
def settle_checkouts(context: JobContext, /, **_tick: int) -> None:
    """Look at the purchases that nobody came back from."""
    checkouts.settle_due(of(context))


@queue.app.task(name="resolve_intents", pass_context=True)
def resolve_intents(context: JobContext, /, **_tick: int) -> None:
    """Find out what became of acts whose answer was lost."""
    acts.resolve_due(of(context))


@queue.app.task(name="tidy", pass_context=True)
async def tidy(context: JobContext, /, **_tick: int) -> None:
    """Forget finished jobs after a week (JOB-08)."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_JOBS_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )


@queue.app.task(name="prune", pass_context=True)
def prune(context: JobContext, /, **_tick: int) -> None:
    """Drop what is too old to be of use."""
    with transaction.as_worker(of(context).pool) as conn:
        housekeeping.prune(conn)


@queue.app.task(name="pull_events", pass_context=True)
def pull_events(context: JobContext, /, **_tick: int) -> None:
    """Fetch the events that never reached us (WH-14)."""
    with suppress(UnderWay):
        feed.pull(of(context), stop=context.should_abort)


@queue.app.task(name="sweep_hot", pass_context=True)
def sweep_hot(context: JobContext, /, **_tick: int) -> None:
    """Read the rows again that are most likely to be old."""
    with suppress(UnderWay):
        hot.hot(of(context), stop=context.should_abort)


@queue.app.task(name="compare_all", pass_context=True)
def compare_all(context: JobContext, /, **_tick: int) -> None:
    """Compare every list of Zoho with the mirror (nightly, or asked for)."""
    with suppress(UnderWay):
        reconcile.full(of(context), stop=context.should_abort)


@queue.app.task(name="read_again", pass_context=True)
def read_again(context: JobContext, /, kind: str, zoho_id: str) -> None:
    """Read one object again because somebody asked for it; a customer with all that is known of it."""
    repair.because_asked(of(context), Subject(kind, zoho_id))


@queue.app.task(name="adopt_customer", pass_context=True)
def adopt_customer(context: JobContext, /, account_id: str) -> None:
    """Look whether an account that knows of no customer has one at Zoho, and bring all that it has."""
    services = of(context)
    try:
        zoho_id = customers.adopt(services, UUID(account_id))
        if zoho_id is not None:
            for each in repair.with_belongings(services, Subject("customer", zoho_id)):
                repair.one(services, each)
    except PortalError as problem:  # the next sign-in looks again, and a reconciliation reads what is missing
        log.warning("customer not looked for", account=account_id, reason=str(problem))


@queue.app.task(name="continue_runs", pass_context=True)
def continue_runs(context: JobContext, /, **_tick: int) -> None:
    """Go on with runs that were left: a deploy, a killed worker, a spent call budget."""
    services = of(context)
    with transaction.as_worker(services.pool) as conn:
        left = runs.list_unfinished(conn)
    with suppress(UnderWay):
        for kind in left:
            if kind in ("full", "rebuild"):
                options = {"force": True} if kind == "rebuild" else None
                reconcile.full(services, options=options, stop=context.should_abort)


@queue.app.task(name="refresh_catalogue", pass_context=True)
def refresh_catalogue(context: JobContext, /, **_tick: int) -> None:
    """Bring plans, addons, coupons and the organisation level: Zoho announces no change of them."""
    try:
        catalogue.refresh_all(of(context), source="reconcile")
    except Unavailable as problem:
        log.warning("catalogue not read", reason=str(problem))


@queue.app.task(name="watch_front_door", pass_context=True)
def watch_front_door(context: JobContext, /, **_tick: int) -> None:
    """See whether people are still sent to the right place to pay (PCI-04)."""
    services = of(context)
    with transaction.as_worker(services.pool) as conn:
        pages = front_door.list_pages(conn)
    wrong = front_door.look(services.settings, pages)
    if wrong:
        with transaction.as_worker(services.pool) as conn:
            front_door.record(conn, wrong)


@queue.app.task(name="send_mail", pass_context=True)
def send_mail(context: JobContext, /, **_tick: int) -> None:
    """Send what waits in the outbox."""
    services = of(context)
    sending.send_due(services.settings, services.pool, services.mail)


@queue.app.task(name="remind", pass_context=True)
def remind(context: JobContext, /, **_tick: int) -> None:
    """Write the mails whose day has come: trials that end, cards that expire."""
    with transaction.as_worker(of(context).pool) as conn:
        dunning.follow_calendar(conn)


def prepare(services: "Services") -> None:
    """Put on the queue what a first start needs: something to sell, and the whole mirror."""
    with transaction.as_worker(services.pool) as conn:
        queue.defer(conn, refresh_catalogue, once="start:catalogue")
        if runs.find_last(conn, "full") is None:
            queue.defer(conn, compare_all, once="start:compare")


def of(context: JobContext) -> "Services":
    """Return the services that the worker was started with."""
    services: Services = context.additional_context["services"]
    return services
