"""kill -9 of web, worker or Postgres at any point of a purchase loses nothing (WH-05, INV-2, INV-4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

from tests.harness.outside import OutsideVisitor
from tests.harness.processes import until
from tests.purchase.conftest import pay_at
from tests.resilience.conftest import Killer

POINTS = 20


def test_twenty_kills_within_purchases_lose_nothing(killable: Killer, enrol: Callable[[str], str]) -> None:
    emails = [f"kill{number}@example.com" for number in range(POINTS)]
    cookies = [enrol(email) for email in emails]
    for cookie in cookies:
        with killable.within(1.5):
            _buy(OutsideVisitor(killable.stack.portal_url, cookie))
    assert len(killable.kills) == POINTS

    until(lambda: _all_completed(killable, emails), seconds=180, what="every purchase to be confirmed")
    there = _subscriptions_at_zoho(killable)
    assert {email: len(there.get(email, [])) for email in emails} == dict.fromkeys(emails, 1)
    ours = _rows(
        killable,
        "select c.email, s.zoho_id from subscriptions s join customers c on c.zoho_id = s.customer_zoho_id",
    )
    assert sorted(row["zoho_id"] for row in ours if row["email"] in emails) == sorted(
        one for email in emails for one in there[email]
    )
    _assert_no_acknowledged_webhook_is_missing(killable)


def _buy(person: OutsideVisitor) -> None:
    """Buy like somebody who reloads when a page is broken, and who never comes back when the return is."""
    where = _press_until_there(person)
    answer = pay_at(where)
    if answer.status_code == 303:
        target = urlsplit(answer.headers["Location"])
        person.get(f"{target.path}?{target.query}")


def _press_until_there(person: OutsideVisitor) -> str:
    """Press the button, again after every broken answer, until the payment page is known."""

    def press() -> str:
        answer = person.send(person.get("/checkouts/new?plan=team-m"), "/checkouts")
        if answer is None:
            return ""
        assert answer.status_code == 303, answer.text[:500]
        where = answer.headers["Location"]
        if "hostedpage" in where:
            return where
        link = person.get(where).find("a", string=lambda text: bool(text and "payment page" in text))
        return str(link["href"]) if link else ""

    return str(until(press, seconds=60, what="the payment page"))


def _rows(killer: Killer, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(killer.postgres.url(), row_factory=dict_row) as conn:
        conn.execute("set search_path to billing, public")
        return conn.execute(statement.encode()).fetchall()


def _all_completed(killer: Killer, emails: list[str]) -> bool:
    try:
        rows = _rows(
            killer,
            "select u.email, c.state from checkouts c join users u on u.id = c.user_id",
        )
    except psycopg.OperationalError:
        return False
    return {row["email"] for row in rows if row["state"] == "completed"} >= set(emails)


def _subscriptions_at_zoho(killer: Killer) -> dict[str, list[str]]:
    sandbox = killer.stack.sandbox
    owners = {one["customer_id"]: one["email"] for one in sandbox.state("customers")}
    found: dict[str, list[str]] = {}
    for one in sandbox.state("subscriptions"):
        found.setdefault(owners[one["customer_id"]], []).append(one["subscription_id"])
    return found


def _assert_no_acknowledged_webhook_is_missing(killer: Killer) -> None:
    """INV-4: what was answered with 200 is in the inbox, and ends applied or ignored."""
    sandbox = killer.stack.sandbox
    acknowledged = {
        event["event_id"]
        for event in sandbox.state("events")
        if any(delivery.get("status") == "success" for delivery in event.get("webhooks", []))
    }
    assert len(acknowledged) >= POINTS
    open_states = ("pending", "applying", "failed")

    def settled() -> bool:
        rows = _rows(killer, "select event_id, state from inbox")
        return not [row for row in rows if row["event_id"] in acknowledged and row["state"] in open_states]

    until(settled, seconds=90, what="the inbox to be worked off")
    stored = {row["event_id"] for row in _rows(killer, "select event_id from inbox")}
    assert acknowledged <= stored, sorted(acknowledged - stored)[:5]
