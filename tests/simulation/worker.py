"""The worker by hand: the portal's own schedule and tasks, run when the simulation lets it run.

A job is taken off the queue before it runs and is lost when the process dies with it, which is worse than
what procrastinate does: the truth scan has to find the work again (JOB-06).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any

from croniter import croniter

from portal import clock
from portal.errors import PortalError
from portal.jobs import tasks
from portal.jobs.schedule import SCHEDULE
from tests.simulation.database import OUTAGES
from tests.simulation.history import History
from tests.simulation.power import Crash
from tests.simulation.stage import Setting

# procrastinate's own housekeeping runs on its connector, and the front door is seen from outside; real
# processes prove both.
NOT_HERE = {"sweep_stalled", "tidy", "watch_front_door"}
# What costs many calls is left out at most wake-ups: a worker that was just started again, or is busy.
COSTLY = {"refresh_catalogue": 0.2, "compare_all": 0.3, "pull_events": 0.5, "sweep_hot": 0.5}
MOST_JOBS = 25

_TAKE = """
delete from jobs.procrastinate_jobs where id = (
  select id from jobs.procrastinate_jobs
  where status = 'todo' and (scheduled_at is null or scheduled_at <= %s)
  order by priority desc, id limit 1)
returning task_name, args
"""
_DEFERRED = (
    tasks.apply_events,
    tasks.read_again,
    tasks.refresh_catalogue,
    tasks.compare_all,
    tasks.adopt_customer,
)
_BY_NAME = {task.name: task for task in _DEFERRED}


@dataclass
class Worker:
    """Runs what is due and survives its own death."""

    setting: Setting
    history: History
    dice: Random
    due_at: dict[str, datetime] = field(default_factory=dict)
    thorough: bool = False

    def tick(self, *, only: set[str] | None = None) -> None:
        """Run every periodic task whose time came since it last ran, then the waiting jobs."""
        if not self._can_work():
            return
        for cron, task in SCHEDULE:
            if task.name in NOT_HERE or (only is not None and task.name not in only):
                continue
            if self._is_due(cron, task.name) and (self.thorough or self._has_time_for(task.name)):
                self.due_at[task.name] = _next(cron)
                self.run(task)
        self.work()

    def work(self) -> None:
        """Work the queue off."""
        for _ in range(MOST_JOBS):
            if not self._can_work():
                return
            taken = self.setting.rows(_TAKE, clock.now())
            if not taken:
                return
            self.run(_BY_NAME[taken[0]["task_name"]], **taken[0]["args"])

    def run(self, task: Any, **arguments: Any) -> None:
        context = SimpleNamespace(
            additional_context={"services": self.setting.services}, should_abort=lambda: False
        )
        try:
            task.func(context, **arguments)
        except Crash:
            self.history.note(f"worker died in {task.name}")
            self.setting.start()
        except (PortalError, *OUTAGES) as problem:
            self.history.note(f"{task.name} failed: {type(problem).__name__}")
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is a finding
            self.history.violate("no surprise", f"{task.name}: {problem!r}")

    def _can_work(self) -> bool:
        """Whether there is a worker, and a database from which it can take a job."""
        pool = self.setting.pool
        return "worker" not in self.setting.down and pool.is_up and not pool.weather.is_read_only

    def _has_time_for(self, name: str) -> bool:
        return self.dice.random() < COSTLY.get(name, 1.0)

    def _is_due(self, cron: str, name: str) -> bool:
        if name not in self.due_at:
            self.due_at[name] = _next(cron)
        return self.due_at[name] <= clock.now()


def _next(cron: str) -> datetime:
    due: datetime = croniter(cron, clock.now()).get_next(datetime)
    return due
