"""Rows of a mirror to look at, put into the database without Zoho: people with a session, and what they own.

`World(conn)` writes as the superuser. Every maker takes the columns that matter to a test and fills in
the rest; amounts are text or numbers in major units, dates count from `TODAY` where that reads better.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from portal import clock

Row = dict[str, Any]
CANARY = '<img src=x onerror=alert(1)>{{7*7}}" hx-get="/" \u202egnp.exe'


@dataclass
class Member:
    """Somebody who is signed in, and the account they look at."""

    user_id: UUID
    account_id: UUID
    customer_zoho_id: str
    cookie: str


@dataclass
class World:
    """Makers of rows; `day` is the organisation's date today."""

    conn: Connection[Row]
    ids: Any = field(default_factory=lambda: count(90_000_001))

    @property
    def now(self) -> datetime:
        return clock.now()

    @property
    def day(self) -> date:
        return self.now.date()

    def in_days(self, days: int) -> date:
        return self.day + timedelta(days)

    def organization(self, **columns: Any) -> Row:
        given = {"zoho_id": "10000001", "name": "Northwind", "currency_code": "USD", "synced_at": self.now}
        return self.put("organization", {**given, **columns})

    def member(
        self,
        email: str = "ada@example.com",
        *,
        account: str = "Ada’s Studio",
        role: str = "owner",
        **user: Any,
    ) -> Member:
        user_id, account_id = uuid4(), uuid4()
        customer = f"C{next(self.ids)}"
        self.put("users", {"id": user_id, "issuer": "test", "email": email, **user})
        self.put(
            "accounts",
            {"id": account_id, "name": account, "billing_email": email, "zoho_customer_id": customer},
        )
        self.join(user_id, account_id, role)
        return Member(user_id, account_id, customer, self.session(user_id, account_id))

    def join(self, user_id: UUID, account_id: UUID, role: str) -> None:
        self.put("members", {"account_id": account_id, "user_id": user_id, "role": role})

    def session(self, user_id: UUID, account_id: UUID | None = None, **columns: Any) -> str:
        cookie = secrets.token_urlsafe(32)
        given = {
            "token_hash": hashlib.sha256(cookie.encode()).digest(),
            "user_id": user_id,
            "account_id": account_id,
            "access_expires_at": self.now + timedelta(hours=12),
            "expires_at": self.now + timedelta(hours=12),
        }
        self.put("sessions", {**given, **columns})
        return cookie

    def customer(self, member: Member, **columns: Any) -> Row:
        given = {"zoho_id": member.customer_zoho_id, "display_name": "Ada", "currency_code": "USD"}
        return self._mirrored("customers", member, {**given, **columns}, owner=False)

    def subscription(self, member: Member, addons: tuple[Row, ...] = (), **columns: Any) -> Row:
        given = {
            "zoho_id": f"S{next(self.ids)}",
            "number": f"SUB-{next(self.ids) % 100000:05}",
            "status": "live",
            "name": "Northwind Cloud-Team",
            "plan_code": "team-monthly",
            "plan_name": "Team",
            "plan_price": 49,
            "sub_total": 49,
            "amount": 49,
            "currency_code": "USD",
            "auto_collect": True,
            "created_on": self.in_days(-100),
            "activated_on": self.in_days(-100),
            "current_term_starts_on": self.in_days(-10),
            "current_term_ends_on": self.in_days(20),
            "next_billing_on": self.in_days(20),
        }
        row = self._mirrored("subscriptions", member, {**given, **columns})
        for position, addon in enumerate(addons):
            owned = {"subscription_id": row["id"], "account_id": member.account_id, "position": position}
            self.put("subscription_addons", {**owned, **addon})
        return row

    def invoice(self, member: Member, lines: tuple[Row, ...] | None = None, **columns: Any) -> Row:
        total = columns.get("total", 49)
        given = {
            "zoho_id": f"I{next(self.ids)}",
            "number": f"INV-{next(self.ids) % 1000000:06}",
            "status": "sent",
            "invoice_date": self.in_days(-10),
            "due_date": self.in_days(5),
            "sub_total": total,
            "tax_total": 0,
            "discount_total": 0,
            "total": total,
            "balance": total,
            "currency_code": "USD",
            "is_complete": True,
        }
        row = self._mirrored("invoices", member, {**given, **columns})
        if lines is None:
            lines = ({"name": "Team", "code": "team-monthly", "price": total, "item_total": total},)
        for position, line in enumerate(lines):
            owned = {"invoice_id": row["id"], "account_id": member.account_id, "position": position}
            self.put("invoice_lines", {**owned, **line})
        return row

    def payment(self, member: Member, invoice: Row, **columns: Any) -> Row:
        amount = columns.get("amount", invoice["total"])
        given = {
            "zoho_id": f"P{next(self.ids)}",
            "number": str(next(self.ids) % 1000),
            "mode": "autotransaction",
            "status": "success",
            "amount": amount,
            "currency_code": invoice["currency_code"],
            "paid_on": invoice["invoice_date"],
            "last_four": "4242",
            "applied": [{"invoice_zoho_id": invoice["zoho_id"], "amount": str(amount)}],
        }
        return self._mirrored("payments", member, {**given, **columns})

    def credit_note(self, member: Member, invoice: Row, **columns: Any) -> Row:
        amount = columns.get("total", 10)
        given = {
            "zoho_id": f"N{next(self.ids)}",
            "number": f"CN-{next(self.ids) % 1000}",
            "status": "closed",
            "total": amount,
            "currency_code": invoice["currency_code"],
            "issued_on": invoice["invoice_date"],
            "applied": [{"invoice_zoho_id": invoice["zoho_id"], "amount": str(amount)}],
        }
        return self._mirrored("credit_notes", member, {**given, **columns})

    def plan(self, code: str, price: int, **columns: Any) -> Row:
        given = {
            "zoho_id": f"L{next(self.ids)}",
            "code": code,
            "name": code.capitalize(),
            "status": "active",
            "price": price,
            "currency_code": "USD",
            "synced_at": self.now,
            "source": "reconcile",
            "read_started_at": self.now,
        }
        return self.put("plans", {**given, **columns})

    def method(self, member: Member, **columns: Any) -> Row:
        given = {
            "zoho_id": f"M{next(self.ids)}",
            "kind": "card",
            "status": "active",
            "brand": "Visa",
            "last_four": "4242",
            "expiry_month": 11,
            "expiry_year": self.day.year + 3,
            "is_primary": True,
        }
        return self._mirrored("payment_methods", member, {**given, **columns})

    def zoho_away(self) -> None:
        """Open the breaker: nothing is asked of Zoho for a while."""
        given = {
            "organization_id": "10000001",
            "tokens": 0,
            "refilled_at": self.now,
            "day": self.day,
            "breaker_state": "open",
            "breaker_until": self.now + timedelta(minutes=5),
        }
        self.put("call_budget", given)

    def full_run(self, started_at: datetime | None = None) -> None:
        """Record a finished comparison of everything with Zoho."""
        self.put("sync_runs", {"kind": "full", "state": "done", "started_at": started_at or self.now})

    def _mirrored(self, table: str, member: Member, columns: Row, *, owner: bool = True) -> Row:
        stamps = {"synced_at": self.now, "source": "webhook", "read_started_at": self.now}
        owned = {"account_id": member.account_id}
        if owner:
            owned["customer_zoho_id"] = member.customer_zoho_id
        return self.put(table, {**stamps, **owned, **columns})

    def put(self, table: str, columns: Row) -> Row:
        statement = sql.SQL("insert into billing.{} ({}) values ({}) returning *").format(
            sql.Identifier(table),
            sql.SQL(", ").join(sql.Identifier(name) for name in columns),
            sql.SQL(", ").join(sql.Placeholder(name) for name in columns),
        )
        row = self.conn.execute(
            statement, {name: _adapted(value) for name, value in columns.items()}
        ).fetchone()
        assert row is not None
        return row


def _adapted(value: Any) -> Any:
    is_json = isinstance(value, dict) or (
        isinstance(value, list) and (not value or isinstance(value[0], dict))
    )
    return Jsonb(value) if is_json else value


def long_ago(days: int) -> datetime:
    """Return a time `days` before now."""
    return datetime.now(UTC) - timedelta(days)  # noqa: TID251 - arranging, not deciding
