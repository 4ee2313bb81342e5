"""Changing and ending subscriptions: each act has one effect, an honest answer, and a way back."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from portal.db import transaction
from portal.sync import acts, catalogue, refresh
from portal.sync import intents as intents_of
from portal.zoho.calls import Call
from tests.harness.people import later
from tests.purchase.conftest import Shopper

Enter = Callable[[str], Shopper]


@pytest.fixture
def owner(shopper: Shopper) -> Shopper:
    """Somebody who has Team monthly, paid by card."""
    shopper.buy("team-m")
    return shopper


def there(shopper: Shopper) -> dict[str, Any]:
    return shopper.subscriptions_at_zoho()[0]


def address(shopper: Shopper, noun: str = "") -> str:
    row = shopper.rows(
        "select id from billing.subscriptions where customer_zoho_id = %s", there(shopper)["customer_id"]
    )
    return f"/subscriptions/{row[0]['id']}{noun}"


def intents(shopper: Shopper, kind: str) -> list[str]:
    return [row["state"] for row in shopper.rows("select state from billing.intents where kind = %s", kind)]


def change(shopper: Shopper, plan: str, **values: Any) -> Any:
    """Fill in the plan change as a person does: choose, look at the amounts, confirm."""
    noun = address(shopper, "/plan-change")
    when = {"when": values.pop("when", "now")}
    query = {"plan": plan, "quantity": 1, **values, **when}
    shopper.visitor.get(noun, query_string=query)
    return shopper.visitor.submit(action=noun)


# --- change of plan ---------------------------------------------------------------------------------


def test_an_upgrade_now_is_charged_as_estimated(owner: Shopper) -> None:
    page = change(owner, "team-y")
    assert page.shows("Your plan is changed.")
    assert there(owner)["plan"]["plan_code"] == "team-y"
    assert page.heading.startswith("Team yearly costs $529.20")


def test_a_change_at_the_end_of_the_term_is_shown_and_can_be_dropped(owner: Shopper) -> None:
    page = change(owner, "starter-m", when="end")
    assert page.shows("planned for the end of the term")
    assert there(owner)["plan"]["plan_code"] == "team-m"
    owner.visitor.get(address(owner, "/scheduled-change"))
    dropped = owner.visitor.submit(action=address(owner, "/scheduled-change/removal"))
    assert dropped.shows("The planned change is dropped")
    row = owner.rows("select has_scheduled_change, plan_code from billing.subscriptions")[0]
    assert (row["has_scheduled_change"], row["plan_code"]) == (False, "team-m")


def test_addons_are_kept_when_the_quantity_changes(owner: Shopper) -> None:
    """U9: the full list of addons is always sent."""
    change(owner, "team-m", **{"addon:seat-m": 2})
    owner.visitor.get(address(owner, "/plan-change"), query_string={"plan": "team-m"}, status=422)
    seats = owner.visitor.last.soup.find("input", attrs={"name": "addon:seat-m"})  # type: ignore[union-attr]
    assert seats["value"] == "2"
    change(owner, "team-m", quantity=3, **{"addon:seat-m": 2})
    assert [(one["addon_code"], one["quantity"]) for one in _detail(owner)["addons"]] == [("seat-m", 2)]


def test_what_is_there_already_is_refused(owner: Shopper) -> None:
    page = owner.visitor.get(
        address(owner, "/plan-change"),
        query_string={"plan": "team-m", "quantity": 1, "when": "now"},
        status=422,
    )
    assert page.shows("That is what you have already")


def test_a_changed_price_refuses_the_change_and_shows_the_new_estimate(owner: Shopper) -> None:
    """AC-06."""
    noun = address(owner, "/plan-change")
    owner.visitor.get(noun, query_string={"plan": "team-y"})
    owner.sandbox.control("act", {"kind": "change_price", "plan_code": "team-y", "price": 600})
    catalogue.refresh_all(owner.services, source="reconcile")
    page = owner.visitor.submit(action=noun, status=409)
    assert page.shows("The amounts changed while this page was open")
    assert there(owner)["plan"]["plan_code"] == "team-m"
    assert intents(owner, "change_plan") == []


def test_without_an_estimate_zohos_page_tells_the_amount(owner: Shopper) -> None:
    """Scale has a setup fee, whose handling in a change is not documented."""
    noun = address(owner, "/plan-change")
    page = owner.visitor.get(noun, query_string={"plan": "scale-m"})
    assert page.shows("The amount is told on the payment page")
    sent = owner.visitor.submit(action=noun, status=303, follow=False)
    back = owner.come_back(owner.pay(sent.response.headers["Location"]))
    assert back.heading == "Done: confirmed by Zoho"
    assert there(owner)["plan"]["plan_code"] == "scale-m"
    row = owner.rows("select plan_code from billing.subscriptions")[0]
    assert row["plan_code"] == "scale-m"


def test_zohos_page_is_no_way_around_an_act_under_way(owner: Shopper) -> None:
    """CONV-03: a change that goes through Zoho's page asks first whether a change is open."""
    noun = address(owner, "/plan-change")
    owner.visitor.get(noun, query_string={"plan": "scale-m"})
    with transaction.as_worker(owner.services.pool) as conn:
        row = owner.rows("select account_id, zoho_id from billing.subscriptions")[0]
        intents_of.record(
            conn,
            intents_of.Wish("k1", "pause", row["account_id"], None, {}, "subscription", row["zoho_id"]),
        )
    owner.visitor.submit(action=noun, status=409)
    assert [row["kind"] for row in owner.checkouts()] == ["new_subscription"]


def test_a_subscription_that_has_ended_cannot_be_changed_through_zohos_page(owner: Shopper) -> None:
    noun = address(owner, "/plan-change")
    owner.visitor.get(noun, query_string={"plan": "scale-m"})
    zoho_id = there(owner)["subscription_id"]
    owner.sandbox.control("act", {"kind": "cancel", "subscription_id": zoho_id})
    refresh.refresh(owner.services, "subscription", zoho_id, source="webhook")
    page = owner.visitor.submit(action=noun, status=422)
    assert page.shows("not running")
    assert [row["kind"] for row in owner.checkouts()] == ["new_subscription"]


def test_the_merchant_can_forbid_a_direction(owner: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = owner.services.settings
    monkeypatch.setitem(rules.__dict__, "allow_downgrade", False)
    page = owner.visitor.get(
        address(owner, "/plan-change"),
        query_string={"plan": "starter-m", "quantity": 1, "when": "now"},
        status=422,
    )
    assert page.shows("Moving to a smaller plan is not offered here")


def test_over_generated_changes_the_estimate_is_the_invoice_to_the_cent(shop: Enter) -> None:
    """Issue: the estimate equals Zoho's invoice, or was refused."""
    dice = random.Random(20261123)
    compared = 0
    for number in range(8):
        shopper = shop(f"case{number}@example.com")
        first = {"quantity": dice.randint(1, 4), "addon:seat-m": dice.choice([0, 0, 3])}
        shopper.buy("team-m", **first)
        shopper.sandbox.advance(dice.choice([1, 2, 7, 13, 20]))
        shopper.services.zoho.fetch_organizations()
        refresh.refresh(shopper.services, "subscription", there(shopper)["subscription_id"], source="webhook")
        compared += _compare(shopper, dice)
    assert compared >= 6


def test_an_addon_without_tax_comes_back_without_tax(shopper: Shopper) -> None:
    """Items of one subscription may be taxed differently; the credit is for what was charged."""
    zoho = shopper.services.zoho
    body = {
        "addon_code": "manual",
        "name": "Manual",
        "unit_name": "copy",
        "pricing_scheme": "unit",
        "price_brackets": [{"price": 20}],
        "type": "recurring",
        "interval_unit": "monthly",
        "product_id": zoho.fetch_plan("team-m").product_zoho_id,
    }
    zoho._caller.ask(Call("POST", "/addons", body=body))
    catalogue.refresh_all(shopper.services, source="reconcile")
    shopper.buy("team-m", quantity=1, **{"addon:manual": 5})
    shopper.sandbox.advance(10)
    zoho.fetch_organizations()

    assert _is_charged_as_estimated(shopper, "team-m", {"quantity": 4, "addon:manual": 1})


def _compare(shopper: Shopper, dice: random.Random) -> int:
    plan = dice.choice(["team-m", "team-y", "team-m"])
    suffix = plan.rpartition("-")[2]
    wanted = {"quantity": dice.randint(5, 9), f"addon:seat-{suffix}": dice.randint(0, 3)}
    return _is_charged_as_estimated(shopper, plan, wanted)


def _is_charged_as_estimated(shopper: Shopper, plan: str, wanted: dict[str, Any]) -> bool:
    """Change the plan now and compare; False where there was no estimate."""
    noun = address(shopper, "/plan-change")
    wanted = {**wanted, "when": "now"}
    shopper.visitor.get(noun, query_string={"plan": plan, **wanted})
    stamp = shopper.visitor.last.soup.find("input", attrs={"name": "stamp"})["value"]  # type: ignore[union-attr]
    if stamp == "no estimate":
        return False
    due, following, _currency, next_on = stamp.split("/")
    page = shopper.visitor.submit(action=noun)
    assert page.shows("Your plan is changed."), page.text
    detail = _detail(shopper)
    invoice = next(
        one for one in shopper.sandbox.state("invoices") if one["invoice_id"] == detail["child_invoice_id"]
    )
    charged = Decimal(str(invoice["total"])) - Decimal(str(invoice.get("credits_applied", 0)))
    assert charged == Decimal(due), (wanted, stamp, invoice)
    assert Decimal(str(detail["amount"])) == Decimal(following)
    assert detail["next_billing_at"] == next_on
    return True


def _detail(shopper: Shopper) -> dict[str, Any]:
    found = shopper.services.zoho.fetch_subscription(there(shopper)["subscription_id"])
    return dict(found.raw)


# --- cancel, keep, pause ------------------------------------------------------------------------------


def test_cancelled_at_the_end_and_kept_after_all(owner: Shopper) -> None:
    owner.visitor.get(address(owner, "/cancellation"))
    page = owner.visitor.submit({"reason": "Too quiet"}, action=address(owner, "/cancellation"))
    assert page.shows("Your subscription is cancelled.")
    assert there(owner)["status"] == "non_renewing"
    owner.visitor.get(address(owner, "/cancellation/undo"))
    page = owner.visitor.submit(action=address(owner, "/cancellation/undo"))
    assert page.shows("Your subscription goes on.")
    assert there(owner)["status"] == "live"
    told = owner.visitor.get("/account/history")
    assert told.shows("Team monthly was cancelled for the end of its term")
    assert told.shows("Team monthly was kept after all")
    assert told.shows("Team monthly was bought")


def test_ending_now_needs_the_merchants_leave(owner: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.visitor.get(address(owner, "/cancellation"))
    owner.visitor.submit({"when": "now"}, action=address(owner, "/cancellation"), status=422)
    assert there(owner)["status"] == "live"
    monkeypatch.setitem(owner.services.settings.__dict__, "allow_cancel", "both")
    owner.visitor.get(address(owner, "/cancellation"))
    owner.visitor.submit({"when": "now"}, action=address(owner, "/cancellation"))
    assert there(owner)["status"] == "cancelled"


def test_pause_and_resume_where_the_merchant_offers_it(
    owner: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.visitor.get(address(owner, "/pause"), status=409)
    monkeypatch.setitem(owner.services.settings.__dict__, "allow_pause", True)
    owner.visitor.get(address(owner, "/pause"))
    assert owner.visitor.submit(action=address(owner, "/pause")).shows("Your subscription is paused.")
    assert there(owner)["status"] == "paused"
    owner.visitor.get(address(owner, "/resumption"))
    assert owner.visitor.submit(action=address(owner, "/resumption")).shows("Your subscription goes on.")
    assert there(owner)["status"] == "live"


def test_nothing_to_undo_says_so(owner: Shopper) -> None:
    page = owner.visitor.get(address(owner, "/cancellation/undo"), status=409)
    assert page.shows("not about to end")


# --- when something goes wrong -----------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["timeout", "timeout_after_effect"])
def test_a_lost_answer_is_looked_up_and_the_page_says_so(owner: Shopper, fault: str) -> None:
    """CONV-04."""
    owner.visitor.get(address(owner, "/cancellation"))
    weather = {"api": {"next": [fault], "match": {"method": "POST", "path": "/subscriptions"}, "hold_s": 0.1}}
    owner.sandbox.control("faults", weather)
    page = owner.visitor.submit(action=address(owner, "/cancellation"))
    assert page.shows("checking whether it went through")
    blocked = owner.visitor.get(address(owner, "/plan-change"), query_string={"plan": "team-y"}, status=409)
    assert blocked.shows("still being confirmed")
    owner.sandbox.control("faults", {})
    with later(minutes=6):
        acts.resolve_due(owner.services)
    settled, status = {"timeout": ("abandoned", "live"), "timeout_after_effect": ("done", "non_renewing")}[
        fault
    ]
    assert intents(owner, "cancel") == [settled]
    assert there(owner)["status"] == status
    shown = owner.visitor.get(page.url)
    assert shown.shows("Done, confirmed by Zoho" if settled == "done" else "did not go through")


def test_a_done_act_is_followed_until_the_mirror_shows_it(owner: Shopper) -> None:
    """Zoho did it and then could not be read: the worker reads it later, no event needed."""
    owner.visitor.get(address(owner, "/cancellation"))
    owner.sandbox.control("faults", {"api": {"503": 1.0, "match": {"method": "GET"}}})
    owner.visitor.submit(action=address(owner, "/cancellation"))
    owner.sandbox.control("faults", {})
    status = "select status from billing.subscriptions where account_id is not null"
    assert (intents(owner, "cancel"), owner.rows(status)) == (["done"], [{"status": "live"}])
    with later(minutes=2):
        assert acts.resolve_due(owner.services) == 1
        assert owner.rows(status) == [{"status": "non_renewing"}]
        assert acts.resolve_due(owner.services) == 0


def test_zohos_refusal_is_told_and_the_answers_are_kept(owner: Shopper) -> None:
    owner.visitor.get(address(owner, "/cancellation"))
    owner.sandbox.control("act", {"kind": "cancel", "subscription_id": there(owner)["subscription_id"]})
    page = owner.visitor.submit({"reason": "Moving away"}, action=address(owner, "/cancellation"), status=422)
    assert page.soup.find("textarea", attrs={"name": "reason"}).get_text() == "Moving away"
    assert intents(owner, "cancel") == ["refused"]


def test_a_key_that_was_used_for_something_else_is_refused(owner: Shopper) -> None:
    """CONV-03: the same key with other content is another wish, and not this form's."""
    owner.visitor.get(address(owner, "/cancellation"))
    form = owner.visitor.last
    owner.visitor.submit({"reason": "Too quiet"}, action=address(owner, "/cancellation"))
    owner.visitor.last = form
    page = owner.visitor.submit({"reason": "Too loud"}, action=address(owner, "/cancellation"), status=422)
    assert page.shows("This form was already used for something else.")
    assert intents(owner, "cancel") == ["done"]


def test_somebody_elses_card_is_not_to_be_had(shop: Enter) -> None:
    """AC-01, AC-03: a foreign id in a form is as unknown as an invented one, wherever a form takes one."""
    mallory, victim = shop("mallory@example.com"), shop("victim@example.com")
    victim.buy("team-m")
    theirs = there(victim)["card"]["card_id"]
    mallory.buy("team-m")
    for foreign in (theirs, "5120000000009999"):
        mallory.visitor.get(address(mallory, "/payment-method"))
        mallory.visitor.submit({"method": foreign}, action="/payment-method", status=422)
        mallory.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"})
        mallory.visitor.submit({"payment": foreign}, action="/checkouts", status=422)
    assert intents(mallory, "use_method") == intents(mallory, "create_subscription") == []
    assert there(mallory)["card"]["card_id"] != theirs


def test_a_new_tab_after_a_long_time_asks_who_it_is_before_cancelling(owner: Shopper) -> None:
    """SES-08: cancelling wants a proof that is at most ten minutes old."""
    with later(minutes=15):
        page = owner.visitor.get(address(owner, "/cancellation"))
    assert page.url.startswith("/reauthentication")


def test_every_write_at_zoho_is_in_the_trail_inv_11(owner: Shopper) -> None:
    """INV-11: who, by which key, what was asked, and what came of it."""
    change(owner, "team-y")
    writes = owner.rows("select endpoint from billing.zoho_calls where method <> 'GET'")
    trail = owner.rows(
        "select action, actor_id, account_id, detail from billing.activity where action ~ %s",
        r"^(checkout:page_made|[a-z_]+:(done|refused|abandoned))$",
    )
    assert len(writes) >= 3
    assert len(trail) == len(writes), (writes, trail)
    for line in trail:
        assert line["actor_id"]
        assert line["account_id"]
        assert line["detail"]["key"]
        assert len(line["detail"]["request_hash"]) >= 32
