"""What staff can do, by hand in a browser, with and without JavaScript (issue: points 9 and 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from tests.harness.demo import ADA
from tests.harness.processes import until
from tests.journeys.people import Someone, person

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.harness.browser import Tab
    from tests.harness.processes import Stack


@pytest.fixture
def staff(make_app: Callable[..., Flask], stack: Stack, tab: Tab) -> Someone:
    return person(make_app, stack, tab, "staff").come_in(is_staff=True)


def rows(stack: Stack, statement: str, *values: Any) -> list[Any]:
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        done = conn.execute(statement.encode(), values)
        return done.fetchall() if done.description else []


def adas(stack: Stack) -> str:
    found = stack.sandbox.state("subscriptions")
    return str(next(one for one in found if one["customer"]["email"] == ADA)["subscription_id"])


def test_the_overview_says_in_words_how_it_stands(staff: Someone) -> None:
    staff.go("/")
    assert staff.page.url.startswith(f"{staff.stack.portal_url}/admin")
    for words in ("Events", "Differences", "Comparisons", "Customers", "Mail", "Zoho"):
        staff.expect(words)
    staff.tab.assert_clean()


def test_an_event_is_found_read_and_applied_again(staff: Someone) -> None:
    """Point 11: search, detail with body, tries and effect, apply again."""
    stack = staff.stack
    stack.sandbox.control("act", {"kind": "cancel", "subscription_id": _somebodys(stack)})
    staff.expect_at("/admin/events", "subscription_cancelled")
    staff.page.get_by_label("Event, object or type").fill("subscription_cancelled")
    staff.press("Apply")
    staff.expect("subscription_cancelled")
    staff.page.locator("#results a").first.click()
    staff.page.wait_for_load_state()
    until(lambda: _reloaded(staff, "Applied"), seconds=30, what="the event to be applied")
    staff.expect("What it did")
    staff.expect('"event_type"')
    staff.tab.assert_clean()
    staff.press("Apply again")
    until(lambda: _reloaded(staff, "Applied"), seconds=30, what="the event to be applied again")


def test_a_dead_letter_is_found_and_brought_back(staff: Someone) -> None:
    """Points 9 and 11: one that was given up is under its state, and applying it again ends well."""
    stack, event = staff.stack, f"dead-{uuid4().hex[:8]}"
    rows(
        stack,
        "insert into billing.inbox (kind, dedupe_key, event_id, event_type, object_kind, object_zoho_id,"
        " state, last_error, attempts)"
        " values ('webhook', %s, %s, 'subscription_renewed', 'subscription', %s, 'dead', 'poison', 12)",
        event,
        event,
        adas(stack),
    )
    staff.go("/admin/events")
    staff.page.get_by_label("State").select_option("dead")
    staff.press("Apply")
    staff.page.locator("#results a").first.click()
    staff.expect("poison")
    staff.tab.assert_clean()
    staff.press("Apply again")
    until(lambda: _reloaded(staff, "Applied"), seconds=40, what="the dead letter to be applied")


def test_a_difference_is_found_by_comparing_and_each_is_repaired_or_left(staff: Someone) -> None:
    """Point 11: compare now with progress; what differs, with both values; repaired on the way."""
    stack, subscription = staff.stack, adas(staff.stack)
    rows(
        stack,
        "update billing.subscriptions set plan_name = 'Wrong',"
        " zoho_updated_at = zoho_updated_at - interval '1 day' where zoho_id = %s",
        subscription,
    )
    staff.go("/admin/runs")
    staff.press("Compare everything now")
    until(lambda: _reloaded(staff, "Done"), seconds=90, what="the comparison to end")
    staff.expect("Differences found")
    staff.tab.assert_clean()
    staff.follow("See the differences")
    staff.expect(subscription)
    staff.expect("Wrong")
    run = rows(stack, "select id from billing.sync_runs limit 1")[0][0]
    for zoho_id, field in ((subscription, "amount"), (subscription, "quantity"), ("elsewhere", "status")):
        rows(
            stack,
            "insert into billing.drift (run_id, kind, object_kind, object_zoho_id, field, ours, theirs)"
            " values (%s, 'differs', 'subscription', %s, %s, 'a', 'b')",
            run,
            zoho_id,
            field,
        )
    staff.go("/admin/drift")
    staff.tab.assert_clean()
    leave = staff.page.locator("section.panel", has_text="elsewhere")
    leave.get_by_role("button", name="Leave it as it is").click()
    staff.page.wait_for_load_state()
    repair = staff.page.locator("section.panel", has_text="quantity")
    assert "amount" in repair.inner_text()
    repair.get_by_role("button", name="Read it from Zoho again").click()
    staff.page.wait_for_load_state()
    assert rows(stack, "select 1 from billing.drift where field = 'status' and acknowledged_at is not null")
    still = "select 1 from billing.drift where object_zoho_id = %s and repaired_at is null"
    until(lambda: not rows(stack, still, subscription), seconds=40, what="the repair")


def test_a_customer_is_found_and_read_again(staff: Someone) -> None:
    """Point 11: mirrored data with where it comes from, and a refresh of all of it."""
    staff.go("/admin/customers")
    staff.page.get_by_label("Name, e-mail address or Zoho's id").fill("lovelace")
    staff.press("Find")
    staff.expect("Ada Lovelace")
    staff.follow("Ada Lovelace")
    staff.expect("As of")
    staff.expect("Team monthly")
    staff.tab.assert_clean()
    rows(staff.stack, "update billing.customers set display_name = 'Old name' where email = %s", ADA)
    staff.press("Read from Zoho again")
    until(lambda: _reloaded(staff, "Ada Lovelace"), seconds=40, what="the customer to be read")


def test_zoho_is_connected_in_the_browser(staff: Someone) -> None:
    """Point 11: refused first, then agreed to; the granted scopes are shown."""
    staff.go("/admin/zoho-connection")
    _leave_for_zoho(staff)
    staff.page.get_by_role("button", name="Reject").click()
    staff.page.wait_for_url(f"{staff.stack.portal_url}/admin/**")
    staff.expect("Connect")
    staff.tab.assert_clean()
    staff.go("/admin/zoho-connection")
    _leave_for_zoho(staff)
    staff.page.get_by_role("button", name="Accept").click()
    staff.page.wait_for_url(f"{staff.stack.portal_url}/admin/**")
    staff.tab.assert_clean()
    staff.press("Finish")
    staff.expect("Granted scopes")
    staff.expect("10000001")


def test_the_commands_do_the_same_without_a_browser(stack: Stack) -> None:
    """Point 9: rebuild and replay, to the end and in a line of words; every demo begins with a reconcile."""
    subscription = adas(stack)
    broken = "update billing.subscriptions set raw = raw - 'amount', amount = 1 where zoho_id = %s"
    dead = "update billing.inbox set state = 'dead' where id in (select id from billing.inbox limit 1)"
    right = "select amount > 1 and raw ? 'amount' from billing.subscriptions where zoho_id = %s"
    rows(stack, broken, subscription)
    assert "rebuild: " in stack.portal("rebuild")
    assert rows(stack, right, subscription) == [(True,)]
    rows(stack, dead)
    assert "replay: " in stack.portal("replay")
    assert rows(stack, "select 1 from billing.inbox where state = 'dead'") == []


def test_the_pages_of_staff_are_not_there_for_others(
    make_app: Callable[..., Flask], stack: Stack, tab: Tab
) -> None:
    """AC-07"""
    who = person(make_app, stack, tab, "curious").come_in()
    for path in ("/admin", "/admin/events", "/admin/zoho-connection"):
        who.go(path)
        who.expect("Page not found")


def test_conv_08_what_changes_at_zoho_is_here_within_ten_seconds(stack: Stack) -> None:
    """From the act in Zoho by webhook, worker and a read of the object to the mirror that pages show."""
    others = [one for one in stack.sandbox.state("subscriptions") if one["customer"]["email"] != ADA]
    running = [one["subscription_id"] for one in others if one["status"] in ("live", "trial", "dunning")]
    assert len(running) >= 2
    for zoho_id in running:
        stack.sandbox.control("act", {"kind": "cancel", "subscription_id": zoho_id})
    ended = "select count(*) from billing.subscriptions where zoho_id = any (%s) and status = 'cancelled'"
    until(lambda: rows(stack, ended, running) == [(len(running),)], seconds=10, what="all that was cancelled")


def _leave_for_zoho(staff: Someone) -> None:
    staff.press("Connect")
    staff.expect("Zoho will ask you to sign in")
    staff.follow("Continue to")


def _reloaded(who: Someone, words: str) -> bool:
    who.page.reload()
    return who.reads(words)


def _somebodys(stack: Stack) -> str:
    """A running subscription of somebody but Ada."""
    found = stack.sandbox.state("subscriptions")
    others = [one for one in found if one["customer"]["email"] != ADA and one["status"] in ("live", "trial")]
    return str(others[0]["subscription_id"])
