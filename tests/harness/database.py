"""One Postgres server a test run, one migrated template, one clone a worker, wiped between tests.

`TEST_DATABASE_URL` names another server (Debian's Postgres 15, say); what is made there is dropped.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres

# Nothing of a test survives a power cut anyway; commits stay synchronous, because tests kill processes.
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB")

# Each table, and whether it has pages: rows, or where rows were.
TABLES = """
select format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid) > 0
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('billing', 'jobs')
order by 1
"""

# What counts the rows of a table counts from its start again.
RESTART = """
select setval(s.oid::regclass, q.seqstart, false)
from pg_class s join pg_namespace n on n.oid = s.relnamespace
join pg_sequence q on q.seqrelid = s.oid
join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
where n.nspname in ('billing', 'jobs')
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
    """Brings a database back to what the migrations left, fast: only tables that were written to are touched.

    Rows are deleted and the tables vacuumed, which gives small ones back all their pages. TRUNCATE would
    take along every table that refers to one of them and make new files for each: a hundred milliseconds
    after each test, where this takes five.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.conn = psycopg.connect(url, autocommit=True)
        # A table that was never vacuumed is planned for as a larger one: all are to begin alike.
        self._vacuum([name for name, _ in self.conn.execute(TABLES)])
        self.seeded = self._filled()
        for table in self.seeded:
            kept = sql.Identifier("kept_" + table.replace(".", "_"))
            self.conn.execute(sql.SQL("create temp table {} as table {}").format(kept, _name(table)))

    def wipe(self) -> None:
        filled = self._filled()
        if not filled:
            return
        with self._unguarded():
            for table in filled:
                self.conn.execute(sql.SQL("delete from {}").format(_name(table)))
            self.conn.execute(RESTART)
        # Before anything is put back: only pages at the end go, and rows are to lie in their order again.
        self._vacuum(filled)
        with self._unguarded():
            for table in self.seeded:
                kept = sql.Identifier("kept_" + table.replace(".", "_"))
                self.conn.execute(sql.SQL("insert into {} select * from {}").format(_name(table), kept))

    @contextmanager
    def _unguarded(self) -> Iterator[None]:
        """Let neither triggers nor foreign keys look."""
        with self.conn.transaction():
            self.conn.execute("set local session_replication_role = replica")
            yield

    def _vacuum(self, tables: list[str]) -> None:
        self.conn.execute(sql.SQL("vacuum {}").format(sql.SQL(", ").join(map(_name, tables))))

    def _filled(self) -> list[str]:
        return [name for name, has_pages in self.conn.execute(TABLES) if has_pages]

    def close(self) -> None:
        self.conn.close()


def _name(table: str) -> sql.Composed:
    return sql.SQL(".").join(sql.Identifier(part.strip('"')) for part in table.split("."))
