"""The full reconciliation: every list of Zoho against the mirror, in both directions.

For each kind: read Zoho's list page by page, re-read what differs (never announced objects included),
then ask Zoho about those of ours that no page had. The repair is the ordinary refresh, so nothing is
written that a single read of the object would not write. A second pass writes nothing (CONV-07).

Guards against destroying good data: an object is marked as gone only if Zoho, asked for that very id,
says so; and when more than a handful would leave at once the run stops and reports instead, because the
likelier cause is a wrong organisation or a broken answer.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import sql

from portal import clock
from portal.db import transaction
from portal.errors import Unavailable
from portal.sync import catalogue, customers, drift, methods, repair, runs
from portal.sync.listings import LISTINGS, Listing, list_ours
from portal.sync.runs import Report, Run, silently
from portal.sync.subjects import Subject
from portal.zoho import errors

if TYPE_CHECKING:
    from portal.services import Services
    from portal.zoho.reader import Page

# More leavers than this share (and this number) at once stop the run.
MOST_GONE = 25
MOST_GONE_SHARE = 0.02
# So many objects that cannot be read are no odd objects: Zoho, or what lies between, is broken.
MOST_UNREADABLE = 25
METHODS_AGE = timedelta(days=7)
_SHORT_WAIT = timedelta(seconds=2)
_LONGEST_WAIT_SECONDS = 60.0

_SEEN = """
insert into billing.sync_seen (run_id, kind, zoho_id)
select %(run_id)s, %(kind)s, unnest(%(ids)s::text[]) on conflict do nothing
"""
_GHOSTS = sql.SQL("""
select zoho_id, account_id from billing.{table} ours
where gone_at is null and read_started_at < %(began)s
  and not exists (select from billing.sync_seen s
                  where s.run_id = %(run_id)s and s.kind = %(kind)s and s.zoho_id = ours.zoho_id)
order by zoho_id
""")
_COUNT = sql.SQL("select count(*) as n from billing.{table} where gone_at is null")
_METHODS_DUE = """
select c.zoho_id from billing.customers c
left join billing.freshness f on f.account_id = c.account_id and f.kind = 'payment_methods'
where c.account_id is not null and c.zoho_id > %(after)s
  -- a customer that Zoho deleted took its cards along
  and (c.gone_at is null
       or exists (select from billing.payment_methods m
                  where m.customer_zoho_id = c.zoho_id and m.gone_at is null))
  and (f.read_at is null or f.read_at < %(before)s)
order by c.zoho_id limit 50
"""


class Stopped(Exception):
    """Asked to stop; the run can be continued."""


class TooManyGone(Exception):
    """So many objects are missing at Zoho that the cause is hardly that they were deleted."""


class TooManyUnreadable(Exception):
    """So many objects cannot be read that going on would only find more."""


class Full:
    """One pass: what it works with and how it was asked to work."""

    def __init__(
        self,
        services: "Services",
        run: Run,
        *,
        report: Report = silently,
        stop: Callable[[], bool] = lambda: False,
        wait: bool = False,
    ) -> None:
        self.services = services
        self.run = run
        self.zoho = services.zoho.lane("reconcile")
        self.report = report
        self.stop = stop
        self.wait = wait

    def go(self) -> None:
        """Work from where the cursor stands to the end."""
        cursor = self.run.cursor
        cursor.setdefault("began", clock.now().isoformat())
        if cursor.setdefault("step", 0) == 0:
            self._catalogue()
        for number, listing in enumerate(LISTINGS, start=1):
            if cursor["step"] <= number:
                cursor["step"] = number
                self._list(listing)
                self._ghosts(listing)
                if listing.kind == "customer":
                    self._merged()
                cursor.update(page=1, ghost="")
        cursor["step"] = len(LISTINGS) + 1
        self._methods()

    def _catalogue(self) -> None:
        self._tell("catalogue", 0, 0)
        written = self._patiently(lambda: catalogue.refresh_all(self.services, source="reconcile"))
        self.run.calls += 1 + len(written)
        with transaction.as_worker(self.services.pool) as conn:
            for kind, changes in written.items():
                repair.note(conn, self.run, kind, changes)
        self._checkpoint()

    def _list(self, listing: Listing) -> None:
        cursor = self.run.cursor
        if cursor.get("listed") == listing.kind:
            return
        total, more = self._count(listing), True
        while more:
            page = int(cursor.get("page", 1))
            asked_at = clock.now()
            listed = self._patiently(partial(listing.fetch, self.zoho, page))
            self.run.calls += 1
            self.run.rows_read += len(listed.items)
            self._compare(listing, listed, asked_at)
            more = listed.has_more
            cursor["page"] = page + 1
            done = (page - 1) * 200 + len(listed.items)
            self._tell(listing.table, done, max(total, done))
            self._checkpoint()
        cursor["listed"] = listing.kind

    def _compare(self, listing: Listing, listed: "Page[Any]", asked_at: datetime) -> None:
        unreadable = [zoho_id for zoho_id in listed.unreadable if zoho_id]
        ids = [*(model.zoho_id for model in listed.items), *unreadable]
        names = {"run_id": self.run.id, "kind": listing.kind, "ids": ids}
        with transaction.as_worker(self.services.pool) as conn:
            conn.execute(_SEEN, names)
            ours = list_ours(conn, listing, ids)
        force = bool(self.run.cursor.get("force"))
        for model in listed.items:
            if force or listing.differs(model, ours.get(model.zoho_id), asked_at):
                self._repair(Subject(listing.kind, model.zoho_id))
        for zoho_id in unreadable:
            self._repair(Subject(listing.kind, zoho_id))

    def _ghosts(self, listing: Listing) -> None:
        """Ask Zoho about each of ours that no page had."""
        names = {"run_id": self.run.id, "kind": listing.kind, "began": self.run.cursor["began"]}
        with transaction.as_worker(self.services.pool) as conn:
            ghosts = conn.execute(_GHOSTS.format(table=sql.Identifier(listing.table)), names).fetchall()
        allowed = max(MOST_GONE, int(self._count(listing) * MOST_GONE_SHARE))
        if len(ghosts) > allowed and not self.run.cursor.get("accept_deletions"):
            self._refuse(listing, ghosts)
        for ghost in ghosts:
            self._repair(Subject(listing.kind, ghost["zoho_id"]))

    def _merged(self) -> None:
        """Follow customers that were merged; what else they have is in the lists to come."""
        for zoho_id in customers.follow_merges(self.services):
            self._repair(Subject("payment_methods", zoho_id))

    def _refuse(self, listing: Listing, ghosts: list[dict[str, Any]]) -> None:
        cause = f"{len(ghosts)} {listing.table} are missing at Zoho at once: nothing was marked as gone"
        with transaction.as_worker(self.services.pool) as conn:
            for ghost in ghosts[:MOST_GONE]:
                drift.record_unrepaired(conn, self.run.id, listing.kind, ghost, cause)
        self.run.drift_found += len(ghosts)
        raise TooManyGone(cause)

    def _methods(self) -> None:
        """Read the payment methods of customers with a login that nobody has read for a while."""
        cursor = self.run.cursor
        thorough = cursor.get("force") or cursor.get("thorough")
        before = clock.now() - (timedelta(0) if thorough else METHODS_AGE)
        while True:
            names = {"after": cursor.get("methods", ""), "before": before}
            with transaction.as_worker(self.services.pool) as conn:
                due = [row["zoho_id"] for row in conn.execute(_METHODS_DUE, names)]
            if not due:
                return
            for zoho_id in due:
                self._repair(Subject("payment_methods", zoho_id))
                self._orphaned(zoho_id)
                cursor["methods"] = zoho_id
            self._tell("payment methods", self.run.rows_read, 0)
            self._checkpoint()

    def _orphaned(self, customer_zoho_id: str) -> None:
        """Read the subscriptions that are charged to a method which is no longer on file."""
        with transaction.as_worker(self.services.pool) as conn:
            orphaned = methods.list_orphaned(conn, customer_zoho_id)
        for zoho_id in orphaned:
            self._repair(Subject("subscription", zoho_id))

    def _repair(self, subject: Subject) -> None:
        if self._patiently(lambda: repair.bring_level(self.services, self.run, subject)):
            return
        unreadable = int(self.run.cursor.get("unreadable", 0)) + 1
        self.run.cursor["unreadable"] = unreadable
        if unreadable > MOST_UNREADABLE:
            raise TooManyUnreadable(f"{unreadable} objects cannot be read, {subject.lock} the last of them")

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """Ask Zoho; when there is no budget left, wait for it (``wait``) or leave the run for later."""
        while True:
            if self.stop():
                raise Stopped
            try:
                return ask()
            except Unavailable as problem:
                if not self.wait or isinstance(problem, errors.Unauthorized):
                    raise
                self.run.problem = f"waiting: {problem}"
                self.report(self.run)
                left = problem.retry_at - clock.now() if problem.retry_at else _SHORT_WAIT
                seconds = left.total_seconds()
                time.sleep(min(max(seconds, 0.2), _LONGEST_WAIT_SECONDS))
                self.run.problem = ""

    def _count(self, listing: Listing) -> int:
        with transaction.as_worker(self.services.pool) as conn:
            row = conn.execute(_COUNT.format(table=sql.Identifier(listing.table))).fetchone()
        return int(row["n"]) if row else 0

    def _tell(self, what: str, done: int, total: int) -> None:
        self.run.progress = {
            "what": what,
            "done": done,
            "total": total,
            "step": self.run.cursor.get("step", 0),
            "steps": len(LISTINGS) + 2,
        }
        self.report(self.run)

    def _checkpoint(self) -> None:
        with transaction.as_worker(self.services.pool) as conn:
            runs.record(conn, self.run)


def full(
    services: "Services",
    *,
    requested_by: UUID | None = None,
    options: dict[str, bool] | None = None,
    report: Report = silently,
    stop: Callable[[], bool] = lambda: False,
    wait: bool = False,
) -> Run:
    """Run, or continue, a full reconciliation. ``options``: force, thorough, accept_deletions.

    With ``wait`` it sits out a spent call budget; otherwise the run is left for the next caller.
    Raises :class:`~portal.sync.runs.UnderWay`.
    """
    kind = "rebuild" if (options or {}).get("force") else "full"
    with transaction.as_worker(services.pool) as conn:
        # The first pass copies a whole company: nothing of that is a difference.
        is_first = runs.find_last(conn, "full") is None
        cursor = {**(options or {}), "first": is_first}
        run = runs.begin(conn, kind, requested_by=requested_by, cursor=cursor)
    # One that was left by somebody else goes on as this caller wants it.
    run.cursor.update({name: True for name, is_wanted in (options or {}).items() if is_wanted})
    work = Full(services, run, report=report, stop=stop, wait=wait)
    return guarded(services, run, work.go)


def guarded(services: "Services", run: Run, work: Callable[[], None]) -> Run:
    """Do a run's work and write down how it ended."""
    try:
        work()
    except (Stopped, Unavailable) as problem:
        run.problem = str(problem) or type(problem).__name__
        with transaction.as_worker(services.pool) as conn:
            runs.record(conn, run)
            runs.let_go(conn, run, run.problem)
        return run
    except Exception as problem:
        run.problem = f"{type(problem).__name__}: {problem}"
        with transaction.as_worker(services.pool) as conn:
            runs.record(conn, run)
            runs.finish(conn, run, "failed", run.problem)
        if isinstance(problem, TooManyGone | TooManyUnreadable):
            return run
        raise
    except BaseException:  # somebody ends the command: the next one shall not have to wait for the silence
        with transaction.as_worker(services.pool) as conn:
            runs.record(conn, run)
            runs.let_go(conn, run, "interrupted")
        raise
    with transaction.as_worker(services.pool) as conn:
        runs.record(conn, run)
        runs.finish(conn, run)
    return run
