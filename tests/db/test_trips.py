"""Several statements in one round trip: as safe as one by one, and really one (docs/decisions/0080)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from portal.config import Settings
from portal.db import transaction
from portal.db.transaction import Pool
from portal.mirror import rows
from portal.mirror.rows import Stamp, find_by_zoho_id
from portal.zoho.budget import Budget, Made

EARLY, MIDDLE, LATE = (datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (6, 9, 12))
WHO = "select current_user as name, current_setting('request.jwt.claims') as claims"
ADD = "insert into billing.object_reads (kind, zoho_id) values ('plan', %(zoho_id)s)"
ADDED = "select zoho_id from billing.object_reads order by zoho_id"


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever psycopg waits for the server (a commit without a transaction does not)."""
    counted: list[int] = []
    wait = psycopg.Connection.wait

    def counting(self: psycopg.Connection[Any], gen: Any, *args: Any, **kwargs: Any) -> Any:
        if gen.__name__ != "_commit_gen" or self.info.transaction_status != TransactionStatus.IDLE:
            counted.append(1)
        return wait(self, gen, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "wait", counting)
    # The pool's look at a connection that was idle for long is not what is counted here.
    monkeypatch.setattr(ConnectionPool, "check_connection", lambda _conn: None)
    return counted


def test_a_transaction_of_one_statement_is_one_round_trip(pool: Pool, trips: list[int]) -> None:
    found = transaction.worker_does(pool, WHO, {})

    assert found == [{"name": "portal_worker", "claims": '{"role": "portal_worker"}'}]
    assert len(trips) == 1


def test_beginning_and_taking_the_role_is_one_round_trip(pool: Pool, trips: list[int]) -> None:
    person = uuid4()
    with transaction.as_member(pool, person) as conn:
        who = conn.execute(WHO).fetchone()

    assert who is not None
    assert (who["name"], str(person) in who["claims"]) == ("authenticated", True)
    assert len(trips) == 3  # begin and role, the statement, commit


def test_sb_03_nothing_of_the_identity_stays_on_the_connection(pool: Pool) -> None:
    transaction.worker_does(pool, WHO, {})
    with transaction.worker_asks(pool, WHO, {}) as (_, found):
        assert found[0][0]["name"] == "portal_worker"

    with transaction.alone(pool) as conn:
        left = conn.execute(WHO.replace("claims')", "claims', true)")).fetchone()
    assert left is not None
    assert (left["name"], left["claims"] or "") == ("postgres", "")


def test_one_statement_that_fails_undoes_those_before_it(pool: Pool, conn: Any) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        transaction.worker_does(pool, f"{ADD}; {ADD}", {"zoho_id": "1"})

    def break_off() -> None:
        with transaction.as_worker(pool) as worker:
            worker.execute(ADD, {"zoho_id": "2"})
            transaction.commit_with(worker, f"{ADD}; {ADD}", {"zoho_id": "3"})

    with pytest.raises(psycopg.errors.UniqueViolation):
        break_off()
    assert conn.execute(ADDED).fetchall() == []


def test_what_is_committed_with_the_last_statement_stays(pool: Pool, conn: Any) -> None:
    with transaction.as_worker(pool) as worker:
        worker.execute(ADD, {"zoho_id": "1"})
        transaction.commit_with(worker, ADD, {"zoho_id": "2"})
        assert [row["zoho_id"] for row in conn.execute(ADDED)] == ["1", "2"]


def test_a_lost_connection_is_told_even_when_nothing_more_is_asked(pool: Pool, conn: Any) -> None:
    """Whoever swallows the loss inside the block must not go on as if it had been committed."""

    def go_on() -> None:
        with transaction.as_worker(pool) as worker:
            worker.execute(ADD, {"zoho_id": "1"})
            conn.execute("select pg_terminate_backend(%s, 5000)", [worker.info.backend_pid])
            with suppress(psycopg.OperationalError):
                worker.execute("select 1")

    with pytest.raises(psycopg.OperationalError, match="the connection is"):
        go_on()
    assert conn.execute(ADDED).fetchall() == []


def test_inv_5_what_follows_a_lock_sees_what_its_holder_committed(pool: Pool) -> None:
    """The statements of one trip have a view of the data each, taken when it is their turn."""
    lock = "select pg_advisory_xact_lock(hashtextextended('plans:7', 0))"
    is_held, seen = Event(), list[Any]()

    def wait_and_look() -> None:
        is_held.wait(10)
        with transaction.worker_asks(pool, f"{lock}; {ADDED}", {}) as (_, found):
            seen.extend(row["zoho_id"] for row in found[1])

    with waiting(wait_and_look), transaction.as_worker(pool) as first:
        first.execute(lock)
        is_held.set()
        wait_until_queued(first)
        first.execute(ADD, {"zoho_id": "7"})

    assert seen == ["7"]


def test_api_01_a_call_costs_four_round_trips_of_permission(
    pool: Pool, trips: list[int], settings_env: dict[str, str]
) -> None:
    settings = Settings.model_validate({name.lower(): value for name, value in settings_env.items()})
    budget = Budget(settings, pool)
    made = Made("GET", "/plans", 5, "ok", 200)
    budget.leave(budget.enter("interactive", writes=False, patience=1), made)
    trips.clear()
    budget.leave(budget.enter("interactive", writes=False, patience=1), made)

    assert len(trips) == 4


def test_rows_of_a_table_are_asked_for_by_their_own_name(pool: Pool, conn: Any) -> None:
    """The statements are kept by table; one must never answer for another."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    conn.execute(
        "insert into products (zoho_id, name, raw, synced_at, source, read_started_at)"
        " values ('9', 'Team', '{}', %(now)s, 'test', %(now)s)",
        {"now": now},
    )
    with transaction.as_worker(pool) as worker:
        assert find_by_zoho_id(worker, "plans", "9") is None
        found = find_by_zoho_id(worker, "products", "9")
    assert found is not None
    assert found["name"] == "Team"


def test_a_list_that_says_nothing_new_is_two_round_trips_however_long(
    pool: Pool, conn: Any, trips: list[int]
) -> None:
    """The catalogue is read every quarter of an hour and hardly ever differs."""
    listed = [product(number, read=EARLY) for number in range(60)]
    with transaction.as_worker(pool) as worker:
        assert len(rows.upsert_list(worker, "products", listed)) == 60
    later = [product(number, read=LATE) for number in range(60)]
    with transaction.as_worker(pool) as worker:
        trips.clear()
        assert rows.upsert_list(worker, "products", later) == []
        assert len(trips) == 2

    reads = conn.execute("select distinct read_started_at from products").fetchall()
    assert [row["read_started_at"] for row in reads] == [LATE]


def test_inv_5_of_a_list_only_what_is_newer_is_written(pool: Pool, conn: Any) -> None:
    with transaction.as_worker(pool) as worker:
        rows.upsert_list(worker, "products", [product(1, read=EARLY), product(2, read=LATE)])
        rows.mark_gone(worker, "products", "1", Stamp("reconcile", EARLY))
        listed = [product(1, read=MIDDLE), product(2, "Older", read=MIDDLE), product(3, read=MIDDLE)]
        first, second, third = rows.upsert_list(worker, "products", listed)

    assert (first.changed, first.fields) == (True, {"gone_at"})
    assert (second.changed, second.refused) == (False, True)
    assert (third.changed, third.before) == (True, None)
    kept = conn.execute("select name, read_started_at from products order by zoho_id").fetchall()
    assert [tuple(row.values()) for row in kept] == [("Team", MIDDLE), ("Team", LATE), ("Team", MIDDLE)]


def product(number: int, name: str = "Team", *, read: datetime) -> tuple[rows.Row, Stamp]:
    """A row and its stamp, as the list of products gives them."""
    return {"zoho_id": str(number), "name": name, "raw": {"name": name}}, Stamp("reconcile", read)


@contextmanager
def waiting(does: Any) -> Iterator[None]:
    thread = Thread(target=does)
    thread.start()
    try:
        yield
    finally:
        thread.join(20)


def wait_until_queued(conn: transaction.Conn) -> None:
    """Until somebody else waits for a lock that this connection holds."""
    queued = "select from pg_locks where locktype = 'advisory' and not granted"
    for _ in range(1000):
        if conn.execute(queued).fetchone() is not None:
            return
        conn.execute("select pg_sleep(0.01)")
    pytest.fail("nobody queued for the lock")
