"""Bring a database to the present schema: stand-in roles, numbered SQL files, the job queue's tables.

The files run in order through yoyo-migrations, whose own tables live in a schema of their own. A
session advisory lock keeps two deploys apart; whoever holds it may clear the lock row that a killed
yoyo leaves behind. Use a direct or session-mode connection, not a transaction pooler.
"""

from importlib import resources
from urllib.parse import urlencode, urlsplit, urlunsplit

import psycopg
import yoyo
from procrastinate.schema import SchemaManager
from psycopg import sql

from portal.db.transaction import Conn

BOOKKEEPING_SCHEMA = "portal_migrations"
_APPLIED = "select migration_id as name from portal_migrations._yoyo_migration"
# A login that only takes the portal's roles and owns nothing must see, too, whether anything is missing.
_SHOW = """
grant usage on schema portal_migrations to portal_worker;
grant select on portal_migrations._yoyo_migration to portal_worker
"""
_LOCK = 0x62696C6C  # "bill"; any number that nobody else uses
# A migration that waits for a busy table holds up everybody behind it: rather fail and be run again.
_PATIENCE = "set lock_timeout = '5s'; set statement_timeout = '5min'"


def apply(url: str) -> list[str]:
    """Apply what is missing to the database at ``url``; return the names of the migrations applied."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", [_LOCK])
        conn.execute(_script("supabase_roles.sql"))
        conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(BOOKKEEPING_SCHEMA)))
        applied = _apply_files(url)
        if _lacks_queue(conn):
            _create_queue(conn)
            applied.append("job queue")
        conn.execute(_SHOW)
        return applied


def pending(conn: Conn) -> list[str]:
    """Return the names of the migrations that the database still lacks.

    Asked at every readiness check, so not through yoyo: that connects anew, makes its tables where it finds
    none, and keeps its schema in the session, which a transaction pooler shares with others.
    """
    applied = {row["name"] for row in conn.execute(_APPLIED)}
    files = [each.name for each in (resources.files("portal.db") / "migrations").iterdir()]
    known = sorted(name.removesuffix(".sql") for name in files if name.endswith(".sql"))
    return [name for name in known if name not in applied]


def _apply_files(url: str) -> list[str]:
    backend = yoyo.get_backend(_yoyo_url(url))
    try:
        backend.break_lock()
        with backend.transaction():
            backend.execute(_PATIENCE)
        with backend.lock():
            missing = list(backend.to_apply(_migrations()))
            for migration in missing:
                _apply_file(backend, migration)
        return [migration.id for migration in missing]
    finally:
        backend.connection.close()


def _apply_file(backend: yoyo.backends.DatabaseBackend, migration: yoyo.migrations.Migration) -> None:
    """Apply one file and note it, in one transaction.

    yoyo's own way applies on a second connection, which knows nothing of our patience, and notes it
    afterwards: who died in between could never migrate again. It also wants the name of the system's user,
    and a container may run as a number that has none.
    """
    with backend.transaction():
        migration.process_steps(backend, "apply")
        backend.mark_one(migration, log=False)


def _migrations() -> yoyo.migrations.MigrationList:
    return yoyo.read_migrations(str(resources.files("portal.db") / "migrations"))


def _yoyo_url(url: str) -> str:
    """Name psycopg 3 and the bookkeeping schema the way yoyo wants to hear it."""
    parts = urlsplit(url)
    query = f"{parts.query}&" if parts.query else ""
    query += urlencode({"schema": BOOKKEEPING_SCHEMA})
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))


def _lacks_queue(conn: psycopg.Connection) -> bool:
    row = conn.execute("select to_regclass('jobs.procrastinate_jobs') is null").fetchone()
    return bool(row and row[0])


def _create_queue(conn: psycopg.Connection) -> None:
    with conn.transaction():
        conn.execute("select set_config('search_path', 'jobs', true)")
        conn.execute(SchemaManager.get_schema())
        conn.execute(_script("queue_grants.sql"))


def _script(name: str) -> sql.SQL:
    # The file is ours and part of the package, so its text may be a statement.
    return sql.SQL((resources.files("portal.db") / name).read_text(encoding="utf-8"))
