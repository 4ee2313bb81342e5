"""The event feed: whatever Zoho logged and never delivered to us becomes an inbox row (WH-14).

The list is read newest first until a whole page was known, and one page further (times may be dates only,
so an id, never a time, says what is known: facts.md 7.7). It has no payloads, so each unknown event costs
one call; they are applied like deliveries, coalesced by object.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from portal import clock
from portal.db import transaction
from portal.sync import apply, inbox, reconcile, runs
from portal.sync.inbox import Delivery
from portal.sync.runs import Report, Run, silently
from portal.sync.subjects import Subject
from portal.zoho import errors, events
from portal.zoho.payloads import Event

if TYPE_CHECKING:
    from portal.services import Services

log = structlog.get_logger()

# Further back the full reconciliation is cheaper than one call an event.
HORIZON = timedelta(days=3)
MOST_PAGES = 25
OVERLAP_PAGES = 1


def pull(
    services: "Services",
    *,
    report: Report = silently,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Fetch and apply the events that never reached us. Raises :class:`~portal.sync.runs.UnderWay`."""
    with transaction.as_worker(services.pool) as conn:
        run = runs.begin(conn, "events")

    def work() -> None:
        missed = _list_missed(services, run)
        subjects: list[Subject] = []
        for number, event in enumerate(reversed(missed), start=1):
            if stop():
                raise reconcile.Stopped
            try:
                subjects += _keep(services, run, event)
            except (errors.Rejected, errors.BadAnswer) as problem:
                # Listed, yet not readable: Zoho's reads lag behind each other, its log forgets, or the event
                # makes no sense. The next pull asks again; the other events must not wait for it.
                log.warning("listed event not readable", event_id=event.zoho_id, error=repr(problem))
            run.progress = {"what": "missed events", "done": number, "total": len(missed)}
            report(run)
        for subject in dict.fromkeys(subjects):
            apply.apply(services, subject)

    return reconcile.guarded(services, run, work)


def _list_missed(services: "Services", run: Run) -> list[Event]:
    """Return the events that we do not know, newest first."""
    zoho = services.zoho.lane("reconcile")
    missed: list[Event] = []
    known_pages = 0
    for page in range(1, MOST_PAGES + 1):
        listed = zoho.list_events(page)
        run.calls += 1
        run.rows_read += len(listed.items)
        recent = [event for event in listed.items if _is_recent(event)]
        with transaction.as_worker(services.pool) as conn:
            unknown = inbox.unknown_events(conn, [event.zoho_id for event in recent])
        missed += [event for event in recent if event.zoho_id in unknown]
        known_pages = known_pages + 1 if not unknown else 0
        if not listed.has_more or not recent or known_pages > OVERLAP_PAGES:
            break
    return missed


def _is_recent(event: Event) -> bool:
    if event.at is not None:
        return event.at >= clock.now() - HORIZON
    return event.on is None or event.on >= (clock.now() - HORIZON).date()


def _keep(services: "Services", run: Run, event: Event) -> list[Subject]:
    whole = services.zoho.lane("reconcile").fetch_event(event.zoho_id)
    run.calls += 1
    hint = events.parse({**whole.payload, "event_id": event.zoho_id, "event_type": whole.type or event.type})
    subjects = [Subject(kind, zoho_id) for kind, zoho_id in hint.objects]
    delivery = Delivery(
        dedupe_key=dedupe_key(services.settings.zoho_organization_id, event.zoho_id),
        kind="pulled",
        event_id=event.zoho_id,
        event_type=whole.type or event.type,
        event_time=_moment(hint.event_time) or whole.at,
        subjects=subjects,
    )
    with transaction.as_worker(services.pool) as conn:
        is_new = inbox.store(conn, delivery)
        run.rows_written += is_new
        runs.record(conn, run)
    return subjects[:1] if is_new else []


def dedupe_key(organization_id: str, event_id: str) -> str:
    """Return the key under which an event is known, whichever way it came (WH-07)."""
    return f"event:{organization_id}:{event_id}"


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
