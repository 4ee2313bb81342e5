"""kill -9 of web, worker or Postgres at any point of a purchase loses nothing (CONV-06, WH-05, INV-2, 4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

from tests.harness.outside import Away, OutsideVisitor
from tests.harness.processes import until
from tests.purchase.conftest import pay_at
from tests.resilience.conftest import Killer

POINTS = 20
PATIENCE_SECONDS = 60


def test_twenty_kills_within_purchases_lose_nothing(killable: Killer, enrol: Callable[[str], str]) -> None:
    emails = [f"kill{number}@example.com" for number in range(POINTS)]
    cookies = [enrol(email) for email in emails]
    for cookie in cookies:
        person = OutsideVisitor(killable.stack.portal_url, cookie)
        with killable.within(1.5):
            where = _press_until_answered(person)
            if where:
                _pay(person, where)
        if not where:
            # What died held a lease, or had sent something: it is looked up when its minutes are over.
            killable.hurry()
            _buy(person)
    assert len(killable.kills) == POINTS

    killable.hurry()
    until(lambda: _all_completed(killable, emails), seconds=60, what="every purchase to be confirmed")
    there = _subscriptions_at_zoho(killable)
    assert {email: len(there.get(email, [])) for email in emails} == dict.fromkeys(emails, 1)
    _assert_no_acknowledged_webhook_is_missing(killable)
    # What a killed process left unread has no event of its own (facts.md 7.4: none for customers).
    killable.stack.portal("reconcile")
    ours = _rows(
        killable,
        "select c.email, s.zoho_id from subscriptions s"
        " join customers c on c.zoho_id = s.customer_zoho_id where s.account_id is not null",
    )
    assert sorted(row["zoho_id"] for row in ours if row["email"] in emails) == sorted(
        one for email in emails for one in there[email]
    )


def _buy(person: OutsideVisitor) -> None:
    _pay(person, until(lambda: _press_until_answered(person), seconds=60, what="the payment page"))


def _pay(person: OutsideVisitor, where: str) -> None:
    """Pay, and come back unless the way back is broken."""
    answer = pay_at(where)
    if answer.status_code == 303:
        target = urlsplit(answer.headers["Location"])
        person.get(f"{target.path}?{target.query}")


def _press_until_answered(person: OutsideVisitor) -> str:
    """Press the button, again after every broken answer; return where to pay ("": it is still prepared)."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        answer = person.send(person.get("/checkouts/new?plan=team-m"), "/checkouts")
        if answer is not None:
            break
        time.sleep(0.1)
    else:
        raise Away("/checkouts")
    assert answer.status_code == 303, answer.text[:500]
    where = answer.headers["Location"]
    if "hostedpage" in where:
        return where
    link = person.get(where).find("a", string=lambda text: bool(text and "payment page" in text))
    return str(link["href"]) if link else ""


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

    until(settled, seconds=300, what="the inbox to be worked off")
    stored = {row["event_id"] for row in _rows(killer, "select event_id from inbox")}
    assert acknowledged <= stored, sorted(acknowledged - stored)[:5]


def test_twenty_kills_within_plan_changes_have_one_effect_each(
    killable: Killer, enrol: Callable[[str], str]
) -> None:
    """INV-2: whatever is killed, and however often the person presses again, a change is made once."""
    emails = [f"change{number}@example.com" for number in range(POINTS)]
    people = [OutsideVisitor(killable.stack.portal_url, enrol(email)) for email in emails]
    for person in people:
        _buy(person)
    before = {email: len(_invoices(killable, email)) for email in emails}
    killable.kills.clear()
    for person in people:
        with killable.within(1.0):
            until(lambda person=person: _doubled(person), seconds=60, what="the change to be accepted")
    assert len(killable.kills) == POINTS

    killable.hurry()
    assert not _unsettled(killable)
    done = {row["email"] for row in _rows(killable, _DONE_CHANGES)}
    there = {one["customer"]["email"]: one for one in killable.stack.sandbox.state("subscriptions")}
    # Where the process died between its commit and its call nothing was sent, and the person was told so.
    wanted = {email: (2, 1) if email in done else (1, 0) for email in emails}
    assert len(done) >= POINTS - 3
    assert wanted == {
        email: (there[email]["plan"]["quantity"], len(_invoices(killable, email)) - before[email])
        for email in emails
    }


_DONE_CHANGES = """
select distinct u.email from intents i join users u on u.id = i.user_id
where i.kind = 'change_plan' and i.state = 'done'
"""


def _doubled(person: OutsideVisitor) -> bool:
    """Ask for two instead of one; reload and press again after every broken answer."""
    overview = person.get("/subscriptions")
    link = overview.find("main").find("a", string="Team monthly")
    if link is None:
        return False
    noun = f"{link['href']}/plan-change"
    page = person.look(f"{noun}?plan=team-m&quantity=2&when=now")
    if page is None:
        return False
    if "That is what you have already" in page.get_text() or "still being confirmed" in page.get_text():
        return True
    answer = person.send(page, noun)
    return answer is not None and answer.status_code == 303


def _invoices(killer: Killer, email: str) -> list[dict[str, Any]]:
    return [one for one in killer.stack.sandbox.state("invoices") if one["email"] == email]


def _unsettled(killer: Killer) -> list[dict[str, Any]]:
    return _rows(killer, "select state from intents where state not in ('done', 'refused', 'abandoned')")
