"""The portal's commands. Each ends with 0, or with 2 and one line that says what to do.

One that is stopped ends with 130 (Ctrl-C) or 143 (SIGTERM); the worker with 0, because that is how it ends.

python -m portal migrate | worker | reconcile | replay | rebuild | zoho connect | doctor | rotate-keys
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

import psycopg
from psycopg_pool import PoolTimeout

from portal import clock, config, logs
from portal.db import trouble
from portal.errors import PortalError, Refused
from portal.services import Services

if TYPE_CHECKING:
    from portal.sync.runs import Run

    Show = Callable[[Run], None]

FAILED = 2
INTERRUPTED, TERMINATED = 130, 143
MOST_DAYS = 3650
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except PortalError as problem:
        return _fail(problem.message)
    except psycopg.errors.LockNotAvailable:
        return _fail("Somebody uses what has to change. The rest was done; run it again in a moment.")
    except (psycopg.OperationalError, PoolTimeout) as problem:
        return _fail(f"The database does not answer: {_first_line(problem)}. Check DATABASE_URL.")
    except trouble.NOT_MIGRATED as problem:
        return _fail(
            f"The database lacks what this version needs: {_first_line(problem)}. Run `portal migrate`."
        )
    except KeyboardInterrupt:
        return INTERRUPTED


def _first_line(problem: Exception) -> str:
    return next(iter(str(problem).strip().splitlines()), "no connection")


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="portal", description="Self-hosted billing portal for Zoho Billing")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add(commands, "migrate", _migrate, "bring the database to the present schema")
    _add(commands, "worker", _worker, "run jobs and the schedule until stopped")
    reconcile = _add(commands, "reconcile", _reconcile, "compare everything with Zoho and repair differences")
    reconcile.add_argument("--hot", action="store_true", help="only what is under way, unpaid or stale")
    reconcile.add_argument("--thorough", action="store_true", help="read every object again, not only lists")
    reconcile.add_argument(
        "--accept-deletions", action="store_true", help="believe Zoho even when much is missing there"
    )
    replay = _add(commands, "replay", _replay, "apply again the events that failed or were given up")
    replay.add_argument("--days", type=int, default=7, help="how far back (default 7)")
    replay.add_argument("--all", action="store_true", help="also what was applied already")
    replay.add_argument("--id", default="", help="only this object or event, by Zoho's id")
    _add(commands, "rebuild", _rebuild, "read the whole mirror anew from Zoho")
    zoho = commands.add_parser("zoho", help="the connection to Zoho").add_subparsers(required=True)
    connect = _add(zoho, "connect", _connect, "connect with a self-client code")
    connect.add_argument("--code", required=True, help="the code made in Zoho's API console")
    _add(commands, "rotate-keys", _rotate_keys, "seal every stored secret with the newest key")
    _add(commands, "doctor", _doctor, "check settings, database, Zoho, mail and worker")
    return parser


def _add(commands: object, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)  # type: ignore[attr-defined]
    parser.set_defaults(command=run)
    return parser


def _services(name: str, pool_size: int | None = None) -> Services:
    from portal import services
    from portal.db import vault

    settings = vault.fill(config.load())
    logs.configure(settings.log_level)
    return services.build(settings, name=name, pool_size=pool_size)


def _migrate(_options: argparse.Namespace) -> int:
    from portal.db import migrate

    applied = migrate.apply(config.load().database_url.get_secret_value())
    print("\n".join(applied) if applied else "nothing to do: the schema is current")
    return 0


def _worker(_options: argparse.Namespace) -> int:
    from portal.jobs import worker

    services = _services("portal-worker", config.load().worker_pool_size)
    try:
        worker.run(services)
        return 0
    finally:
        services.close()


def _reconcile(options: argparse.Namespace) -> int:
    from portal.sync import feed, hot, reconcile

    def work(services: Services, show: "Show") -> "list[Run]":
        short = [lambda: hot.hot(services, report=show), lambda: feed.pull(services, report=show)]
        found = [run for sweep in short for run in _unless_under_way(sweep)]
        if options.hot:
            return found
        chosen = {"accept_deletions": options.accept_deletions, "thorough": options.thorough}
        return [*found, reconcile.full(services, options=chosen, report=show, wait=True)]

    return _sweep("portal-reconcile", work)


def _replay(options: argparse.Namespace) -> int:
    from portal.sync import replay

    if not 1 <= options.days <= MOST_DAYS:
        raise Refused(f"--days must be from 1 to {MOST_DAYS}.")
    states = ("dead", "failed", "applied", "ignored") if options.all else ("dead", "failed")
    since = clock.now() - timedelta(days=options.days)
    return _sweep(
        "portal-replay",
        lambda services, show: [
            replay.many(services, states=states, since=since, zoho_id=options.id, report=show)
        ],
    )


def _rebuild(_options: argparse.Namespace) -> int:
    from portal.sync import reconcile

    return _sweep(
        "portal-rebuild",
        lambda services, show: [reconcile.full(services, options={"force": True}, report=show, wait=True)],
    )


def _unless_under_way(sweep: "Callable[[], Run]") -> "list[Run]":
    """Run a short sweep that the worker does every few minutes, unless it is doing it right now."""
    from portal.sync.runs import UnderWay

    try:
        return [sweep()]
    except UnderWay:
        return []


def _sweep(name: str, work: "Callable[[Services, Show], list[Run]]") -> int:
    """Run sweeps with a progress bar, and say in one line each what they did."""
    from portal.progress import Bar

    services = _services(name, 2)
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        with Bar() as bar:

            def show(run: "Run") -> None:
                told = run.progress
                bar(str(told.get("what", run.kind)), int(told.get("done", 0)), told.get("total"))

            runs = work(services, show)
    except (KeyboardInterrupt, SystemExit):
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        services.close()
    for run in runs:
        print(_in_words(run))
    return FAILED if any(run.problem for run in runs) else 0


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _in_words(run: "Run") -> str:
    text = (
        f"{run.kind}: {run.rows_read} read, {run.calls} calls, "
        f"{run.drift_found} differences found, {run.rows_written} rows written"
    )
    return f"{text}. Not finished: {run.problem}" if run.problem else text


def _connect(options: argparse.Namespace) -> int:
    from portal.zoho import connect

    services = _services("portal-connect", 2)
    try:
        print(connect.with_self_client_code(services.settings, services.pool, services.keyring, options.code))
        return 0
    finally:
        services.close()


def _rotate_keys(_options: argparse.Namespace) -> int:
    from portal.db import rotation

    services = _services("portal-rotate", 2)
    try:
        lost: list[str] = []
        count = rotation.reseal(services.pool, services.keyring, lost.append)
        print("\n".join([*lost, f"{count} secrets sealed with the newest key"]))
        return FAILED if lost else 0
    finally:
        services.close()


def _doctor(_options: argparse.Namespace) -> int:
    from portal import doctor

    return doctor.run(config.load())
