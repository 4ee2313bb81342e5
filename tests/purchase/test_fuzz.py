"""Nothing that anybody can send breaks the portal (INP-06, INP-07): every form, every address, odd values."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from portal.web import guard
from portal.web.forms import BaseForm
from tests.harness.people import sign_in, wear
from tests.visitor import Visitor
from tests.web.test_guard import NEED_THE_PROVIDER, filled, token_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.purchase.conftest import Shopper

VALUES = (
    *("", " ", "0", "-1", "1", "2", "9" * 30, "1e999", "NaN", "1,5", "٣", "true", "on", "now", "end"),
    *("team-m", "team-y", "owner", "UTC", "en-US", "2026-02-30", "9999-12-31", "0000", "a@b.example"),
    *("\0", "a\0b", "\r\nBcc: x@y.example", "\u202e", "💥" * 50, "é" * 300, "a" * 5000, "\ufffe"),
    *("' or 1=1 --", "{{7*7}}", "<script>alert(1)</script>", "../../etc/passwd", "%00", "%s%n", "//evil"),
    *("[]", "{}", "null", str(UUID(int=0)), "http://[bad", "javascript:alert(1)"),
)
# They end the session that the others need, or show the provider a token that these tests made up.
LEFT_OUT = {"auth.sign_out", "account.turn_on", "account.change_email"} | NEED_THE_PROVIDER


def field_names() -> list[str]:
    found, waiting = {"key", "addon", "quantity", "x", "next", "state", "code", "plan"}, [BaseForm]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found |= {name for name in dir(kind) if hasattr(getattr(kind, name), "field_class")}
    return sorted(found)


class Fuzzer:
    """Somebody with a subscription, an invoice and a card, who sends what they like to every address."""

    def __init__(self, app: Flask, shopper: Shopper, seed: int) -> None:
        self.app, self.dice = app, random.Random(seed)
        self.names = field_names()
        self.users = [
            None,
            sign_in(app, f"staff-{seed}@example.com", is_staff=True),
        ]
        self.cookie = shopper.visitor.client.get_cookie("session", domain="127.0.0.1")
        self.shopper = shopper
        self.ids = self._ids()
        self.routes = [
            (path, method)
            for path, methods, endpoint, rule in guard.matrix(app)
            for method in methods.split(",")
            if endpoint not in LEFT_OUT and not rule.startswith("sessionless")
        ]

    def _ids(self) -> dict[str, UUID]:
        tables = {
            "subscription_id": "subscriptions",
            "invoice_id": "invoices",
            "method_id": "payment_methods",
            "checkout_id": "checkouts",
            "intent_id": "intents",
        }
        found = {}
        for name, table in tables.items():
            rows = self.shopper.rows(f"select id from billing.{table} limit 1")
            found[name] = rows[0]["id"] if rows else uuid4()
        return found

    def send(self) -> None:
        """One request, and no answer of 500 or more."""
        path, method = self.dice.choice(self.routes)
        visitor = self._visitor()
        given: dict[str, Any] = {
            self.dice.choice(self.names): self.dice.choice(VALUES) for _ in range(self.dice.randrange(6))
        }
        if self.dice.random() < 0.2 and given:
            name = next(iter(given))
            given[name] = [given[name], self.dice.choice(VALUES)]
        options: dict[str, Any] = {"query_string": given}
        if method != "GET":
            options = {"data": {**given, "csrf_token": token_for(visitor)}}
        if self.dice.random() < 0.3:
            options["headers"] = {"HX-Request": "true"}
        address = filled(path, self.ids if self.dice.random() < 0.9 else None)
        answer = visitor.raw(method, address, **options)
        assert answer.status_code < 500, f"{method} {address} {options}: {answer.status_code}"

    def _visitor(self) -> Visitor:
        visitor, who = Visitor(self.app), self.dice.random()
        if who < 0.7:
            visitor.client.set_cookie("session", self.cookie.value, domain="127.0.0.1")
        elif who < 0.85:
            wear(visitor, self.users[1])
        return visitor


@pytest.fixture
def fuzzer(app: Flask, shopper: Shopper) -> Callable[[int], Fuzzer]:
    shopper.buy("team-m")
    return lambda seed: Fuzzer(app, shopper, seed)


def test_three_hundred_odd_requests_break_nothing(fuzzer: Callable[[int], Fuzzer]) -> None:
    """INP-07"""
    chosen = fuzzer(7)
    for _ in range(300):
        chosen.send()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_odd_requests_break_nothing(fuzzer: Callable[[int], Fuzzer], seed: int) -> None:
    """INP-07"""
    chosen = fuzzer(seed)
    for _ in range(1000):
        chosen.send()


def test_forms_have_a_size(app: Flask) -> None:
    """INP-06: 64 KiB and a hundred parts, for everybody and before anything is looked at."""
    visitor = Visitor(app)
    token = token_for(visitor)
    too_long = {"csrf_token": token, "email": "a" * 65 * 1024}
    assert visitor.raw("POST", "/sign-in", data=too_long).status_code == 413
    parts: dict[str, Any] = {f"field{number}": "x" for number in range(101)}
    options = {"data": {"csrf_token": token, **parts}, "content_type": "multipart/form-data"}
    assert visitor.raw("POST", "/sign-in", **options).status_code == 413
