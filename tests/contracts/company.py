"""A company in the sandbox, spoken to over its HTTP interface in this process, with its clock at hand."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from sandbox import seed
from sandbox.app import create_app
from sandbox.engine import invariants, methods
from sandbox.settings import Settings
from sandbox.tx import Doc
from sandbox.world import World

ROOT = "/billing/v1"
GOOD, DECLINES_LATER, DECLINED = "4111111111111111", "4000000000000341", "4000000000000002"
TOKEN = {
    "grant_type": "refresh_token",
    "client_id": "1000.SANDBOXCLIENT",
    "client_secret": "sandbox-client-secret",
    "refresh_token": "1000.sandbox.refresh",
}


class Company:
    """What tests ask of the sandbox; every answer is checked for a 500 and for broken money."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        # nobody listens here: a courier's thread would try every event of the time travel for nothing
        chosen: dict[str, Any] = {"smtp_port": 0, "deliver": "manual"} | settings
        self.app: Flask = create_app(Settings(data=folder, **chosen))
        self.world: World = self.app.extensions["sandbox_world"]
        self.client = self.app.test_client()
        self.begin()

    def begin(self, name: str = "goods") -> None:
        """A fresh world: `goods` has the catalogue of the demo and no customer."""
        self.world.reset("demo" if name == "demo" else "empty")
        if name == "goods":
            with self.world.store.transaction() as tx:
                seed.goods(self.world, tx)
        self.sign_in()

    def sign_in(self) -> None:
        """Take an access token, on the terms that hold now."""
        token = self.client.post("/oauth/v2/token", data=TOKEN).get_json()["access_token"]
        self.headers = {"Authorization": f"Zoho-oauthtoken {token}"}

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> TestResponse:
        """One API call, whatever comes of it (but never a 500)."""
        answer = self.client.open(
            ROOT + path, method=method, json=body, query_string=query or None, headers=self.headers
        )
        assert answer.status_code < 500, f"{method} {path} {body}: {answer.text}"
        return answer

    def get(self, path: str, **query: Any) -> Doc:
        """A successful GET's body."""
        return self._good(self.call("GET", path, **query))

    def post(self, path: str, body: Any = None, **query: Any) -> Doc:
        """A successful POST's body."""
        return self._good(self.call("POST", path, body, **query))

    def put(self, path: str, body: Any) -> Doc:
        """A successful PUT's body."""
        return self._good(self.call("PUT", path, body))

    def delete(self, path: str) -> Doc:
        """A successful DELETE's body."""
        return self._good(self.call("DELETE", path))

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, int, str]:
        """Status, code and message of a refusal."""
        answer = self.call(method, path, body, **query)
        told = answer.get_json()
        assert sorted(told) == ["code", "message"], told
        assert told["code"] != 0
        return answer.status_code, told["code"], told["message"]

    def customer(self, **more: Any) -> str:
        """A new customer's id."""
        body = {"display_name": "Rosa Parks", "email": "rosa@example.com"} | more
        return str(self.post("/customers", body)["customer"]["customer_id"])

    def card(self, customer_id: str, number: str = GOOD, year: int | None = None, month: int = 12) -> str:
        """A card typed on a hosted page."""
        expires = year or self.today().year + 3
        with self.world.store.transaction() as tx:
            made = methods.add_card(self.world, tx, customer_id, number, month, expires, name="Rosa Parks")
        return str(made["method_id"])

    def bank_account(self, customer_id: str, number: str = "000123456789") -> str:
        """A bank account typed on a hosted page."""
        with self.world.store.transaction() as tx:
            made = methods.add_bank_account(self.world, tx, customer_id, "110000000", number)
        return str(made["method_id"])

    def subscribe(self, plan_code: str = "team-m", *, card: str | None = GOOD, **more: Any) -> Doc:
        """A subscription of a new customer, by card or (None) offline."""
        customer_id = more.pop("customer_id", None) or self.customer()
        body: Doc = {
            "customer_id": customer_id,
            "plan": {"plan_code": plan_code} | more.pop("plan", {}),
            **more,
        }
        if card:
            body["card_id"] = self.card(customer_id, card)
        sub: Doc = self.post("/subscriptions", body)["subscription"]
        return sub

    def subscription(self, subscription_id: str) -> Doc:
        """How it stands now."""
        sub: Doc = self.get(f"/subscriptions/{subscription_id}")["subscription"]
        return sub

    def invoices(self, subscription_id: str) -> list[Doc]:
        """Its invoices in full, oldest first."""
        rows = self.get("/invoices", subscription_id=subscription_id)["invoices"]
        return [self.get(f"/invoices/{row['invoice_id']}")["invoice"] for row in rows]

    def today(self) -> date:
        """The company's day."""
        return self.world.clock.today()

    def go_to(self, day: str | date, hour: int = 12) -> None:
        """Let time go on to noon of a day."""
        target = date.fromisoformat(day) if isinstance(day, str) else day
        self.world.advance_to(self.world.clock.at(target, hour))
        self.check_money()

    def wait(self, days: int) -> None:
        """Let days go by."""
        self.go_to(self.today() + timedelta(days=days))

    def switch(self, **values: Any) -> None:
        """Set switches."""
        self.world.switch(values)

    def events(self, *, newest: int = 500) -> list[str]:
        """Event types, oldest first."""
        with self.world.store.read() as tx:
            found = tx.find("events", desc=True, limit=newest)
        return [doc["event_type"] for doc in reversed(found)]

    def check_money(self) -> None:
        """Every invariant of the money holds."""
        assert invariants.breaches(self.world) == []

    def _good(self, answer: TestResponse) -> Doc:
        told: Doc = answer.get_json()
        assert answer.status_code in (200, 201), told
        assert told["code"] == 0, told
        return told
