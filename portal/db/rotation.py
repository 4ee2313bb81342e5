"""Seal every stored secret with the newest key (CRY-01, CRY-03), so that an old key can be retired."""

from collections.abc import Callable

from psycopg import sql

from portal.db import transaction
from portal.db.transaction import Conn, Pool
from portal.sealing import Keyring, Unsealable

# table, its key column, its sealed columns. What a value is bound to is written as table:column:key,
# by whoever seals it: portal.people.sessions and portal.zoho.tokens use bound_to() below.
SEALED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sessions", "id", ("access_token", "refresh_token")),
    ("oauth_tokens", "organization_id", ("access_token", "refresh_token")),
    ("secrets", "name", ("value",)),
)


def bound_to(table: str, column: str, key: object) -> str:
    """Name the place of a sealed value; it opens nowhere else."""
    return f"{table}:{column}:{key}"


def reseal(pool: Pool, keyring: Keyring, report: Callable[[str], None] = lambda _text: None) -> int:
    """Seal anew what an older key sealed; return how many values. Values nobody can open are reported."""
    count = 0
    for table, key, columns in SEALED:
        for column in columns:
            with transaction.as_worker(pool) as conn:
                count += _reseal_column(conn, keyring, table, key, column, report)
    return count


def _reseal_column(
    conn: Conn, keyring: Keyring, table: str, key: str, column: str, report: Callable[[str], None]
) -> int:
    names = {"table": sql.Identifier(table), "key": sql.Identifier(key), "column": sql.Identifier(column)}
    read = sql.SQL(
        "select {key} as key, {column} as sealed from billing.{table} where {column} is not null for update"
    ).format(**names)
    write = sql.SQL("update billing.{table} set {column} = %s where {key} = %s").format(**names)
    count = 0
    for row in conn.execute(read).fetchall():
        if keyring.is_current(row["sealed"]):
            continue
        place = bound_to(table, column, row["key"])
        try:
            secret = keyring.open(row["sealed"], place)
        except Unsealable:
            report(f"{place} cannot be opened with the present keys")
            continue
        conn.execute(write, [keyring.seal(secret, place), row["key"]])
        count += 1
    return count
