"""The merchant's people in Zoho's own screens, and a stranger who sends webhooks of his own making."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import requests

from portal.errors import PortalError
from portal.zoho import connect
from sandbox.webhooks.endpoints import DEMO_SECRET
from sandbox.webhooks.signing import HEADER, signature
from tests.simulation.database import OUTAGES
from tests.simulation.history import History
from tests.simulation.judge import HOOK, is_signed
from tests.simulation.stage import Setting

PLANS = ("team-m", "team-y", "scale-m", "starter-m")


class Merchant:
    """Draws an act and a subject for it."""

    def __init__(self, setting: Setting, history: History, dice: Random) -> None:
        self.setting, self.history, self.dice = setting, history, dice
        self.deleted = 0

    def act(self) -> None:
        asked = self._draw()
        if asked is None or "zoho" in self.setting.down:
            return
        with self.setting.zoho.test_client() as control:
            answer = control.post("/_control/act", json=asked)
        self.history.note(f"merchant {asked}: {answer.status_code}")
        self.history.count(f"merchant {asked['kind']}")
        if answer.status_code >= 500:
            self.history.violate("no surprise", f"the sandbox failed at {asked}: {answer.status_code}")

    def _draw(self) -> dict[str, Any] | None:
        kind, table, key = self.dice.choice(ACTS)
        if kind == "delete_customer":
            if self.deleted >= 2 or self.dice.random() < 0.7:
                return None
            self.deleted += 1
        if not table:
            return {"kind": kind, **self._details(kind)}
        with self.setting.world.store.read() as tx:
            ids = tx.ids(table) if tx.count(table) else []
        return {"kind": kind, key: self.dice.choice(ids), **self._details(kind)} if ids else None

    def _details(self, kind: str) -> dict[str, Any]:
        dice = self.dice
        match kind:
            case "change_price":
                return {"plan_code": dice.choice(PLANS), "price": str(dice.randint(5, 300))}
            case "change_subscription_price" | "charge":
                return {"price": str(dice.randint(5, 300)), "amount": str(dice.randint(1, 50))}
            case "edit_customer":
                return {"first_name": dice.choice(["Ada", "Åsa", "李"]), "phone": str(dice.randrange(10**6))}
            case "cancel":
                return {"at_end": dice.random() < 0.5}
            case "change_plan":
                return {"plan_code": dice.choice(PLANS), "quantity": dice.randint(1, 5)}
            case "delete_customer":
                return {"force": True}
            case _:
                return {}


ACTS = (
    ("change_price", "", ""),
    ("change_subscription_price", "subscriptions", "subscription_id"),
    ("void_invoice", "invoices", "invoice_id"),
    ("write_off", "invoices", "invoice_id"),
    ("refund", "payments", "payment_id"),
    ("record_payment", "invoices", "invoice_id"),
    ("cancel", "subscriptions", "subscription_id"),
    ("reactivate", "subscriptions", "subscription_id"),
    ("change_plan", "subscriptions", "subscription_id"),
    ("delete_subscription", "subscriptions", "subscription_id"),
    ("edit_customer", "customers", "customer_id"),
    ("edit_customer", "customers", "customer_id"),
    ("delete_customer", "customers", "customer_id"),
    ("expire_card", "methods", "card_id"),
    ("delete_card", "methods", "card_id"),
    ("next_charge_declines", "", ""),
    ("charge", "subscriptions", "subscription_id"),
)


class Owner:
    """Whoever connected the portal to Zoho, and can lose that connection."""

    def __init__(self, setting: Setting, history: History, dice: Random) -> None:
        self.setting, self.history, self.dice = setting, history, dice
        self.is_connected = True

    def act(self) -> None:
        """Lose the connection, or notice that it is lost and connect again."""
        if "zoho" in self.setting.down:
            return
        if not self.is_connected:
            self.connect()
        elif self.dice.random() < 0.3:
            self._post("oauth/revocations", {"everything": True})
            self.history.note("Zoho took the refresh token away")
            self.is_connected = False

    def connect(self) -> None:
        """Connect with a code from Zoho's console, as `portal zoho connect` does."""
        services = self.setting.services
        code = str(self._post("oauth/codes", {})["code"])
        try:
            connect.with_self_client_code(services.settings, services.pool, services.keyring, code)
        except (PortalError, *OUTAGES) as problem:
            self.history.note(f"connecting failed: {type(problem).__name__}")
            return
        self.history.note("staff connected Zoho")
        self.is_connected = True

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self.setting.zoho.test_client() as control:
            answer = control.post(f"/_control/{path}", json=body)
        assert answer.status_code < 400, answer.get_data(as_text=True)
        told: dict[str, Any] = answer.get_json()
        return told


class Stranger:
    """Sends what Zoho did not send: unsigned, wrongly signed, or a true one once more (INV-6)."""

    def __init__(self, setting: Setting, history: History, dice: Random) -> None:
        self.setting, self.history, self.dice = setting, history, dice

    def act(self) -> None:
        body = self._one_of_zohos()
        kind = self.dice.choice(["unsigned", "wrong", "changed", "again"])
        headers = {"Content-Type": "application/json"}
        if kind == "wrong":
            headers[HEADER] = signature("SomeOtherSecret0001", body)
        if kind in ("changed", "again"):
            headers[HEADER] = signature(DEMO_SECRET, body)
        if kind == "changed":
            body = json.dumps(json.loads(body) | {"event_id": "666"}).encode()
        url = f"{self.setting.stage.settings.base_url}/webhooks/zoho"
        before = self._kept()
        status = requests.post(url, data=body, headers=headers, timeout=30).status_code
        self.history.note(f"stranger {kind}: {status}")
        self.history.count(f"stranger {kind}")
        if kind != "again" and (status < 400 or self._kept() != before):
            self.history.violate("INV-6", f"a delivery that was {kind} got {status}")

    def _one_of_zohos(self) -> bytes:
        """A body that Zoho really sent: one of a stranger's own must never come to a true signature."""
        sent = [one.body for one in self.setting.network.passed if one.path == HOOK and is_signed(one)]
        return self.dice.choice(sent) if sent else b'{"event_id":"1","event_type":"x"}'

    def _kept(self) -> tuple[int, int]:
        row = self.setting.rows(
            "select (select count(*) from billing.inbox) as rows,"
            " (select count(*) from jobs.procrastinate_jobs) as jobs"
        )[0]
        return row["rows"], row["jobs"]
