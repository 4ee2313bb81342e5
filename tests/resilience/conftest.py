"""A demo of real processes whose web server, worker and database can be killed at any moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres
from tests.harness import processes
from tests.harness.processes import until

if TYPE_CHECKING:
    from flask import Flask

    from tests.harness.processes import Stack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These start and kill many processes, so they may take their time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


@dataclass
class Killer:
    """Kills one part after another and starts it again, as a supervisor would."""

    stack: Stack
    postgres: EmbeddedPostgres
    dice: random.Random
    kills: list[str] = field(default_factory=list)
    # One thread for good: children die with the thread that started them (PR_SET_PDEATHSIG).
    hand: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def kill(self, part: str) -> None:
        """Kill -9 ``web``, ``worker`` or ``postgres`` and bring it back."""
        self.kills.append(part)
        if part == "postgres":
            kill_postgres(self.postgres)
        else:
            process = getattr(self.stack, part)
            process.kill()
            process.start()

    def hurry(self) -> None:
        """Let the minutes go by after which dead processes' leases end, with nothing alive to hold one.

        The same work that the worker does every ten seconds or every minute, by a clock that is ahead.
        """
        from portal import services as composition
        from portal.config import Settings
        from portal.sync import acts, apply, checkouts
        from tests.harness.people import later

        self.stack.web.kill()
        self.stack.worker.kill()
        settings = Settings.model_validate({name.lower(): value for name, value in self.stack.env.items()})
        services = composition.build(settings)
        try:
            for minutes in (2, 10):
                with later(minutes=minutes):
                    acts.resolve_due(services, limit=1000)
                    checkouts.settle_due(services, limit=1000)
                    for subject in apply.now_due(services):
                        apply.apply(services, subject)
        finally:
            services.close()
        self.stack.web.start()
        self.stack.worker.start()
        self.stack.web.wait_for(f"{self.stack.portal_url}/readyz")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Kill something at a random moment of the block's first ``seconds``."""
        part = self.dice.choice(["web", "web", "worker", "postgres"])
        pause = self.dice.uniform(0.0, seconds)

        def strike() -> None:
            time.sleep(pause)
            self.kill(part)

        blow = self.hand.submit(strike)
        try:
            yield
        finally:
            blow.result()


def kill_postgres(server: EmbeddedPostgres) -> None:
    """Kill -9 the server with all its children, and start it again."""
    assert server.process is not None
    postmaster = psutil.Process(server.process.pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    server.process.wait()
    # Its shared memory is free only when the last of them is dead; orphans stay on as zombies until init
    # gets round to them, which takes it seconds on some machines.
    until(lambda: all(map(processes.is_dead, family)), seconds=20, what="the last of Postgres to be gone")
    server.start()


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    """The whole demo on a database of its own.

    Commits are synchronous, as in production. Without fsync recovery is quick, and a killed process loses
    nothing by it: what was written is in the operating system's cache (R4).
    """
    folder = tmp_path_factory.mktemp("killable")
    options = ("synchronous_commit=on", "fsync=off", "shared_buffers=32MB")
    postgres = EmbeddedPostgres(folder / "postgres", options=options)
    postgres.start()
    try:
        migrate.apply(postgres.url())
        with processes.stack(folder / "stack", postgres.url()) as stack:
            yield Killer(stack, postgres, random.Random(20261123))
    finally:
        postgres.stop()


@pytest.fixture(scope="module")
def enrol(killable: Killer, make_app: Callable[..., Flask]) -> Callable[[str], str]:
    """Return a function that makes a signed-in user of the stack and returns their cookie."""
    from tests.harness.people import sign_in

    app = make_app(database_url=killable.stack.database_url)
    return lambda email: sign_in(app, email).cookie
