"""What a page may cost, whatever the machine: round trips to the database, bytes of a first view, requests.

How long pages take at full size is measured by `make bench`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import Cursor

from portal.db.transaction import as_staff
from portal.sync import staff_lists
from portal.sync.staff_lists import Place
from tests.harness import people
from tests.visitor import Visitor

if TYPE_CHECKING:
    from flask import Flask

    from portal.db.transaction import Pool
    from tests.harness.worlds import Member, World

PACKED = {"Accept-Encoding": "gzip"}
MOST_ROUND_TRIPS = 5
MOST_BYTES, MOST_BYTES_WITH_SCRIPT = 14_000, 40_000

OWN = (
    *("/", "/plans", "/subscriptions", "/subscriptions/{s}", "/subscriptions/{s}/plan-change"),
    *("/subscriptions/{s}/cancellation", "/subscriptions/{s}/payment-method"),
    *("/invoices", "/invoices?status=open&q=INV&sort=due", "/invoices/{i}", "/invoices/{i}/payment"),
    *("/payment-methods", "/payment-methods/{m}/removal", "/account", "/account/billing-details"),
    *("/account/members", "/account/history", "/account/profile", "/account/sessions", "/invitations"),
)
STAFF = (
    *("/admin", "/admin/events", "/admin/events/{e}", "/admin/drift", "/admin/customers", "/admin/runs"),
    *("/admin/events?q=4242", "/admin/customers?q=love", "/admin/people?q=ada"),
    *("/admin/customers/{c}", "/admin/runs/{r}", "/admin/mail", "/admin/people", "/admin/people/{p}"),
    "/admin/zoho-connection",
)
TRACES = """
insert into billing.inbox (dedupe_key, kind, event_type, object_kind, object_zoho_id)
select 'k' || n, 'webhook', 'subscription_renewed', 'subscription', n::text from generate_series(1, 60) n;
insert into billing.drift (kind, object_kind, object_zoho_id, field, ours, theirs)
select 'differs', 'invoice', n::text, 'balance', n::text, '0' from generate_series(1, 60) n;
insert into billing.outbox (template, entity, cause, recipient)
select 'receipt', n::text, 'paid', n || '@example.com' from generate_series(1, 60) n;
insert into billing.activity (actor_kind, actor_id, account_id, action, object_kind, object_id)
select 'user', m.user_id, m.account_id, 'cancel:done', 'subscription', s.zoho_id
from billing.members m join billing.subscriptions s on s.account_id = m.account_id, generate_series(1, 60);
insert into billing.sync_runs (kind, state, started_at, finished_at)
select 'hot', 'done', now() - n * interval '1 hour', now() from generate_series(1, 60) n;
"""
IDS = """
select (select id from billing.subscriptions limit 1) as s,
  (select id from billing.invoices where balance > 0 limit 1) as i,
  (select id from billing.payment_methods limit 1) as m, (select id from billing.inbox limit 1) as e,
  (select id from billing.customers limit 1) as c, (select id from billing.sync_runs limit 1) as r,
  (select id from billing.users limit 1) as p
"""


@pytest.fixture
def ids(world: World) -> dict[str, Any]:
    """A company of fifty invoices, and staff's lists full to the end of their first page."""
    ada = world.member()
    world.customer(ada)
    card = world.method(ada)
    row = world.subscription(ada, payment_method_zoho_id=card["zoho_id"])
    for n in range(50):
        dated = world.in_days(-30 * n)
        world.invoice(ada, balance=0 if n else 9, invoice_date=dated, subscription_zoho_ids=[row["zoho_id"]])
    world.conn.execute(TRACES)
    found = world.conn.execute(IDS).fetchone()
    assert found
    return {**found, "ada": ada}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the database."""
    told: list[str] = []
    original = Cursor.execute

    def note(self: Any, query: Any, params: Any = None, **named: Any) -> Any:
        if query:  # the pool's own question whether a connection lives is an empty one
            told.append(str(query)[:60])
        return original(self, query, params, **named)

    monkeypatch.setattr(Cursor, "execute", note)
    return told


def keep_to_budget(visitor: Visitor, path: str, statements: list[str]) -> None:
    statements.clear()
    page = visitor.raw("GET", path, headers=PACKED)
    assert page.status_code == 200, path
    assert len(statements) <= MOST_ROUND_TRIPS, (path, statements)

    html = gzip.decompress(page.data).decode()
    others = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
    weights = {address: len(visitor.raw("GET", address, headers=PACKED).data) for address in others}
    style = sum(size for address, size in weights.items() if address.endswith(".css"))
    assert len(others) == 2, f"{path}: nothing but one style sheet and one script: {others}"
    assert len(page.data) + style <= MOST_BYTES, path
    assert len(page.data) + sum(weights.values()) <= MOST_BYTES_WITH_SCRIPT, path


def test_every_page_of_a_customer_keeps_to_its_budget(
    ids: dict[str, Any], as_member: Callable[[Member], Visitor], statements: list[str]
) -> None:
    """design.md 8: at most five round trips, 14 kB with the style sheet, 40 kB with the script."""
    ada = as_member(ids["ada"])
    for path in OWN:
        keep_to_budget(ada, path.format(**ids), statements)


def test_every_page_of_staff_keeps_to_its_budget(
    ids: dict[str, Any], app: Flask, statements: list[str]
) -> None:
    staff = people.wear(Visitor(app), people.sign_in(app, "staff@example.com", is_staff=True))
    for path in STAFF:
        keep_to_budget(staff, path.format(**ids), statements)


def test_staff_find_a_customer_by_the_beginnings_of_its_words(world: World, pool: Pool) -> None:
    member = world.member()
    ada = world.customer(member, display_name="Lovelace & Babbage Ltd.", email="Ada@example.com")
    with as_staff(pool, member.user_id) as conn:
        for words in ("babb love", "Lovelace & Babbage Ltd.", "ada@example.com", ada["zoho_id"], ""):
            assert [row["id"] for row in staff_lists.list_customers(conn, Place(9), words)] == [ada["id"]], (
                words
            )
        for words in ("babbagex", "'; drop table", "&", "b:* | x"):
            assert staff_lists.list_customers(conn, Place(9), words) == [], words


def test_staff_find_an_event_by_its_ids_and_by_its_type(world: World, pool: Pool) -> None:
    """WH-10: also one of a type that nobody knows."""
    world.conn.execute(
        "insert into billing.inbox (dedupe_key, kind, event_id, event_type, object_kind, object_zoho_id)"
        " values ('k', 'webhook', '77', 'moon_rose', 'subscription', '5001')"
    )
    with as_staff(pool, world.member().user_id) as conn:
        for words, count in (("77", 1), ("5001", 1), ("moon_rose", 1), ("moon", 0), ("78", 0)):
            assert len(staff_lists.list_events(conn, Place(9), state="", q=words)) == count, words
