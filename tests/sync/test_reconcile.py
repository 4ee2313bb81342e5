"""The full reconciliation against a real sandbox (CONV-07, INV-1)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from croniter import croniter

from portal import clock
from portal.db import transaction
from portal.jobs import schedule, tasks
from portal.sync import drift, feed, hot, reconcile, runs
from portal.sync.runs import Run

if TYPE_CHECKING:
    from portal.services import Services
    from tests.harness.processes import Sandbox

# Our columns and the words Zoho's own state has for them.
COMPARED = {
    "subscriptions": ("subscription_id", {"status": "status", "amount": "amount", "plan_code": "plan_code"}),
    "invoices": ("invoice_id", {"status": "status", "balance": "balance", "total": "total"}),
    "payments": ("payment_id", {"status": "status", "amount": "amount"}),
    "customers": ("customer_id", {"email": "email", "display_name": "display_name"}),
}


def differences(sandbox: Sandbox, conn: Any) -> list[str]:
    """Compare the mirror with what Zoho would remember, field by field."""
    found = []
    for table, (key, fields) in COMPARED.items():
        ours = {
            row["zoho_id"]: row
            for row in conn.execute(f"select * from billing.{table} where gone_at is null")
        }
        theirs = {row[key]: row for row in sandbox.state(table)}
        found += [f"{table} {one}" for one in ours.keys() ^ theirs.keys()]
        for one in ours.keys() & theirs.keys():
            for column, word in fields.items():
                told = theirs[one].get(word, theirs[one].get("plan", {}).get(word))
                mine = ours[one][column]
                same = mine == Decimal(str(told)) if isinstance(mine, Decimal) else mine == told
                found += [] if same else [f"{table} {one} {column}: {mine!r} is not {told!r}"]
    return found


def test_first_pass_brings_everything_and_the_second_writes_nothing(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    first = reconcile.full(services)
    second = reconcile.full(services)

    assert first.problem == second.problem == ""
    assert (second.rows_written, second.drift_found) == (0, 0)
    assert differences(sandbox, conn) == []


def test_a_level_mirror_costs_list_calls_only_and_a_difference_one_call_more(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    """design.md 8: ceil(n/200) calls a list, and one detail call for each object that differs."""
    reconcile.full(services)
    read = "select endpoint from billing.zoho_calls where endpoint like '%%{%%' and id > %s"
    last = conn.execute("select max(id) as id from billing.zoho_calls").fetchone()["id"]

    level = reconcile.full(services)
    assert conn.execute(read, [last]).fetchall() == []
    listed = "select count(*) n from billing.zoho_calls where endpoint = %s and id > %s"
    for endpoint in ("/customers", "/subscriptions", "/invoices", "/payments", "/creditnotes"):
        assert conn.execute(listed, [endpoint, last]).fetchone()["n"] == 1, endpoint

    conn.execute("update billing.invoices set balance = balance + 1")
    wrong = conn.execute("select count(*) n from billing.invoices").fetchone()["n"]
    last = conn.execute("select max(id) as id from billing.zoho_calls").fetchone()["id"]
    repair = reconcile.full(services)
    assert [row["endpoint"] for row in conn.execute(read, [last])] == ["/invoices/{id}"] * wrong
    assert repair.calls == level.calls + wrong


def test_months_without_a_single_webhook_are_made_good_in_one_pass(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    reconcile.full(services)
    sandbox.advance(95)
    assert differences(sandbox, conn) != []

    run = reconcile.full(services)

    assert differences(sandbox, conn) == []
    assert reconcile.full(services).rows_written == 0
    kinds = {
        row["kind"] for row in conn.execute("select kind from billing.drift where run_id = %s", [run.id])
    }
    assert {"differs", "missing_here"} <= kinds


def test_an_hour_without_webhooks_is_made_good_by_the_next_scheduled_look_wh_14(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    """WH-14: every webhook of the hour is lost; what the worker does within 20 minutes brings all level."""
    reconcile.full(services)
    sandbox.faults(webhooks={"drop": 1.0})
    sandbox.advance(3)  # days of renewals and declines, all within that hour
    assert differences(sandbox, conn)

    moment = datetime.fromisoformat(sandbox.control("clock")["now"])
    with clock.replaced_by(lambda: moment):
        assert feed.pull(services).problem == ""
        hot.hot(services)  # what becomes overdue has no event
    assert differences(sandbox, conn) == []

    cron = next(line for line, task in schedule.SCHEDULE if task is tasks.pull_events)
    clockwork = croniter(cron, 0.0)
    ticks = [clockwork.get_next(float) for _ in range(8)]
    assert max(later - earlier for earlier, later in pairwise(ticks)) <= 15 * 60


def test_what_is_over_makes_no_row_hot(services: Services, conn: Any) -> None:
    """API-01: each subscription that ever had a trial would be read four times a day, for ever."""
    reconcile.full(services)
    conn.execute("update billing.invoices set read_started_at = now()")
    calm = conn.execute(
        "update billing.subscriptions set read_started_at = now() - interval '7 hours',"
        " trial_ends_on = now()::date - 90, resume_on = now()::date - 60 where status = 'live' returning id"
    ).fetchall()

    assert calm
    assert hot.hot(services).rows_read == 0

    conn.execute("update billing.subscriptions set status = 'trial' where id = %s", [calm[0]["id"]])
    assert hot.hot(services).rows_read == 1


def test_a_damaged_row_becomes_typed_drift_and_is_repaired(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    reconcile.full(services)
    conn.execute("update billing.invoices set balance = balance + 1, status = 'overdue'")
    conn.execute("delete from billing.drift")

    reconcile.full(services)

    found = conn.execute(
        "select * from billing.drift where object_kind = 'invoice' and field = 'status'"
    ).fetchall()
    assert {row["ours"] for row in found} == {"overdue"}
    assert all(row["repaired_at"] and row["likely_cause"] and row["theirs"] for row in found)
    assert differences(sandbox, conn) == []


def test_an_object_that_zoho_no_longer_has_is_marked_not_removed(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    reconcile.full(services)
    invent(conn, 1)

    reconcile.full(services)

    row = conn.execute("select gone_at from billing.invoices where zoho_id like 'ghost%'").fetchone()
    assert row["gone_at"] is not None
    told = conn.execute("select * from billing.drift where kind = 'missing_there'").fetchall()
    assert [line["object_zoho_id"] for line in told] == ["ghost1"]


def test_many_leavers_at_once_stop_the_run_and_nothing_is_marked(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    reconcile.full(services)
    invent(conn, 60)

    refused = reconcile.full(services)

    assert "nothing was marked as gone" in refused.problem
    gone = conn.execute("select count(*) n from billing.invoices where gone_at is not null").fetchone()
    assert gone["n"] == 0
    told = conn.execute("select count(*) n from billing.drift").fetchone()
    reconcile.full(services)
    # the same leavers are no news on the next night
    assert conn.execute("select count(*) n from billing.drift").fetchone() == told
    accepted = reconcile.full(services, options={"accept_deletions": True})
    assert accepted.problem == ""
    assert differences(sandbox, conn) == []


def test_a_stopped_run_is_continued_where_it_was(services: Services, sandbox: Sandbox, conn: Any) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6

    first = reconcile.full(services, stop=stop)
    second = reconcile.full(services)

    assert second.id == first.id
    assert second.problem == ""
    assert differences(sandbox, conn) == []


@pytest.mark.parametrize("way", [KeyboardInterrupt, SystemExit])
def test_a_command_that_somebody_ends_is_gone_on_with_at_once(
    services: Services, way: type[BaseException]
) -> None:
    """Ctrl-C or SIGTERM left the run to be silent for minutes before anybody could take it."""

    def end(run: Run) -> None:
        if run.progress["what"] == "customers":
            raise way

    with pytest.raises(way):
        reconcile.full(services, report=end)
    again = reconcile.full(services, options={"thorough": True, "accept_deletions": False})
    assert again.problem == ""
    assert again.calls > 6, "what the first had done is counted"
    assert again.cursor["thorough"] is True, "it goes on as the one who goes on wants it"
    assert "accept_deletions" not in again.cursor


def test_two_runs_of_a_kind_do_not_run_together(services: Services) -> None:
    with transaction.as_worker(services.pool) as conn:
        runs.begin(conn, "full")
    with pytest.raises(runs.UnderWay):
        reconcile.full(services)


def test_the_first_copy_of_a_company_is_no_drift(services: Services, sandbox: Sandbox, conn: Any) -> None:
    first = reconcile.full(services)
    assert first.rows_written > 0
    assert first.drift_found == conn.execute("select count(*) n from billing.drift").fetchone()["n"] == 0


def test_drift_is_acknowledged_once(services: Services, sandbox: Sandbox, conn: Any) -> None:
    reconcile.full(services)
    conn.execute("update billing.invoices set status = 'overdue'")
    reconcile.full(services)
    conn.execute(
        "insert into billing.users (id, issuer, email) values (gen_random_uuid(), 'i', 's@example.com')"
    )
    user = conn.execute("select id from billing.users").fetchone()["id"]
    conn.execute("update billing.drift set repaired_at = null")
    found = conn.execute("select id from billing.drift limit 1").fetchone()["id"]
    with transaction.as_staff(services.pool, user) as tx:
        assert drift.acknowledge(tx, found, user)
        assert not drift.acknowledge(tx, found, user)


def invent(conn: Any, number: int) -> None:
    conn.execute(
        "insert into billing.invoices"
        " (zoho_id, customer_zoho_id, status, synced_at, source, read_started_at)"
        " select 'ghost' || n, 'c', 'sent', now(), 'webhook', now() - interval '1 hour'"
        " from generate_series(1, %s) n",
        [number],
    )
