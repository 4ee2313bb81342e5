"""A shopper: somebody who chooses, pays on the sandbox's hosted page, and comes back, or does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from portal.sync import catalogue
from tests.harness.hosted_page import GOOD, pay_at

if TYPE_CHECKING:
    from flask import Flask

    from portal.services import Services
    from tests.harness.processes import Sandbox
    from tests.visitor import Page, Visitor


@dataclass
class Shopper:
    """One person in the portal, with the sandbox beside them."""

    visitor: Visitor
    sandbox: Sandbox
    services: Services
    email: str
    answers: list[requests.Response] = field(default_factory=list)

    def choose(self, plan: str = "team-m", **choice: Any) -> str:
        """Go through plan and summary to the button; return where it leads (Zoho's page, or ours)."""
        self.visitor.get("/checkouts/new", query_string={"plan": plan, **choice})
        return self.press()

    def press(self) -> str:
        """Press the button of the open summary; return where it leads without going there."""
        page = self.visitor.submit(action="/checkouts", status=303, follow=False)
        return str(page.response.headers["Location"])

    def pay(self, page_url: str, number: str = GOOD, **changed: str) -> requests.Response:
        self.answers.append(pay_at(page_url, number, **changed))
        return self.answers[-1]

    def come_back(self, answer: requests.Response) -> Page:
        """Follow the redirect that Zoho gave to the browser."""
        target = urlsplit(answer.headers["Location"])
        return self.visitor.get(f"{target.path}?{target.query}")

    def buy(self, plan: str = "team-m", **choice: Any) -> Page:
        return self.come_back(self.pay(self.choose(plan, **choice)))

    def checkouts(self) -> list[dict[str, Any]]:
        return self.rows("select * from billing.checkouts order by created_at")

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        from portal.db import transaction

        with transaction.as_worker(self.services.pool) as conn:
            return conn.execute(statement, values).fetchall()

    def customers_at_zoho(self) -> list[dict[str, Any]]:
        return [one for one in self.sandbox.state("customers") if one["email"] == self.email]

    def subscriptions_at_zoho(self) -> list[dict[str, Any]]:
        ids = {one["customer_id"] for one in self.customers_at_zoho()}
        return [one for one in self.sandbox.state("subscriptions") if one["customer_id"] in ids]

    def assert_bought_once(self, page: Page) -> None:
        """Exactly one subscription at Zoho and here, one completed attempt, and a page that says so."""
        there = self.subscriptions_at_zoho()
        assert len(there) == 1, there
        ours = self.rows(
            "select * from billing.subscriptions where customer_zoho_id = %s", there[0]["customer_id"]
        )
        assert [row["zoho_id"] for row in ours] == [there[0]["subscription_id"]]
        assert ours[0]["account_id"] is not None
        states = [row["state"] for row in self.checkouts()]
        assert states.count("completed") == 1, states
        assert page.shows("You now have"), page.text


@pytest.fixture
def shop(app: Flask, sandbox: Sandbox) -> Iterator[Callable[[str], Shopper]]:
    """Open the shop: the catalogue is in the mirror; call it with an e-mail to get a signed-in shopper."""
    from tests.harness.people import SomeUser
    from tests.harness.people import sign_in as start_session
    from tests.visitor import Visitor

    services: Services = app.extensions["services"]
    catalogue.refresh_all(services, source="reconcile")
    users: dict[str, SomeUser] = {}

    def enter(email: str = "newcomer@example.com") -> Shopper:
        from tests.harness.people import wear

        if email not in users:
            users[email] = start_session(app, email)
        return Shopper(wear(Visitor(app), users[email]), sandbox, services, email)

    yield enter
    sandbox.control("faults", {})


@pytest.fixture
def shopper(shop: Callable[[str], Shopper]) -> Shopper:
    return shop("newcomer@example.com")
