"""The stage on which every seed plays: one portal, one sandbox, one database, put back to the same start.

Built once a process: the demo company at :data:`~tests.simulation.virtual.START`, already mirrored, three
people signed up. A seed gets the database back by the wiper and the sandbox by a copy of its file.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psycopg
import structlog
from jinja2.bccache import Bucket, BytecodeCache

import sandbox.app
from portal import app as portal_app
from portal.config import Settings
from portal.db.transaction import as_web
from portal.people import users
from portal.sealing import Keyring
from portal.services import Services
from portal.sync import reconcile
from portal.zoho import client
from sandbox.settings import Settings as SandboxSettings
from tests.harness import people, processes
from tests.harness.database import Server, Wiper
from tests.simulation import identity
from tests.simulation.database import STRIKE, Connections, Link
from tests.simulation.database import Weather as DatabaseWeather
from tests.simulation.network import Network, connecting
from tests.simulation.power import Power
from tests.simulation.virtual import START, VirtualTime, drawn_from, living_in

if TYPE_CHECKING:
    from flask import Flask

    from portal.db.transaction import Pool
    from sandbox.world import World

# Nobody listens there: the network of a simulation knows these two addresses.
PORTAL_PORT, SANDBOX_PORT, SMTP_PORT = 8190, 8191, 8192

# Setting the stage takes virtual time (the first copy waits for its call budget); a seed begins after it.
AFTER_SETTING = timedelta(minutes=30)

EMAILS = ("ada@example.com", "bob@example.com", "cleo@example.com")


class Compiled(BytecodeCache):
    """The sandbox's pages, compiled once a process and not once a seed."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (code := self._code.get(bucket.key)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()

# Every write of the mirror is looked at by the database itself (INV-5).
WATCH = """
create schema if not exists simulation;
create table if not exists simulation.regressions
  (seen_at timestamptz default clock_timestamp(), object text, was text, became text, apart interval);
create or replace function simulation.watch() returns trigger language plpgsql security definer as $$
begin
  if new.zoho_updated_at < old.zoho_updated_at
     or (new.zoho_updated_at is not distinct from old.zoho_updated_at
         and new.read_started_at < old.read_started_at) then
    insert into simulation.regressions (object, was, became, apart)
    values (tg_table_name || ' ' || old.zoho_id,
            coalesce(old.zoho_updated_at::text, '-') || ' read ' || old.read_started_at,
            coalesce(new.zoho_updated_at::text, '-') || ' read ' || new.read_started_at,
            new.read_started_at - old.read_started_at);
  end if;
  return new;
end $$;
grant usage on schema simulation to public;
"""
# Ids that the database draws are counted instead: rows that are ordered by them replay in the same order.
DRAWN_IDS = """
create sequence simulation.ids;
create function simulation.drawn_id() returns uuid language sql volatile security definer
as $$ select md5(nextval('simulation.ids')::text)::uuid $$;
do $$
declare
  drawn record;
begin
  for drawn in select table_name, column_name from information_schema.columns
               where table_schema = 'billing' and column_default = 'gen_random_uuid()' loop
    execute format('alter table billing.%I alter %I set default simulation.drawn_id()',
                   drawn.table_name, drawn.column_name);
  end loop;
end $$;
"""
FIRST_ID = 1_000_000
WATCHED = ("customers", "subscriptions", "invoices", "payments", "credit_notes", "payment_methods")


@dataclass
class Stage:
    """What stands between seeds."""

    folder: Path
    url: str
    app: Flask
    settings: Settings
    wiper: Wiper
    people: dict[str, UUID]
    line: identity.Line
    links: list[Link]

    @contextmanager
    def play(self, seed: str) -> Iterator[Setting]:
        """Bring everything back to the start and hand it out for one seed."""
        self.wiper.wipe()
        self.wiper.conn.execute("delete from simulation.regressions")
        self.wiper.conn.execute("select setval('simulation.ids', %s)", [FIRST_ID])
        copy = self.folder / "playing"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "template", copy)
        virtual, power = VirtualTime(START + AFTER_SETTING), Power()
        network = Network(virtual, lambda: 0.0)
        with quiet(), living_in(virtual), drawn_from(seed), connecting(network):
            pool = Connections(self.url, power, DatabaseWeather(virtual), self.links)
            setting = Setting(self, virtual, power, network, _sandbox(copy), pool)
            self.line.setting = setting
            setting.start()
            try:
                yield setting
            finally:
                self.line.setting = None
                _close(setting.zoho)


@dataclass
class Setting:
    """One seed's world: both programs, their clock, their network."""

    stage: Stage
    virtual: VirtualTime
    power: Power
    network: Network
    zoho: Flask
    pool: Connections
    mail: Any = None
    down: set[str] = field(default_factory=set)

    @property
    def world(self) -> World:
        return cast("World", self.zoho.extensions["sandbox_world"])

    @property
    def services(self) -> Services:
        return cast("Services", self.stage.app.extensions["services"])

    def start(self) -> None:
        """Start the portal, or start it again: what a process keeps in memory is new."""
        self.power.restart()
        settings, pool = self.stage.settings, cast("Pool", self.pool)
        zoho = client.build(settings, pool, self.services.keyring, self.virtual.sleep)
        auth = identity.started_again(self.services.auth)
        fresh = replace(self.services, pool=pool, zoho=zoho, auth=auth, mail=self.mail)
        self.stage.app.extensions["services"] = fresh
        self.connect()

    def connect(self) -> None:
        """Let the network reach what is not stopped."""
        settings = self.stage.settings
        places = {
            "web": (settings.base_url, self.stage.app.wsgi_app),
            "zoho": (settings.zoho_api_url, self.zoho.wsgi_app),
        }
        self.network.places = dict(place for part, place in places.items() if part not in self.down)

    def restart_zoho(self) -> None:
        """Another process of the sandbox on the same file."""
        folder = self.world.settings.data
        _close(self.zoho)
        self.zoho = _sandbox(folder)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Look into the portal's database from outside; values by place, or by name in one mapping."""
        cursor = self.stage.wiper.conn.cursor(row_factory=psycopg.rows.dict_row)
        named = values[0] if values and isinstance(values[0], dict) else values
        return cursor.execute(statement, named).fetchall()


@contextmanager
def build(server: Server, folder: Path, name: str) -> Iterator[Stage]:
    """Set the stage on a database of its own."""
    url = server.clone(name)
    folder.mkdir(parents=True, exist_ok=True)
    env = processes.demo_settings(folder, url, portal=PORTAL_PORT, sandbox=SANDBOX_PORT, smtp=SMTP_PORT)
    values = {key.lower(): value for key, value in env.items()}
    settings = Settings.model_validate({**values, "zoho_calls_per_minute": 100})
    with ExitStack() as stack:
        line, links = identity.Line(), list[Link]()
        pool = Connections(url, Power(), DatabaseWeather(VirtualTime()), links)
        stack.callback(pool.close)
        auth = identity.build(settings, line)
        stack.callback(auth.close)
        services = Services(
            settings=settings,
            pool=cast("Pool", pool),
            keyring=Keyring.from_settings(settings.encryption_keys),
            zoho=client.build(settings, cast("Pool", pool), Keyring.from_settings(settings.encryption_keys)),
            auth=auth,
            mail=None,
        )
        app = portal_app.create_app(settings, services)
        known = _begin(app, folder / "template", pool)
        wiper = Wiper(url)
        wiper.conn.execute("set search_path to billing, jobs")
        stack.callback(wiper.close)
        yield Stage(folder, url, app, settings, wiper, known, line, links)


def _begin(app: Flask, folder: Path, pool: Connections) -> dict[str, UUID]:
    """Write the start: the demo company at Zoho, its mirror, and the people."""
    shutil.rmtree(folder, ignore_errors=True)
    virtual = VirtualTime()
    network = Network(virtual, lambda: 0.0)
    with quiet(), living_in(virtual), drawn_from("stage"), connecting(network):
        zoho = _sandbox(folder)
        services = app.extensions["services"]
        calling = client.build(services.settings, services.pool, services.keyring, virtual.sleep)
        services = app.extensions["services"] = replace(services, zoho=calling)
        network.places = {services.settings.zoho_api_url: zoho.wsgi_app}
        with pool.connection() as conn:
            conn.execute(WATCH + DRAWN_IDS + STRIKE)
        known = {email: _sign_up(services, zoho, email) for email in EMAILS}
        ada = _customer_of(zoho, EMAILS[0])
        with pool.connection() as conn, conn.transaction():
            conn.execute(
                "update billing.accounts set zoho_customer_id = %s where billing_email = %s", [ada, EMAILS[0]]
            )
            for table in WATCHED:
                conn.execute(
                    f"create trigger watched before update on billing.{table}"
                    " for each row execute function simulation.watch()"
                )
        run = reconcile.full(services, options={"thorough": True}, wait=True)
        assert run.problem == "", run.problem
        assert virtual.moment < START + AFTER_SETTING
        with pool.connection() as conn, conn.transaction():
            # Rows with counted ids stay out of the start: the wiper counts from one again.
            conn.execute("truncate billing.zoho_calls, billing.activity")
        _close(zoho)
    return known


def _sign_up(services: Services, zoho: Flask, email: str) -> UUID:
    from portal.people import accounts

    user_id = identity.plant(zoho.extensions["sandbox_world"], email)
    with as_web(services.pool, user_id) as conn:
        users.upsert(conn, people.signed_in(user_id=user_id, email=email).identity)
        account_id = accounts.create_for(conn, user_id, name=email, email=email)
        conn.execute(
            "insert into members (account_id, user_id, role) values (%s, %s, 'owner') on conflict do nothing",
            [account_id, user_id],
        )
    return user_id


def _customer_of(zoho: Flask, email: str) -> str:
    customers = zoho.test_client().get("/_control/state?kind=customers").get_json()["customers"]
    found: str = next(one["customer_id"] for one in customers if one["email"] == email)
    return found


def _sandbox(folder: Path) -> Flask:
    app = sandbox.app.create_app(
        SandboxSettings(
            data=folder,
            port=SANDBOX_PORT,
            portal_url=f"http://127.0.0.1:{PORTAL_PORT}",
            deliver="manual",
        )
    )
    app.jinja_env.bytecode_cache = COMPILED
    return app


def _close(zoho: Flask) -> None:
    world: World = zoho.extensions["sandbox_world"]
    zoho.extensions["sandbox_courier"].stop()
    world.store.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Faults are the point here: the log would be nothing else."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
