"""Every page that is measured: its name, where it is, and who looks at it (by the cookie of a session)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from portal.db.transaction import as_web
from portal.people import sessions
from portal.people.sessions import Visit
from portal.web.paging import Cursor
from tests.harness import people

if TYPE_CHECKING:
    from flask import Flask

# Ada's own company, as the demo has it: a live subscription, an invoice that is open, a card on file.
OWN = """
select s.id as subscription, s.plan_code as plan, s.account_id as account, m.user_id as ada,
  (select id from billing.invoices i where i.account_id = s.account_id order by invoice_date limit 1)
    as invoice,
  (select id from billing.payment_methods p where p.account_id = s.account_id and gone_at is null limit 1)
    as method
from billing.subscriptions s
join billing.members m on m.account_id = s.account_id
join billing.users u on u.id = m.user_id and u.email = 'ada@example.com'
where s.status = 'live' and s.zoho_id not like 'bench-%' limit 1
"""
STAFF = """
select (select id from billing.inbox order by received_at desc limit 1) as event,
  (select id from billing.customers where zoho_id = 'bench-c7') as customer,
  (select id from billing.sync_runs order by started_at desc limit 1) as run,
  (select id from billing.users where email = 'person7@example.com') as person
"""
OF_ACCOUNT = """
select id, invoice_date::text as value from billing.invoices where account_id = %s
order by invoice_date, id offset 10 limit 1
"""


@dataclass(frozen=True, slots=True)
class View:
    """One page as one person sees it."""

    name: str
    path: str
    cookie: str


def list_views(app: Flask, database_url: str, big: UUID, huge: UUID) -> list[View]:
    """Return every page of customers and staff, and the lists of accounts with many invoices."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as conn:
        own, staff = _one(conn, OWN), _one(conn, STAFF)
        views = [*_pages_of_ada(_sign_in(app, own["ada"], own["account"]), own)]
        views += _pages_of_staff(people.sign_in(app, "bench@example.com", is_staff=True).cookie, staff)
        for name, account in (("400", big), ("10000", huge)):
            cookie = _sign_in(app, own["ada"], account)
            edge = _one(conn, OF_ACCOUNT, account)
            last = Cursor("after", edge["value"], edge["id"])
            views += [
                View(f"overview_{name}", "/", cookie),
                View(f"invoices_{name}", "/invoices", cookie),
                View(f"invoices_{name}_search", "/invoices?q=00017", cookie),
                View(f"invoices_{name}_overdue", "/invoices?status=overdue&sort=amount", cookie),
                View(f"invoices_{name}_last", f"/invoices?page={last}", cookie),
                View(f"invoice_{name}", f"/invoices/{edge['id']}", cookie),
            ]
    return views


def _pages_of_ada(cookie: str, own: dict[str, Any]) -> list[View]:
    subscription, invoice = f"/subscriptions/{own['subscription']}", f"/invoices/{own['invoice']}"
    paths = {
        "overview": "/",
        "plans": "/plans",
        "checkout": f"/checkouts/new?plan={own['plan']}",
        "subscriptions": "/subscriptions",
        "subscription": subscription,
        "plan_change": f"{subscription}/plan-change",
        "cancellation": f"{subscription}/cancellation",
        "subscription_method": f"{subscription}/payment-method",
        "invoices": "/invoices",
        "invoices_open": "/invoices?status=open",
        "invoices_search": "/invoices?q=INV",
        "invoice": invoice,
        "payment_methods": "/payment-methods",
        "method_removal": f"/payment-methods/{own['method']}/removal",
        "account": "/account",
        "billing_details": "/account/billing-details",
        "members": "/account/members",
        "history": "/account/history",
        "profile": "/account/profile",
        "sessions": "/account/sessions",
        "invitations": "/invitations",
    }
    return [View(name, path, cookie) for name, path in paths.items()]


def _pages_of_staff(cookie: str, found: dict[str, Any]) -> list[View]:
    paths = {
        "status": "/admin",
        "events": "/admin/events",
        "events_waiting": "/admin/events?state=dead",
        "events_search": "/admin/events?q=bench-4242",
        "event": f"/admin/events/{found['event']}",
        "drift": "/admin/drift",
        "drift_all": "/admin/drift?standing=all",
        "customers": "/admin/customers",
        "customers_by_name": "/admin/customers?q=company+4242",
        "customers_by_nothing": "/admin/customers?q=no+such+company",
        "customers_by_email": "/admin/customers?q=c4242%40example.com",
        "customer": f"/admin/customers/{found['customer']}",
        "runs": "/admin/runs",
        "run": f"/admin/runs/{found['run']}",
        "mail": "/admin/mail",
        "people": "/admin/people",
        "people_search": "/admin/people?q=person4242",
        "person": f"/admin/people/{found['person']}",
        "zoho_connection": "/admin/zoho-connection",
    }
    return [View(f"staff_{name}", path, cookie) for name, path in paths.items()]


def _sign_in(app: Flask, user_id: UUID, account_id: UUID) -> str:
    """Begin a session that looks at this account."""
    services = app.extensions["services"]
    proof = people.signed_in(user_id=user_id, email="ada@example.com")
    with as_web(services.pool, user_id) as conn:
        return sessions.create(
            conn, services.keyring, proof, Visit("bench", "127.0.0.1"), account_id=account_id
        )


def _one(conn: psycopg.Connection[dict[str, Any]], statement: str, *values: Any) -> dict[str, Any]:
    row = conn.execute(statement, values or None).fetchone()
    assert row, statement
    return row
