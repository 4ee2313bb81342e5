"""Fixtures that every floor of the tests shares; tests/harness says how each is made.

- `database_url`, `pool`, `conn`: a clean, migrated Postgres database (one a worker, wiped between tests)
- `app`, `visitor`: the portal in this process, and a client that checks every page it fetches
- `sandbox`: the sandbox as a process, reset between tests
- `stack`: portal, worker and sandbox as processes; `browser` and `tab`: Chromium
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import structlog

from tests.harness import browser as chromium
from tests.harness import canaries, database, processes, spread

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Browser

    from portal.db.transaction import Pool
    from tests.visitor import Visitor

# A clone's URL reaches the workers of pytest-xdist through this key.
SERVER = pytest.StashKey[database.Server]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let all workers share the server that the main process owns (and outlives them)."""
    config = node.config
    if SERVER not in config.stash:
        config.stash[SERVER] = database.start()
    server = config.stash[SERVER]
    node.workerinput["server"] = (server.admin_url, server.template)


def pytest_configure() -> None:
    """Write logged exceptions as Python does: drawn by rich with all locals, each costs 0.1 s."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    spread.longest_first(items)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].close()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[database.Server]:
    """The database server of this test run."""
    given = getattr(request.config, "workerinput", {}).get("server")
    if given:
        shared = database.Server(*given)
        yield shared
        for name in shared.made:
            shared.drop(name)
        return
    if SERVER not in request.config.stash:
        request.config.stash[SERVER] = database.start()
    yield request.config.stash[SERVER]


@pytest.fixture(scope="session")
def wiper(server: database.Server, worker_id: str) -> Iterator[database.Wiper]:
    """What keeps this worker's database clean: the first to see it, so that it knows what belongs there."""
    wiper = database.Wiper(server.clone(f"{server.template}_{worker_id}"))
    yield wiper
    wiper.close()


@pytest.fixture(scope="session")
def worker_database(wiper: database.Wiper) -> str:
    """This worker's own database; ask for `database_url` instead, which is clean."""
    return wiper.url


@pytest.fixture
def database_url(worker_database: str, wiper: database.Wiper) -> Iterator[str]:
    """A database as the migrations left it."""
    yield worker_database
    wiper.wipe()


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A superuser's connection in autocommit mode, to arrange and to look."""
    with psycopg.connect(database_url, autocommit=True, row_factory=psycopg.rows.dict_row) as conn:
        conn.execute("set search_path to billing, jobs, public")
        yield conn


@pytest.fixture(scope="session")
def worker_pool(worker_database: str) -> Iterator[Pool]:
    from portal.db.pool import open_pool

    pool = open_pool(worker_database, name="tests", max_size=8)
    yield pool
    pool.close()


@pytest.fixture
def pool(worker_pool: Pool, database_url: str) -> Pool:
    """The portal's own pool on the clean database."""
    return worker_pool


@pytest.fixture(scope="session")
def settings_env(worker_database: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The demo's settings on this worker's database and ports."""
    return processes.demo_settings(
        tmp_path_factory.mktemp("settings"),
        worker_database,
        portal=processes.free_port(),
        sandbox=processes.free_port(),
        smtp=processes.free_port(),
    )


@pytest.fixture(scope="session")
def make_app(settings_env: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Build a portal with some settings changed: `make_app(allow_pause=True)`."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        from portal.app import create_app
        from portal.config import Settings

        values = {name.lower(): value for name, value in settings_env.items()}
        made.append(create_app(Settings.model_validate({**values, **changes})))
        return made[-1]

    yield make
    for app in made:
        app.extensions["services"].close()


@pytest.fixture(scope="session")
def worker_app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app()
    app.testing = True
    return app


@pytest.fixture
def app(worker_app: Flask, database_url: str) -> Flask:
    """The portal in this process, on a clean database."""
    return worker_app


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """A person with a browser that checks every page (tests/visitor.py)."""
    from tests.visitor import Visitor

    return Visitor(app)


@pytest.fixture(scope="session")
def worker_sandbox(
    settings_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[processes.Sandbox]:
    with processes.sandbox(tmp_path_factory.mktemp("sandbox"), settings_env) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(worker_sandbox: processes.Sandbox) -> processes.Sandbox:
    """The sandbox as a process, with a fresh demo company; the `app` of this worker points at it."""
    worker_sandbox.control("faults", {})
    worker_sandbox.reset("demo")
    return worker_sandbox


@pytest.fixture(scope="session")
def stack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def stack(
    server: database.Server, stack_folder: Path, request: pytest.FixtureRequest, worker_id: str
) -> Iterator[processes.Stack]:
    """Portal, worker and sandbox as processes, fresh for each module, on a database of their own.

    A module's ``SETTINGS`` say what differs from the demo.
    """
    name = f"{server.template}_{worker_id}_{request.node.name.removesuffix('.py').rpartition('/')[2]}"[:60]
    url = server.clone(name)
    changes = getattr(request.module, "SETTINGS", {})
    with processes.stack(stack_folder / name, url, changes) as running:
        yield running
        leaked = canaries.found(running)
    server.drop(name)
    assert not leaked, leaked


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; its absence fails, never skips."""
    with chromium.chromium() as browser:
        yield browser


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[chromium.Tab]:
    """A fresh visitor's tab; every test that uses it runs with and without JavaScript."""
    with chromium.visitor(browser, javascript=request.param) as tab:
        yield tab
