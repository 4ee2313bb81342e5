"""The portal's commands. Each ends with 0, or with 2 and one line that says what to do.

python -m portal migrate | worker | reconcile | replay | rebuild | zoho connect | doctor | rotate-keys
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import psycopg
from psycopg_pool import PoolTimeout

from portal import config, logs
from portal.errors import PortalError
from portal.services import Services

FAILED = 2
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except PortalError as problem:
        return _fail(problem.message)
    except (psycopg.OperationalError, PoolTimeout) as problem:
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else "no connection"
        return _fail(f"The database does not answer: {first}. Check DATABASE_URL.")
    except KeyboardInterrupt:
        return 130


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
    replay = _add(commands, "replay", _replay, "apply stored events again")
    replay.add_argument("--days", type=int, default=7, help="how far back (default 7)")
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

    settings = config.load()
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
    from portal.progress import Bar
    from portal.sync import reconcile

    services = _services("portal-reconcile", 2)
    try:
        with Bar() as bar:
            report = reconcile.run(services, "hot" if options.hot else "full", progress=bar)
        print(report.in_words())
        return 0 if report.is_complete else FAILED
    finally:
        services.close()


def _replay(options: argparse.Namespace) -> int:
    from portal.progress import Bar
    from portal.sync import replay

    services = _services("portal-replay", 2)
    try:
        with Bar() as bar:
            report = replay.run(services, days=options.days, progress=bar)
        print(report.in_words())
        return 0
    finally:
        services.close()


def _rebuild(_options: argparse.Namespace) -> int:
    from portal.progress import Bar
    from portal.sync import reconcile

    services = _services("portal-rebuild", 2)
    try:
        with Bar() as bar:
            report = reconcile.run(services, "rebuild", progress=bar)
        print(report.in_words())
        return 0 if report.is_complete else FAILED
    finally:
        services.close()


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
        print(f"{rotation.reseal(services.pool, services.keyring)} secrets sealed with the newest key")
        return 0
    finally:
        services.close()


def _doctor(_options: argparse.Namespace) -> int:
    from portal import doctor

    return doctor.run(config.load())
