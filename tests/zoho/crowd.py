"""Many processes at once: each runs a named function of this module and hands back what it saw.

They are forked from a server process that has imported the portal once, so that eight of them cost the
start of one.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portal.config import Settings
from portal.db.pool import open_pool
from portal.db.transaction import Pool
from portal.sealing import Keyring
from portal.zoho import client
from portal.zoho.budget import Budget, Made
from portal.zoho.errors import BudgetSpent, ZohoError
from portal.zoho.tokens import Access

OK = Made("GET", "/subscriptions", 1, "ok", 200, 0)
Seen = list[tuple[Any, ...]]


def run(name: str, arguments: list[tuple[Any, ...]], seconds: float = 60) -> list[Any]:
    """Run `name(*arguments[i])` in as many processes as there are arguments, all at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(len(arguments))
    queue: Any = context.Queue()
    processes = [
        context.Process(target=_child, args=(name, given, barrier, queue), daemon=True) for given in arguments
    ]
    for process in processes:
        process.start()
    found = [queue.get(timeout=seconds) for _ in processes]
    for process in processes:
        process.join(seconds)
    failures = [value for failed, value in found if failed]
    assert not failures, failures
    return [value for _, value in found]


def _child(name: str, given: tuple[Any, ...], barrier: Any, queue: Any) -> None:
    try:
        barrier.wait(30)
        queue.put((False, globals()[name](*given)))
    except Exception as problem:  # noqa: BLE001 - whatever it is, the test must hear of it
        queue.put((True, repr(problem)))


@contextmanager
def _pool(url: str) -> Iterator[Pool]:
    pool = open_pool(url, name="crowd", max_size=1)
    try:
        yield pool
    finally:
        pool.close()


def grab(settings: dict[str, Any], lane: str, seconds: float) -> Seen:
    """Take as many permits as there are to have; return (lane, when)."""
    value = Settings.model_validate(settings)
    with _pool(value.database_url.get_secret_value()) as pool:
        budget, seen, end = Budget(value, pool), [], time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                permit = budget.enter(lane, writes=False, patience=0)
            except BudgetSpent:
                time.sleep(0.02)
                continue
            seen.append((lane, permit.entered_at.timestamp()))
            budget.leave(permit, OK)
        return seen


def hold(settings: dict[str, Any], lane: str, times: int) -> Seen:
    """Hold permits for a while; return (lane, from, until) of each."""
    value = Settings.model_validate(settings)
    with _pool(value.database_url.get_secret_value()) as pool:
        budget, seen = Budget(value, pool), []
        for _ in range(times):
            permit = budget.enter(lane, writes=False, patience=30)
            began = time.time()
            time.sleep(0.03)
            ended = time.time()
            budget.leave(permit, OK)
            seen.append((lane, began, ended))
        return seen


def get_token(settings: dict[str, Any], keys: list[str]) -> tuple[str, float]:
    """Ask for the access token; return it, or the error's name, and how long it took."""
    value = Settings.model_validate(settings)
    began = time.monotonic()
    with _pool(value.database_url.get_secret_value()) as pool:
        tokens = client.build(value, pool, Keyring.from_settings(keys)).tokens
        try:
            found: Access | ZohoError = tokens.access()
        except ZohoError as problem:
            found = problem
    took = time.monotonic() - began
    return (found.token if isinstance(found, Access) else type(found).__name__), took
