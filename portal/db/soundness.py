"""Whether the database is what the portal stands on, for `portal doctor` (SB-03, SB-04, CRY-04).

Everything is asked as the connection's own login, because whether that one can become the portal's roles is
one of the questions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from portal.config import THIS_MACHINE
from portal.db import migrate
from portal.db.transaction import Conn, Pool

Verdict = Literal["ok", "look", "bad"]
ROLES = ("authenticated", "portal_web", "portal_worker", "portal_staff")

# The owner of a table passes its policies as a superuser does.
_MIGHTY = """
select rolname as name from pg_roles r
where rolname = any (%(roles)s) and (rolbypassrls or rolsuper or exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'billing' and c.relkind in ('r', 'p') and pg_has_role(r.oid, c.relowner, 'usage')))
order by 1
"""
_OPEN_TABLES = """
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'billing' and c.relkind in ('r', 'p') and not c.relrowsecurity
order by 1
"""
_DURABLE = "select current_setting('synchronous_commit') as value"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    verdict: Verdict
    text: str


def examine(pool: Pool, url: str) -> list[Finding]:
    """Look at everything about the database; without an answer or a schema there is no more to look at."""
    try:
        with pool.connection() as conn:
            missing = migrate.pending(conn)
            if missing:
                text = f"{len(missing)} are missing. Run `portal migrate`."
                return [Finding("database", "ok", "answers"), Finding("migrations", "bad", text)]
            found = [roles(conn), row_security(conn), *durability(conn)]
    except (psycopg.Error, PoolTimeout) as problem:
        text = str(problem).strip().splitlines()[0] if str(problem).strip() else "no connection"
        return [Finding("database", "bad", f"{text}. Check DATABASE_URL, then `portal migrate`.")]
    current = [Finding("database", "ok", "answers"), Finding("migrations", "ok", "current")]
    return [*current, *found, connection(url)]


def roles(conn: Conn) -> Finding:
    """Say whether the login can become each role, and whether one of them could see everybody's rows."""
    closed = list(_that_cannot_be_taken(conn))
    if closed:
        advice = "Grant them to the login in DATABASE_URL."
        return Finding("roles", "bad", f"{', '.join(closed)} cannot be taken. {advice}")
    mighty = [row["name"] for row in conn.execute(_MIGHTY, {"roles": list(ROLES)})]
    if mighty:
        return Finding("roles", "bad", f"{', '.join(mighty)} can pass row-level security. Take that away.")
    return Finding("roles", "ok", "all four can be taken, and none can pass row-level security")


def _that_cannot_be_taken(conn: Conn) -> Iterator[str]:
    # Tried and not looked up: membership alone is not enough since Postgres 16 (grant ... with set false).
    for role in ROLES:
        try:
            with conn.transaction():
                conn.execute("select set_config('role', %s, true)", [role])
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):
            yield role


def row_security(conn: Conn) -> Finding:
    """Say whether a table answers everybody because its policies are switched off (SB-04)."""
    open_tables = [row["name"] for row in conn.execute(_OPEN_TABLES)]
    if open_tables:
        advice = "Enable it: `alter table billing.… enable row level security`."
        return Finding("row security", "bad", f"off in {', '.join(open_tables)}. {advice}")
    return Finding("row security", "ok", "on in every table")


def durability(conn: Conn) -> Iterator[Finding]:
    """Say so where a commit does not wait for the disk (WH-05)."""
    row = conn.execute(_DURABLE).fetchone()
    if row and row["value"] == "off":
        text = "synchronous_commit is off: acknowledged webhooks can be lost."
        yield Finding("durability", "bad", text)


def connection(url: str) -> Finding:
    """Say whether what goes between portal and database can be read or bent on its way (CRY-04)."""
    given = conninfo_to_dict(url)
    host = str(given.get("host") or "")
    if host.startswith("/") or host in ("", *THIS_MACHINE):
        return Finding("encryption", "ok", "the database is on this machine")
    if given.get("sslmode") == "verify-full":
        return Finding("encryption", "ok", "the database's certificate is verified")
    if "." not in host:
        return Finding("encryption", "look", f"{host} is reached without TLS: for one private network only.")
    return Finding(
        "encryption",
        "bad",
        f"{host} is not verified. Add sslmode=verify-full and sslrootcert to DATABASE_URL.",
    )
