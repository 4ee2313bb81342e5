"""What Zoho told us is applied once, in the right order, whatever arrives when (WH-08 to WH-11, INV-5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from portal import clock
from portal.db import transaction
from portal.mirror import rows
from portal.mirror.rows import Stamp
from portal.sync import apply, feed, housekeeping, inbox, reads, reconcile, refresh
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject
from portal.zoho import errors, lanes

if TYPE_CHECKING:
    from portal.services import Services
    from tests.harness.processes import Sandbox


def deliver(services: Services, subject: Subject, key: str, **more: Any) -> None:
    with transaction.as_web(services.pool) as conn:
        inbox.store(conn, Delivery(dedupe_key=key, subjects=[subject], event_type="test", **more))


def some_subscription(sandbox: Sandbox) -> Subject:
    return Subject("subscription", sandbox.state("subscriptions")[0]["subscription_id"])


def reads_of(sandbox: Sandbox, path: str) -> int:
    calls = sandbox.control("calls")["calls"]
    return sum(1 for call in calls if call["method"] == "GET" and path in call["path"])


def test_an_event_brings_its_object_and_what_hangs_together_with_it(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    subject = some_subscription(sandbox)
    deliver(services, subject, "e1")

    assert apply.apply(services, subject) is None

    row = conn.execute("select * from billing.inbox").fetchone()
    assert row["state"] == "applied"
    assert conn.execute("select count(*) n from billing.subscriptions").fetchone()["n"] == 1
    assert conn.execute("select count(*) n from billing.invoices").fetchone()["n"] >= 1
    assert conn.execute("select count(*) n from billing.customers").fetchone()["n"] == 1
    actions = {line["action"] for line in conn.execute("select action from billing.activity")}
    assert {"subscription:created", "invoice:created", "customer:created"} <= actions


def test_wh_08_a_thousand_replayed_deliveries_change_nothing_and_cost_one_read(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    subject = some_subscription(sandbox)
    refresh.refresh(services, *_pair(subject), source="webhook")
    before = conn.execute("select * from billing.subscriptions").fetchone()
    asked = reads_of(sandbox, subject.zoho_id)
    with transaction.as_web(services.pool) as tx:
        for number in range(1000):
            again = Delivery(
                dedupe_key=f"old-{number}", subjects=[subject], event_type="test", flags=["late"]
            )
            inbox.store(tx, again)

    apply.apply(services, subject)
    apply.apply(services, subject)

    assert reads_of(sandbox, subject.zoho_id) - asked == 1
    after = conn.execute("select * from billing.subscriptions").fetchone()
    stamps = ("synced_at", "read_started_at", "source")
    assert {k: v for k, v in after.items() if k not in stamps} == {
        k: v for k, v in before.items() if k not in stamps
    }
    states = conn.execute("select distinct state from billing.inbox").fetchall()
    assert [row["state"] for row in states] == ["applied"]


def test_wh_08_a_delivery_that_came_before_the_last_read_needs_no_other(
    services: Services, sandbox: Sandbox
) -> None:
    subject = some_subscription(sandbox)
    deliver(services, subject, "early")
    refresh.refresh(services, *_pair(subject), source="return")
    asked = reads_of(sandbox, subject.zoho_id)

    apply.apply(services, subject)

    assert reads_of(sandbox, subject.zoho_id) == asked


@pytest.mark.parametrize("step", ["_read_all", "_follow_notices"])
def test_job_04_a_connection_that_is_lost_halfway_holds_no_row(
    services: Services, sandbox: Sandbox, conn: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The job begins again in a second (worker.outlast); its rows would wait for minutes."""
    subject = some_subscription(sandbox)
    deliver(services, subject, "e1")
    work, killed = getattr(apply, step), []

    def lose(*given: Any) -> Any:
        if not killed:
            killed.append(step)
            with transaction.as_worker(services.pool) as tx:
                conn.execute("select pg_terminate_backend(%s, 5000)", [tx.info.backend_pid])
                tx.execute("select 1")
        return work(*given)

    monkeypatch.setattr(apply, step, lose)
    with pytest.raises(psycopg.OperationalError):
        apply.apply(services, subject)

    assert apply.apply(services, subject) is None
    row = conn.execute("select state, attempts from billing.inbox").fetchone()
    assert (row["state"], row["attempts"]) == ("applied", 1)


def test_late_in_a_day_of_many_calls_deliveries_are_gathered_api_03(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    """API-03: from 85 % of the day's calls on an object is read for deliveries every five minutes at most."""
    subject = some_subscription(sandbox)
    deliver(services, subject, "first")
    assert apply.apply(services, subject) is None
    asked = reads_of(sandbox, subject.zoho_id)
    spent = int(services.settings.zoho_calls_per_day * lanes.DAY_SLOW) + 1
    conn.execute("update billing.call_budget set day_calls = %s", [spent])

    for key in ("second", "third"):
        deliver(services, subject, key)
        again = apply.apply(services, subject)
        assert again is not None
    assert reads_of(sandbox, subject.zoho_id) == asked
    assert apply.now_due(services) == []

    with clock.replaced_by(partial(_same, again)):
        assert apply.apply(services, subject) is None
    assert reads_of(sandbox, subject.zoho_id) == asked + 1
    states = conn.execute("select distinct state from billing.inbox").fetchall()
    assert [row["state"] for row in states] == ["applied"]


def test_a_delivery_wants_a_read_even_if_its_receivers_clock_is_behind(
    services: Services, sandbox: Sandbox
) -> None:
    subject = some_subscription(sandbox)
    refresh.refresh(services, *_pair(subject), source="return")
    asked = reads_of(sandbox, subject.zoho_id)
    with clock.replaced_by(partial(_same, clock.now() - timedelta(hours=1))):
        deliver(services, subject, "behind")

    apply.apply(services, subject)

    assert reads_of(sandbox, subject.zoho_id) == asked + 1


def test_wh_09_a_slow_read_that_was_overtaken_does_not_write(services: Services, conn: Any) -> None:
    """R6: whoever began to read earlier never overwrites who began later."""
    now = clock.now()
    _write(services, "s1", status="cancelled", read=now, updated=None)
    slow = _write(services, "s1", status="live", read=now - timedelta(seconds=5), updated=None)

    assert slow.refused
    assert conn.execute("select status from billing.subscriptions").fetchone()["status"] == "cancelled"


@pytest.mark.parametrize("order", [("live", "cancelled"), ("cancelled", "live")])
def test_wh_09_two_changes_in_one_second_end_with_the_later_read(
    services: Services, conn: Any, order: tuple[str, str]
) -> None:
    now = clock.now()
    for number, status in enumerate(order):
        _write(services, "s1", status=status, read=now + timedelta(microseconds=number), updated=now)

    assert conn.execute("select status from billing.subscriptions").fetchone()["status"] == order[1]


def test_wh_09_an_older_version_of_zoho_never_replaces_a_newer_one(services: Services, conn: Any) -> None:
    """As long as its reads may lag behind; what is older even after that was stamped by a clock set back."""
    now, older = clock.now(), clock.now() - timedelta(seconds=1)
    _write(services, "s1", status="cancelled", read=now, updated=now)
    late = _write(services, "s1", status="live", read=now + rows.LONGEST_LAG, updated=older)
    kept = conn.execute("select status from billing.subscriptions").fetchone()["status"]
    later = now + rows.LONGEST_LAG + timedelta(seconds=1)
    believed = _write(services, "s1", status="live", read=later, updated=older)

    assert (late.refused, kept) == (True, "cancelled")
    assert believed.changed


def test_wh_09_an_older_look_does_not_take_away_what_a_newer_one_has_seen(services: Services) -> None:
    now = clock.now()
    _write(services, "s1", status="live", read=now, updated=now)
    with transaction.as_worker(services.pool) as conn:
        late = rows.mark_gone(conn, "subscriptions", "s1", Stamp("webhook", now - timedelta(seconds=1)))
        seen = rows.find_by_zoho_id(conn, "subscriptions", "s1")
        assert late.refused
        assert seen is not None
        assert seen["gone_at"] is None
        assert rows.mark_gone(conn, "subscriptions", "s1", Stamp("webhook", now)).changed


def test_wh_09_whoever_writes_a_new_object_second_knows_that_it_is_there(services: Services) -> None:
    """Two readers may overlap when a lease has run out; only one of them may tell of something new."""
    now = clock.now()
    row = {"zoho_id": "s1", "customer_zoho_id": "c1", "status": "live", "raw": {}}
    with ThreadPoolExecutor(1) as thread:
        with transaction.as_worker(services.pool) as conn:
            first = rows.upsert(conn, "subscriptions", row, Stamp("webhook", now))
            other = thread.submit(_write, services, "s1", status="live", read=now, updated=None)
            with pytest.raises(TimeoutError):
                other.result(timeout=0.3)
        second = other.result(timeout=20)
    assert (first.before is None, second.before is None) == (True, False)


def test_reconcile_then_an_older_event_undoes_nothing(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    subject = some_subscription(sandbox)
    deliver(services, subject, "older")
    reconcile.full(services)
    before = conn.execute("select * from billing.subscriptions order by id").fetchall()

    apply.apply(services, subject)

    after = conn.execute("select * from billing.subscriptions order by id").fetchall()
    assert [row["raw"] for row in after] == [row["raw"] for row in before]


def test_twenty_parallel_first_reads_make_one_row_and_one_line(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    subject = some_subscription(sandbox)

    with ThreadPoolExecutor(20) as threads:
        readers = [
            threads.submit(refresh.read, services, subject, source="webhook", patience=60) for _ in range(20)
        ]
        assert all(reader.result().model is not None for reader in readers)

    assert conn.execute("select count(*) n from billing.subscriptions").fetchone()["n"] == 1
    lines = conn.execute("select * from billing.activity where action = 'subscription:created'").fetchall()
    assert len(lines) == 1


def test_an_object_that_zoho_deleted_is_marked_and_stays_marked(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    now = clock.now()
    _write(services, "987654321", status="live", read=now, updated=now)

    refresh.refresh(services, "subscription", "987654321", source="webhook")

    row = conn.execute("select gone_at, status from billing.subscriptions").fetchone()
    assert row["gone_at"] is not None
    assert row["status"] == "live"


def test_only_one_reads_an_object_at_a_time(services: Services) -> None:
    subject = Subject("invoice", "1")
    with (
        reads.exclusive(services.pool, subject),
        pytest.raises(reads.Busy),
        reads.exclusive(services.pool, subject, patience=0),
    ):
        pass


def test_a_dead_readers_lease_ends_and_later_reads_count_as_later(services: Services, conn: Any) -> None:
    subject = Subject("invoice", "1")
    with reads.exclusive(services.pool, subject) as first, transaction.as_worker(services.pool) as tx:
        reads.settle(tx, first)
    conn.execute(
        "update billing.object_reads set holder = gen_random_uuid(), lease_until = now() - interval '1 s',"
        " last_read_at = now() + interval '1 hour'"
    )
    with reads.exclusive(services.pool, subject, patience=0) as second:
        assert second.last_read_at is not None
        assert second.began > second.last_read_at


def test_wh_11_a_poison_object_is_given_up_after_a_day_and_holds_up_nobody(
    services: Services, sandbox: Sandbox, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, healthy = Subject("invoice", "666"), some_subscription(sandbox)
    fetch = type(services.zoho).fetch_invoice

    def broken(client: Any, zoho_id: str) -> Any:
        if zoho_id == "666":
            raise errors.BadAnswer("a surprise")
        return fetch(client, zoho_id)

    monkeypatch.setattr(type(services.zoho), "fetch_invoice", broken)
    deliver(services, poison, "p")
    deliver(services, healthy, "h")
    begun = clock.now()
    tries: list[datetime] = []
    at: datetime | None = begun
    while at is not None and len(tries) < 30:
        tries.append(at)
        moment = at
        with clock.replaced_by(partial(_same, moment)):
            at = apply.apply(services, poison)
    apply.apply(services, healthy)

    rows_ = {row["dedupe_key"]: row for row in conn.execute("select * from billing.inbox")}
    assert rows_["p"]["state"] == "dead"
    assert rows_["p"]["attempts"] >= inbox.MIN_ATTEMPTS
    assert tries[-1] - begun >= timedelta(hours=24)
    assert "BadAnswer" in rows_["p"]["last_error"]
    assert rows_["h"]["state"] == "applied"


def test_an_outage_of_zoho_makes_no_dead_letters(
    services: Services, sandbox: Sandbox, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> Any:
        raise errors.Unreachable("down")

    monkeypatch.setattr(type(services.zoho), "fetch_subscription", down)
    subject = some_subscription(sandbox)
    deliver(services, subject, "x")
    at: datetime | None = clock.now()
    for _ in range(20):
        assert at is not None
        moment = at + timedelta(hours=3)
        with clock.replaced_by(partial(_same, moment)):
            at = apply.apply(services, subject)

    row = conn.execute("select state, attempts from billing.inbox").fetchone()
    assert (row["state"], row["attempts"]) == ("failed", 0)


def test_job_06_rows_without_a_job_are_found(services: Services, sandbox: Sandbox) -> None:
    subject = some_subscription(sandbox)
    deliver(services, subject, "lost")

    assert apply.now_due(services) == []
    later = clock.now() + inbox.GRACE
    with clock.replaced_by(partial(_same, later)):
        assert apply.now_due(services) == [subject]


def test_wh_14_events_that_never_arrived_are_pulled_and_applied(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    sandbox.advance(31)
    moment = datetime.fromisoformat(sandbox.control("clock")["now"])
    with clock.replaced_by(partial(_same, moment)):
        first = feed.pull(services)
        second = feed.pull(services)

    assert first.problem == second.problem == ""
    assert first.rows_written > 0 == second.rows_written
    states = {row["state"] for row in conn.execute("select state from billing.inbox where kind = 'pulled'")}
    assert states <= {"applied", "ignored"}


def _write(services: Services, zoho_id: str, *, status: str, read: datetime, updated: datetime | None) -> Any:
    row = {"zoho_id": zoho_id, "customer_zoho_id": "c1", "status": status, "raw": {"status": status}}
    with transaction.as_worker(services.pool) as conn:
        return rows.upsert(conn, "subscriptions", row, Stamp("webhook", read, updated))


def _pair(subject: Subject) -> tuple[str, str]:
    return subject.kind, subject.zoho_id


def _same(moment: datetime) -> datetime:
    return moment


@pytest.mark.parametrize(
    ("days", "state", "kept", "has_body"),
    [
        (89, "applied", True, True),
        (91, "applied", True, False),
        (91, "dead", True, False),
        (399, "applied", True, False),
        (401, "applied", False, False),
        (401, "pending", True, False),
    ],
)
def test_bodies_go_after_90_days_and_keys_after_400_log_06(
    services: Services, conn: Any, days: int, state: str, kept: bool, has_body: bool
) -> None:
    """LOG-06, WH-07: what is not finished keeps its key, whatever its age."""
    deliver(services, Subject("subscription", "1"), "old", body=b"{}")
    conn.execute(
        "update billing.inbox set received_at = %s, state = %s", [clock.now() - timedelta(days=days), state]
    )
    with transaction.as_worker(services.pool) as tx:
        housekeeping.prune(tx)
    rows_ = conn.execute("select body from billing.inbox").fetchall()
    assert [bool(row["body"]) for row in rows_] == ([has_body] if kept else [])
