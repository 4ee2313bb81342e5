"""One Postgres server a test run, one migrated template, one clone a worker, wiped between tests.

`TEST_DATABASE_URL` names another server (Debian's Postgres 15, say); what is made there is dropped.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres

# Nothing of a test survives a power cut anyway; commits stay synchronous, because tests kill processes.
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB")

TABLES = """
select format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('billing', 'jobs')
order by 1
"""


@dataclass
class Server:
    """A server and what this run made on it."""

    admin_url: str
    template: str
    embedded: EmbeddedPostgres | None = None
    made: list[str] = field(default_factory=list)

    def clone(self, name: str) -> str:
        """Create a database from the migrated template and return its URL."""
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            statement = sql.SQL("create database {} template {}")
            conn.execute(statement.format(sql.Identifier(name), sql.Identifier(self.template)))
        self.made.append(name)
        return with_database(self.admin_url, name)

    def drop(self, name: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Stop what we started, drop what we made."""
        if self.embedded is not None:
            self.embedded.stop()
            shutil.rmtree(self.embedded.home, ignore_errors=True)
            return
        for name in [*self.made, self.template]:
            self.drop(name)


def start() -> Server:
    """Start (or find) the server and migrate the template."""
    outside = os.environ.get("TEST_DATABASE_URL", "")
    template = f"portal_test_{os.getpid()}"
    if outside:
        server = Server(outside, template)
    else:
        home = Path(tempfile.mkdtemp(prefix="portal-tests-"))
        home.chmod(0o711)
        embedded = EmbeddedPostgres(home, FAST)
        embedded.start()
        server = Server(embedded.url(), template, embedded)
    with psycopg.connect(server.admin_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(template)))
    migrate.apply(with_database(server.admin_url, template))
    return server


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"


class Wiper:
    """Brings a database back to what the migrations left, fast: only tables that hold rows are touched."""

    def __init__(self, url: str) -> None:
        self.conn = psycopg.connect(url, autocommit=True)
        self.tables = [row[0] for row in self.conn.execute(TABLES)]
        self.seeded = self._filled()
        for table in self.seeded:
            kept = sql.Identifier("kept_" + table.replace(".", "_"))
            self.conn.execute(sql.SQL("create temp table {} as table {}").format(kept, _name(table)))

    def wipe(self) -> None:
        filled = self._filled()
        if not filled:
            return
        names = sql.SQL(", ").join(_name(table) for table in filled)
        with self.conn.transaction():
            self.conn.execute("set local session_replication_role = replica")
            self.conn.execute(sql.SQL("truncate {} restart identity cascade").format(names))
            for table in self.seeded:
                kept = sql.Identifier("kept_" + table.replace(".", "_"))
                self.conn.execute(sql.SQL("insert into {} select * from {}").format(_name(table), kept))

    def _filled(self) -> list[str]:
        probes = sql.SQL(" union all ").join(
            sql.SQL("select {} where exists (select from {})").format(sql.Literal(table), _name(table))
            for table in self.tables
        )
        return [row[0] for row in self.conn.execute(probes)]

    def close(self) -> None:
        self.conn.close()


def _name(table: str) -> sql.Composed:
    return sql.SQL(".").join(sql.Identifier(part.strip('"')) for part in table.split("."))
