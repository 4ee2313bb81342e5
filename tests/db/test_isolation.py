"""One account's rows are nobody else's (AC-04, SB-03, SB-04): raw SQL as a member, against every table.

No WHERE protects anything here: the statements ask for everything, and the policies answer.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from portal import doctor
from portal.db.pool import open_pool
from portal.db.transaction import as_member, as_staff, as_web
from tests.db.strangers import Conn, Table, fill, tables, value_for
from tests.harness.processes import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portal.db.transaction import Pool

# What everybody who is signed in may read: what is for sale, and how the connection fares.
FOR_EVERYBODY = {"addons", "call_budget", "coupons", "organization", "plans", "products", "taxes"}
# Rows that a person sees because of who they are, not because of an account.
OF_A_PERSON = {"users", "sessions"}
DENIED = (errors.InsufficientPrivilege,)


class Two:
    """Two accounts with a member each, and a row of each in every table."""

    def __init__(self, conn: Conn) -> None:
        self.tables = tables(conn)
        self.accounts, self.users = (uuid4(), uuid4()), (uuid4(), uuid4())
        for account_id, user_id in zip(self.accounts, self.users, strict=True):
            self._people(conn, account_id, user_id)
            for table in self.tables:
                if table.name not in ("users", "accounts", "members"):
                    fill(conn, table, account_id, user_id)

    def _people(self, conn: Conn, account_id: UUID, user_id: UUID) -> None:
        conn.execute(
            "insert into users (id, issuer, email) values (%s, 'x', %s)", [user_id, f"{user_id}@example.com"]
        )
        conn.execute(
            "insert into accounts (id, name, billing_email) values (%s, 'x', 'x@example.com')", [account_id]
        )
        conn.execute("insert into members values (%s, %s, 'owner')", [account_id, user_id])


@pytest.fixture
def two(conn: Conn) -> Two:
    return Two(conn)


def identifier(table: Table) -> sql.Composed:
    return sql.SQL("billing.{}").format(sql.Identifier(table.name))


def readable(conn: Conn, table: Table, role: str) -> list[str]:
    """The columns of a table that a role may read at all."""
    rows = conn.execute(
        "select a.attname as name from pg_attribute a where attrelid = %s::regclass and attnum > 0"
        " and not attisdropped and has_column_privilege(%s, attrelid, attnum, 'select')",
        [f"billing.{table.name}", role],
    )
    return [row["name"] for row in rows]


def owner_column(table: Table) -> str:
    if table.name == "users":
        return "id"
    return "id" if table.name == "accounts" else "account_id" if table.has_account else "user_id"


def test_a_member_reads_their_own_rows_and_no_others(two: Two, conn: Conn, pool: Pool) -> None:
    """AC-04, R11: every table, without a WHERE; a table that is new is in here by itself."""
    seen_somewhere = 0
    for table in two.tables:
        columns = readable(conn, table, "authenticated")
        if not columns:
            with pytest.raises(DENIED), as_member(pool, two.users[0]) as mine:
                mine.execute(sql.SQL("select count(*) from {}").format(identifier(table)))
            continue
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        with as_member(pool, two.users[0]) as mine:
            rows = mine.execute(sql.SQL("select {} from {}").format(names, identifier(table))).fetchall()
        if table.name in FOR_EVERYBODY:
            continue
        column = owner_column(table)
        own = two.users[0] if column == "user_id" or table.name == "users" else two.accounts[0]
        assert {row[column] for row in rows} <= {own}, f"{table.name} shows rows of others"
        seen_somewhere += len(rows)
    assert seen_somewhere > 10, "the member did not even see their own rows"


def test_only_the_catalogue_is_for_everybody(two: Two, conn: Conn) -> None:
    """A table without an account that a member can read must be named here, with a reason."""
    open_tables = {
        table.name
        for table in two.tables
        if not table.has_account
        and table.name not in OF_A_PERSON | {"accounts"}
        and readable(conn, table, "authenticated")
    }
    assert open_tables <= FOR_EVERYBODY, open_tables - FOR_EVERYBODY


def test_a_member_changes_nothing_anywhere(two: Two, conn: Conn, pool: Pool) -> None:
    """SB-04: update, delete and insert, in every table, own rows and others'."""
    before = digest(conn, two)
    for table in two.tables:
        column = next(name for name in table.columns if name != "id")
        attempts = (
            sql.SQL("update {0} set {1} = {1}").format(identifier(table), sql.Identifier(column)),
            sql.SQL("delete from {}").format(identifier(table)),
            sql.SQL("insert into {} default values").format(identifier(table)),
            sql.SQL("truncate {}").format(identifier(table)),
        )
        for attempt in attempts:
            with pytest.raises(DENIED), as_member(pool, two.users[0]) as mine:
                mine.execute(attempt)
    assert digest(conn, two) == before


def test_nobody_in_particular_sees_nothing(two: Two, conn: Conn, pool: Pool) -> None:
    """A forgotten identity shows no rows: a random user, and a role without a person."""
    for user_id in (uuid4(), None):
        for table in two.tables:
            if table.name in FOR_EVERYBODY or not readable(conn, table, "authenticated"):
                continue
            with pool.connection() as raw, raw.transaction():
                claims = f'{{"sub": "{user_id}"}}' if user_id else ""
                raw.execute("select set_config('role', 'authenticated', true)")
                raw.execute("select set_config('request.jwt.claims', %s, true)", [claims])
                column = sql.Identifier(owner_column(table))
                rows = raw.execute(sql.SQL("select {} from {}").format(column, identifier(table))).fetchall()
            assert rows == [], f"{table.name} shows rows to nobody"


def test_a_disabled_member_sees_nothing_more(two: Two, conn: Conn, pool: Pool) -> None:
    conn.execute("update users set disabled_at = now() where id = %s", [two.users[0]])
    with as_member(pool, two.users[0]) as mine:
        assert mine.execute("select id from invoices").fetchall() == []


def test_revoked_membership_acts_at_once(two: Two, conn: Conn, pool: Pool) -> None:
    """AC-05: at the next statement, not when a token expires."""
    with as_member(pool, two.users[0]) as mine:
        assert len(mine.execute("select id from invoices").fetchall()) == 1
        conn.execute("delete from members where user_id = %s", [two.users[0]])
        assert mine.execute("select id from invoices").fetchall() == []


@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("billing", False), ("viewer", False)])
def test_only_an_owner_sees_who_is_invited(two: Two, conn: Conn, pool: Pool, role: str, sees: bool) -> None:
    conn.execute("update members set role = %s where user_id = %s", [role, two.users[0]])
    with as_member(pool, two.users[0]) as mine:
        assert bool(mine.execute("select id from billing.invitations").fetchall()) == sees


def test_a_viewer_starts_no_purchase(two: Two, conn: Conn, pool: Pool) -> None:
    """Second layer behind the guard: the web's role checks the member's role as well."""
    conn.execute("update members set role = 'viewer' where user_id = %s", [two.users[0]])
    for table in two.tables:
        if table.name not in ("checkouts", "intents"):
            continue
        for account_id in two.accounts:
            values = [name for name in table.needed if name != "account_id"]
            statement = sql.SQL("insert into {} (account_id, {}) values (%s, {})").format(
                identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.SQL("%s") for _ in values),
            )
            given = [account_id, *(value_for(table, name) for name in values)]
            with pytest.raises(DENIED), as_web(pool, two.users[0]) as web:
                web.execute(statement, given)


def test_the_web_reaches_no_secret_and_writes_no_mirror(two: Two, conn: Conn, pool: Pool) -> None:
    """Only sync writes our copy of Zoho, and only the worker opens Zoho's tokens."""
    for name in ("oauth_tokens", "secrets"):
        with pytest.raises(DENIED), as_web(pool, two.users[0]) as web:
            web.execute(sql.SQL("select * from billing.{}").format(sql.Identifier(name)))
    for name in ("invoices", "subscriptions", "payments", "customers", "payment_methods", "credit_notes"):
        for verb in ("insert", "update", "delete"):
            held = conn.execute("select has_table_privilege('portal_web', %s, %s)", [f"billing.{name}", verb])
            assert not next(iter(held.fetchone().values())), f"portal_web may {verb} {name}"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("sessions", "token_hash"),
        ("sessions", "access_token"),
        ("sessions", "refresh_token"),
        ("sessions", "supabase_session_id"),
        ("invitations", "token_hash"),
    ],
)
def test_what_opens_a_session_or_an_invitation_is_not_shown(
    two: Two, pool: Pool, table: str, column: str
) -> None:
    """SES-01, SES-10: not even to its owner, who sees the rest of the row."""
    names = {"table": sql.Identifier("billing", table), "column": sql.Identifier(column)}
    with pytest.raises(DENIED), as_member(pool, two.users[0]) as mine:
        mine.execute(sql.SQL("select {column} from {table}").format(**names))
    with as_member(pool, two.users[0]) as mine:
        assert len(mine.execute(sql.SQL("select id from {table}").format(**names)).fetchall()) == 1


def test_staff_read_but_change_no_mirror(two: Two, conn: Conn, pool: Pool) -> None:
    with as_staff(pool, two.users[0]) as staff:
        assert len(staff.execute("select id from invoices").fetchall()) == 2
    with pytest.raises(DENIED), as_staff(pool, two.users[0]) as staff:
        staff.execute("update invoices set total = 0")


def test_two_people_on_one_connection_never_mix(two: Two, worker_database: str) -> None:
    """SB-03: 1,000 interleaved transactions of two people on a pool of one."""
    pool = open_pool(worker_database, name="one", max_size=1)
    pool.timeout = 60  # four threads queue for one connection; how long they may is not what is tested
    try:
        take_turns(pool, two, threads=4, each=250)
    finally:
        pool.close()


def test_two_people_behind_a_transaction_pooler_never_mix(
    two: Two, worker_database: str, tmp_path: Path
) -> None:
    """SB-03, R10: pgbouncer hands every transaction another client's connection."""
    with pgbouncer(worker_database, tmp_path) as url:
        pool = open_pool(url, name="behind-pgbouncer", max_size=4)
        try:
            take_turns(pool, two, threads=4, each=100)
            with pool.connection() as conn:
                left = conn.execute(
                    "select current_setting('role') as role,"
                    " current_setting('request.jwt.claims', true) as claims"
                ).fetchone()
            assert left in ({"role": "none", "claims": ""}, {"role": "none", "claims": None})
        finally:
            pool.close()


def test_the_doctor_knows_an_address_that_is_no_use_to_the_worker(
    worker_database: str, tmp_path: Path
) -> None:
    """R10: a worker says its schemas as it connects; behind a transaction pooler nobody hears that."""
    with pgbouncer(worker_database, tmp_path) as url:
        assert [finding.verdict for finding in doctor.queue_of(url)] == ["look"]
    assert list(doctor.queue_of(worker_database)) == []


def take_turns(pool: Pool, two: Two, *, threads: int, each: int) -> None:
    """Let both people read and write at once; collect every foreign row."""
    foreign: list[Any] = []
    failed: list[BaseException] = []

    def act(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(each):
                who = dice.randrange(2)
                if dice.random() < 0.2:
                    with as_web(pool, two.users[who]) as conn:
                        rows = conn.execute("select account_id from checkouts").fetchall()
                else:
                    with as_member(pool, two.users[who]) as conn:
                        rows = conn.execute("select account_id from invoices").fetchall()
                if [row["account_id"] for row in rows] != [two.accounts[who]]:
                    foreign.append((who, rows))
        except BaseException as error:  # noqa: BLE001 - a thread's failure belongs to the test
            failed.append(error)

    workers = [threading.Thread(target=act, args=(seed,)) for seed in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed, failed[:1]
    assert foreign == []


def digest(conn: Conn, two: Two) -> dict[str, str]:
    """A fingerprint of every row."""
    found = {}
    for table in two.tables:
        statement = sql.SQL("select md5(string_agg(t::text, '|' order by t::text)) as print from {} t")
        row = conn.execute(statement.format(identifier(table))).fetchone()
        found[table.name] = str(row["print"]) if row else ""
    return found


@contextmanager
def pgbouncer(database_url: str, folder: Path) -> Iterator[str]:
    """A pgbouncer in transaction mode with a single server connection, the stand-in for Supavisor's 6543."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        advice = "no pgbouncer here: apt-get install pgbouncer"
        if os.environ.get("CI") == "true":
            pytest.fail(advice)
        pytest.skip(advice)
    parts = urlsplit(database_url)
    asked = parse_qs(parts.query)
    host = asked.get("host", [parts.hostname or "127.0.0.1"])[0]
    server_port = asked.get("port", [parts.port or 5432])[0]
    port, name = free_port(), parts.path.lstrip("/")
    config = folder / "pgbouncer.ini"
    config.write_text(
        "[databases]\n"
        f"{name} = host={host} port={server_port} user={parts.username or 'postgres'}\n"
        "[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 50\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "ignore_startup_parameters = extra_float_digits,options\n"
    )
    command = [program, str(config)]
    if os.geteuid() == 0:
        # It refuses to run as root, and the server's socket lies in a folder of the server's user.
        owner = Path(host).stat() if host.startswith("/") else pwd.getpwnam("nobody")
        uid, gid = (owner.st_uid, owner.st_gid) if isinstance(owner, os.stat_result) else owner[2:4]
        for parent in (folder, *folder.parents[:3]):
            parent.chmod(parent.stat().st_mode | 0o055)
        command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *command]
    log = (folder / "pgbouncer.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"postgresql://{parts.username or 'postgres'}@127.0.0.1:{port}/{name}"
    try:
        until(lambda: answers(url), seconds=10, what=f"pgbouncer (log: {log.name})")
        yield url
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2, prepare_threshold=None) as conn:
            return conn.execute("select 1").fetchone() is not None
    except psycopg.OperationalError:
        return False
