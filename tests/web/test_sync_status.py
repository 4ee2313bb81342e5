"""The staff's pages about the synchronisation: what they say, who may see them, what they start."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from portal import clock
from portal.admin import drift as drift_pages
from portal.db import transaction
from portal.sync import drift, inbox, refresh, repair, runs, status
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject
from portal.web.paging import Cursor
from portal.zoho.errors import BreakerOpen
from tests.harness.people import sign_in, wear

if TYPE_CHECKING:
    from flask import Flask

    from tests.visitor import Visitor

PAGES = (
    "/admin",
    "/admin/events",
    "/admin/drift",
    "/admin/drift?standing=all",
    "/admin/runs",
    "/admin/customers",
    "/admin/mail",
)


@pytest.fixture
def staff(app: Flask, visitor: Visitor) -> Visitor:
    return wear(visitor, sign_in(app, "staff@example.com", is_staff=True))


def fill(app: Flask, conn: Any) -> None:
    """One of everything, with text that wants to be markup."""
    pool = app.extensions["services"].pool
    with transaction.as_web(pool) as tx:
        body = b'{"event_id":"77","note":"<img src=x onerror=alert(1)>"}'
        told = Delivery("k", event_id="77", event_type="x<b>", subjects=[Subject("invoice", "9")], body=body)
        inbox.store(tx, told)
    with transaction.as_worker(pool) as tx:
        run = runs.begin(tx, "full")
    conn.execute(
        "insert into billing.drift (run_id, kind, object_kind, object_zoho_id, field, ours, theirs)"
        " values (%s, 'differs', 'invoice', '9', 'status', '<i>', 'paid')",
        [run.id],
    )
    conn.execute(
        "insert into billing.customers (zoho_id, display_name, synced_at, source, read_started_at)"
        " values ('c1', '<script>alert(1)</script>', now(), 'webhook', now())"
    )
    conn.execute(
        "insert into billing.subscriptions (zoho_id, customer_zoho_id, status, plan_name, synced_at, source,"
        " read_started_at) values ('s1', 'c1', 'live', 'Team', now(), 'webhook', now())"
    )
    conn.execute(
        "insert into billing.outbox (template, entity, cause, recipient)"
        " values ('receipt', 'payment:1', 'received', 'ada@example.com')"
    )


@pytest.mark.parametrize("path", PAGES)
def test_pages_stand_empty_and_full(app: Flask, staff: Visitor, conn: Any, path: str) -> None:
    staff.get(path)
    fill(app, conn)
    soup = staff.get(path).soup
    assert soup.find("img", src="x") is None
    assert not [tag for tag in soup.find_all("script") if "alert" in tag.get_text()]


def test_each_object_has_its_page(app: Flask, staff: Visitor, conn: Any) -> None:
    fill(app, conn)
    for table, address in (
        ("inbox", "/admin/events/{}"),
        ("sync_runs", "/admin/runs/{}"),
        ("customers", "/admin/customers/{}"),
    ):
        row = conn.execute(f"select id from billing.{table}").fetchone()
        assert staff.get(address.format(row["id"])).soup.find("img", src="x") is None


def test_the_verdict_names_the_worst_news(staff: Visitor, conn: Any) -> None:
    assert "The worker is not running" in staff.get("/admin").text
    conn.execute("insert into jobs.procrastinate_workers default values")
    assert "Nothing was compared with Zoho yet" in staff.get("/admin").text
    conn.execute("insert into billing.sync_runs (kind, state, finished_at) values ('full', 'done', now())")
    assert "In sync." in staff.get("/admin").text
    old = clock.now() - timedelta(hours=1)
    conn.execute(
        "insert into billing.inbox (dedupe_key, kind, state, received_at, object_kind) values"
        " ('late', 'webhook', 'failed', %s, 'invoice')",
        [old],
    )
    assert "Behind" in staff.get("/admin").text


def test_the_figures_of_the_inbox_are_those_of_its_rows(app: Flask, conn: Any) -> None:
    now = clock.now()
    for place, (state, minutes, took, flags) in enumerate(
        [
            ("pending", 3, None, []),
            ("failed", 7, None, ["previous_secret"]),
            ("applying", 5, None, []),
            ("applied", 60, 4, ["late"]),
            ("applied", 3000, 90, ["previous_secret"]),
        ]
    ):
        at = now - timedelta(minutes=minutes)
        done = None if took is None else at + timedelta(seconds=took)
        conn.execute(
            "insert into billing.inbox (dedupe_key, kind, state, received_at, applied_at, flags)"
            " values (%s, 'webhook', %s, %s, %s, %s)",
            [place, state, at, done, flags],
        )
    with transaction.as_staff(app.extensions["services"].pool, uuid4()) as tx:
        figures = status.read_figures(tx)
    assert figures["oldest_waiting"] == now - timedelta(minutes=7)
    assert (figures["lag_p95_s"], figures["old_secret"]) == (4.0, 1)
    assert figures["inbox"] == {"pending": 1, "failed": 1, "applying": 1, "applied": 1}


def test_an_event_is_applied_again(app: Flask, staff: Visitor, conn: Any) -> None:
    fill(app, conn)
    conn.execute("update billing.inbox set state = 'dead', attempts = 9")
    event = conn.execute("select id from billing.inbox").fetchone()["id"]
    staff.get(f"/admin/events/{event}")

    staff.submit(action="replay")

    row = conn.execute("select state, attempts from billing.inbox").fetchone()
    assert (row["state"], row["attempts"]) == ("pending", 0)
    job = conn.execute("select * from jobs.procrastinate_jobs").fetchone()
    assert job["lock"] == "zoho:invoice:9"
    line = conn.execute("select * from billing.activity where action = 'event:replay'").fetchone()
    assert line["actor_kind"] == "staff"


def test_a_comparison_is_asked_for_once(staff: Visitor, conn: Any) -> None:
    staff.get("/admin")
    asked = staff.submit(action="runs")
    assert asked.shows("waiting for the worker".capitalize())

    staff.get("/admin/runs")
    again = staff.submit(action="runs")

    assert "/admin/runs" in again.url
    assert conn.execute("select count(*) n from billing.sync_runs").fetchone()["n"] == 1
    jobs = conn.execute("select task_name from jobs.procrastinate_jobs").fetchall()
    assert [job["task_name"] for job in jobs] == ["compare_all"]


def test_a_difference_is_repaired_or_left(app: Flask, staff: Visitor, conn: Any) -> None:
    fill(app, conn)
    staff.get("/admin/drift")
    staff.submit(action="repair")
    jobs = conn.execute("select task_name, args from jobs.procrastinate_jobs").fetchall()
    assert [(job["task_name"], job["args"]) for job in jobs] == [
        ("read_again", {"kind": "invoice", "zoho_id": "9"})
    ]

    staff.get("/admin/drift")
    left = staff.submit(action="acknowledgement")
    assert left.shows("Nothing differs that was not repaired.")


def differ(conn: Any, zoho_id: str, *fields: str, run: UUID, at: datetime) -> None:
    for field in fields:
        conn.execute(
            "insert into billing.drift"
            " (run_id, kind, object_kind, object_zoho_id, field, ours, theirs, found_at)"
            " values (%s, 'differs', 'invoice', %s, %s, 'a', 'b', %s)",
            [run, zoho_id, field, at],
        )


def test_one_object_with_many_differing_fields_is_one_finding_with_one_act(
    app: Flask, staff: Visitor, conn: Any
) -> None:
    with transaction.as_worker(app.extensions["services"].pool) as tx:
        run, later = runs.begin(tx, "full").id, runs.begin(tx, "hot").id
    now = clock.now()
    differ(conn, "7", "status", "balance", "due_date", run=run, at=now)
    differ(conn, "7", "number", run=later, at=now + timedelta(seconds=1))

    shown = staff.get("/admin/drift").soup.find_all("section", class_="panel")
    fields = [[str(row.th.string) for row in panel.tbody.find_all("tr")] for panel in shown]
    assert fields == [["number"], ["balance", "due date", "status"]]
    staff.submit(action=str(shown[1].find_all("form")[1]["action"]))

    left = conn.execute("select field from billing.drift where acknowledged_at is null").fetchall()
    assert [row["field"] for row in left] == ["number"]


def test_no_finding_is_torn_by_the_edge_of_a_page(app: Flask, staff: Visitor, conn: Any) -> None:
    with transaction.as_worker(app.extensions["services"].pool) as tx:
        run = runs.begin(tx, "full").id
    for n in range(drift_pages.PAGE_SIZE + 5):
        fields = [f"field {i}" for i in range(drift.MOST_FIELDS if n % 2 else 1)]
        differ(conn, f"object{n:02}", *fields, run=run, at=clock.now() - timedelta(minutes=n))

    def objects() -> list[str]:
        assert staff.last
        panels = staff.last.soup.find_all("section", class_="panel")
        whole = {1, drift.MOST_FIELDS}
        assert {len(panel.tbody.find_all("tr")) for panel in panels} <= whole
        return [str(panel.h2.bdi.string) for panel in panels]

    staff.get("/admin/drift")
    first = objects()
    staff.click("Next page")
    second = objects()
    staff.click("Previous page")

    assert first + second == [f"object{n:02}" for n in range(drift_pages.PAGE_SIZE + 5)]
    assert objects() == first


LISTED = {
    "/admin/events": "insert into billing.inbox (dedupe_key, kind, event_type, received_at)"
    " select n, 'webhook', 'row ' || n, %(at)s - n / 10 * interval '1 minute' from generate_series(1, 60) n",
    "/admin/runs": "insert into billing.sync_runs (kind, state, calls, started_at)"
    " select 'hot', 'done', 100 + n, %(at)s - n / 10 * interval '1 minute' from generate_series(1, 60) n",
    "/admin/mail": "insert into billing.outbox (template, entity, cause, recipient, state, created_at)"
    " select 'receipt', n, n, 'row ' || n, 'sent', %(at)s - n / 10 * interval '1 minute'"
    " from generate_series(1, 60) n",
    "/admin/customers?q=row": "insert into billing.customers"
    " (zoho_id, display_name, source, read_started_at, synced_at)"
    " select n, 'row ' || n, 'webhook', now(), %(at)s - n / 10 * interval '1 minute'"
    " from generate_series(1, 60) n",
}


@pytest.mark.parametrize("path", LISTED)
def test_every_row_of_a_list_is_on_one_page(staff: Visitor, conn: Any, path: str) -> None:
    """Also those of one moment; a list of staff goes back as far as there are rows."""
    conn.execute(LISTED[path], {"at": clock.now()})

    def rows() -> list[str]:
        assert staff.last
        return [line.get_text(" ", strip=True) for line in staff.last.soup.tbody.find_all("tr")]

    staff.get(path)
    pages = [rows()]
    for _ in range(2):
        staff.click("Next page")
        pages.append(rows())
    assert [len(page) for page in pages] == [25, 25, 10]
    assert len({row for page in pages for row in page}) == 60
    staff.click("Previous page")
    assert rows() == pages[1]


@pytest.mark.parametrize(
    "path", ["/admin/events", "/admin/drift", "/admin/runs", "/admin/mail", "/admin/customers"]
)
def test_a_made_up_page_is_refused_in_words(staff: Visitor, path: str) -> None:
    """INP-01"""
    for value in ("x", "", "infinity"):
        cursor = Cursor("after", value, uuid4())
        assert staff.get(f"{path}?page={cursor}", status=422).shows("Start again from the list.")


def test_a_customer_is_read_again(app: Flask, staff: Visitor, conn: Any) -> None:
    fill(app, conn)
    row = conn.execute("select id from billing.customers").fetchone()
    staff.get(f"/admin/customers/{row['id']}")
    staff.submit(action="refresh")
    jobs = conn.execute("select args from jobs.procrastinate_jobs").fetchall()
    assert [job["args"] for job in jobs] == [{"kind": "customer", "zoho_id": "c1"}]


def test_what_could_not_be_read_again_says_so(
    app: Flask, staff: Visitor, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pressed the button waits for something; that Zoho was away stands where they look."""

    def away(*_: Any, **__: Any) -> None:
        raise BreakerOpen

    fill(app, conn)
    customer = f"/admin/customers/{conn.execute('select id from billing.customers').fetchone()['id']}"
    assert not staff.get(customer).shows("could not be read")
    monkeypatch.setattr(refresh, "read", away)
    for subject in (Subject("customer", "c1"), Subject("invoice", "9")):
        repair.because_asked(app.extensions["services"], subject)

    assert staff.get(customer).shows("Zoho Billing is not answering at the moment.")
    assert staff.get("/admin/drift").shows("It did not work: Zoho Billing is not answering")

    conn.execute("update billing.customers set synced_at = now() + interval '1 second'")
    assert not staff.get(customer).shows("could not be read")


def test_a_large_copy_is_told_by_an_estimate_that_says_so(
    staff: Visitor, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """design.md 8, look.md: the page of the sync does not count a hundred thousand rows at each look."""
    conn.execute(
        "insert into billing.customers (zoho_id, display_name, synced_at, source, read_started_at)"
        " select n, n, now(), 'webhook', now() from generate_series(1, 149) n"
    )
    conn.execute("analyze billing.customers")
    page = staff.get("/admin")
    assert page.shows("149")
    assert not page.shows("about")
    monkeypatch.setattr(status, "COUNTED", 140)
    assert staff.get("/admin").shows("about 100")


def test_customers_and_visitors_see_no_staff_page(app: Flask, visitor: Visitor) -> None:
    wear(visitor, sign_in(app, "ada@example.com"))
    for path in PAGES:
        visitor.get(path, status=404)
