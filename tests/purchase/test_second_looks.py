"""What is told of an act or a purchase whose answer was lost, late, or no clear yes (CONV-04, INV-2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from portal import clock
from portal.db import transaction
from portal.sync import acts, checkouts, intents, refresh
from portal.sync.intents import Act, Wish
from portal.zoho.calls import Call, Caller
from portal.zoho.client import ZohoClient
from portal.zoho.errors import BadAnswer
from portal.zoho.payloads import Payment
from tests.harness.people import later
from tests.purchase.conftest import Shopper
from tests.purchase.every_act import declined, own

Enter = Callable[[str], Shopper]


@pytest.fixture
def owner(shopper: Shopper) -> Shopper:
    """Somebody who has Team monthly, paid by card."""
    shopper.buy("team-m")
    return shopper


def record(
    shopper: Shopper, kind: str, request: dict[str, Any], key: str = "k1", **more: Any
) -> intents.Intent:
    """Commit an act without sending it, as a process that dies right then leaves it."""
    (row,) = shopper.rows("select account_id, zoho_id from billing.subscriptions")
    given = {"subject_kind": "subscription", "subject_zoho_id": row["zoho_id"], **more}
    with transaction.as_worker(shopper.services.pool) as conn:
        return intents.record(conn, Wish(key, kind, row["account_id"], None, request, **given))


def lose_answers(shopper: Shopper, method: str = "POST") -> None:
    """Let Zoho not do, and not answer, the next call of the kind."""
    weather = {"api": {"next": ["timeout"], "match": {"method": method}, "hold_s": 0.1}}
    shopper.sandbox.control("faults", weather)


def states(shopper: Shopper, kind: str) -> list[str]:
    return [row["state"] for row in shopper.rows("select state from billing.intents where kind = %s", kind)]


def resolve(shopper: Shopper, minutes: int = 6) -> None:
    shopper.sandbox.control("faults", {})
    with later(minutes=minutes):
        acts.resolve_due(shopper.services)


def test_a_click_of_hours_ago_is_not_sent_any_more(owner: Shopper) -> None:
    """The process died before it called, and no worker ran: a late charge or cancellation surprises."""
    record(owner, "cancel", {"at_end": False})
    with later(hours=2):
        acts.resolve_due(owner.services)
    assert states(owner, "cancel") == ["abandoned"]
    assert owner.subscriptions_at_zoho()[0]["status"] == "live"


def test_a_click_of_a_minute_ago_is_sent(owner: Shopper) -> None:
    record(owner, "cancel", {"at_end": False})
    with later(minutes=2):
        acts.resolve_due(owner.services)
    assert states(owner, "cancel") == ["done"]


@pytest.mark.parametrize("staff", ["void_invoice", "write_off"])
def test_a_balance_that_staff_took_away_is_no_payment(shopper: Shopper, staff: str) -> None:
    """CONV-04: the charge was lost before it took effect; nobody may be told that it was accepted."""
    declined(shopper)
    (invoice,) = shopper.rows("select id, zoho_id from billing.invoices where balance > 0")
    shopper.visitor.get(f"/invoices/{invoice['id']}/payment")
    lose_answers(shopper)
    shopper.visitor.submit(action=f"/invoices/{invoice['id']}/payment")
    assert states(shopper, "collect") == ["unknown"]
    shopper.sandbox.control("faults", {})
    shopper.sandbox.control("act", {"kind": staff, "invoice_id": invoice["zoho_id"]})

    resolve(shopper)

    assert states(shopper, "collect") == ["abandoned"]


def lose_a_planned_change(owner: Shopper) -> str:
    """Plan a change for the end of the term and lose Zoho's answer; return the subscription's id there."""
    (row,) = owner.rows("select id, zoho_id from billing.subscriptions")
    noun = f"/subscriptions/{row['id']}/plan-change"
    owner.visitor.get(noun, query_string={"plan": "starter-m", "quantity": 1, "when": "end"})
    lose_answers(owner, "PUT")
    owner.visitor.submit(action=noun)
    return str(row["zoho_id"])


def test_a_change_that_staff_planned_is_not_the_one_asked_for(owner: Shopper) -> None:
    subscription_id = lose_a_planned_change(owner)
    assert states(owner, "change_plan") == ["unknown"]
    owner.sandbox.control("faults", {})
    theirs = {"plan": {"plan_code": "team-m", "quantity": 5}, "addons": [], "end_of_term": True}
    owner.services.zoho.change_plan(subscription_id, theirs)

    resolve(owner)

    assert states(owner, "change_plan") == ["abandoned"]


def test_a_planned_change_that_has_come_meanwhile_is_done(owner: Shopper) -> None:
    """CONV-04: lost at the very end of the term; a second try would be told that it is there already."""
    subscription_id = lose_a_planned_change(owner)
    owner.sandbox.control("faults", {})
    arrived = {"plan": {"plan_code": "starter-m", "quantity": 1}, "addons": [], "end_of_term": False}
    owner.services.zoho.change_plan(subscription_id, arrived)

    resolve(owner)

    assert states(owner, "change_plan") == ["done"]


def test_no_trace_yet_is_no_proof_that_nothing_happened(owner: Shopper) -> None:
    """CONV-04: Zoho's lists lag behind its writes by minutes, and whoever is told "no" tries again."""
    wanted = record(owner, "cancel", {"at_end": False})
    lose_answers(owner)
    intents.perform(owner.services, acts.ACTS, wanted.id)
    resolve(owner, minutes=1)
    assert states(owner, "cancel") == ["unknown"]
    resolve(owner, minutes=6)
    assert states(owner, "cancel") == ["abandoned"]


def test_an_act_that_somebody_is_carrying_out_is_not_looked_up(owner: Shopper) -> None:
    """Its answer is on the way; only when its process has been silent for long is it nobody's."""
    wanted = record(owner, "cancel", {"at_end": False})
    with later(minutes=5):
        claimed = intents._claim(owner.services, wanted.id)
        assert claimed is not None
        assert acts.resolve_due(owner.services) == 0
    with later(minutes=7):
        assert acts.resolve_due(owner.services) == 1


def test_a_day_that_staff_had_planned_is_not_the_resumption_asked_for(
    owner: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-2: nobody may be told that it goes on today because it goes on next week."""
    monkeypatch.setitem(owner.services.settings.__dict__, "allow_pause", True)
    (row,) = owner.rows("select id, zoho_id from billing.subscriptions")
    noun = f"/subscriptions/{row['id']}"
    for act in ("/pause", "/resumption"):
        owner.visitor.get(f"{noun}{act}")
        if act == "/resumption":
            next_week = clock.today("UTC") + timedelta(days=7)
            owner.services.zoho.resume(row["zoho_id"], next_week.isoformat())
            lose_answers(owner)
        owner.visitor.submit(action=f"{noun}{act}")
    assert states(owner, "resume") == ["unknown"]

    resolve(owner)

    assert states(owner, "resume") == ["abandoned"]
    assert owner.subscriptions_at_zoho()[0]["status"] == "paused"


def test_a_card_that_was_there_before_is_not_yet_charged_by_itself(owner: Shopper) -> None:
    """INV-2: the same card, of a subscription that staff had taken out of automatic collection."""
    (row,) = owner.rows("select zoho_id, payment_method_zoho_id as card from billing.subscriptions")
    owner.services.zoho.attach_card(row["zoho_id"], row["card"], auto_collect=False)
    wanted = record(owner, "use_method", {"method_zoho_id": row["card"]})
    lose_answers(owner)
    intents.perform(owner.services, acts.ACTS, wanted.id)
    assert states(owner, "use_method") == ["unknown"]

    resolve(owner)

    assert states(owner, "use_method") == ["abandoned"]


@pytest.mark.parametrize("fate", ["timeout", "timeout_after_effect"])
@pytest.mark.parametrize("quantity", [1, 3])
def test_a_change_with_something_bought_once_is_known_by_its_invoice(
    owner: Shopper, fate: str, quantity: int
) -> None:
    """CONV-04: what is charged once is no part of the subscription; told of no trace, one pays it again."""
    (row,) = owner.rows("select id from billing.subscriptions")
    noun = f"/subscriptions/{row['id']}/plan-change"
    choice = {"plan": "team-m", "quantity": quantity, "addon:onboarding": 1, "when": "now"}
    owner.visitor.get(noun, query_string=choice)
    weather = {"api": {"next": [fate], "match": {"method": "PUT"}, "hold_s": 0.1}}
    owner.sandbox.control("faults", weather)
    owner.visitor.submit(action=noun)

    resolve(owner)

    charged = [one for one in owner.sandbox.state("invoices") if Decimal(str(one["total"])) > 200]
    mine = [one for one in charged if one["customer_id"] == owner.subscriptions_at_zoho()[0]["customer_id"]]
    told, times = {"timeout": ("abandoned", 0), "timeout_after_effect": ("done", 1)}[fate]
    assert states(owner, "change_plan") == [told]
    assert len(mine) == times


def test_a_scheduled_change_without_details_holds_up_no_subscription(
    owner: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """facts.md 3.6: what Zoho answers when nothing is planned is not recorded; it may be a bare yes."""
    zoho_id = owner.subscriptions_at_zoho()[0]["subscription_id"]
    change = {"plan": {"plan_code": "team-m", "quantity": 5}, "addons": [], "end_of_term": True}
    owner.services.zoho.change_plan(zoho_id, change)
    ask = Caller.ask

    def bare(caller: Caller, call: Call) -> dict[str, Any]:
        is_plan = call.path.endswith("/scheduledchanges")
        return {"code": 0, "message": "success"} if is_plan else ask(caller, call)

    monkeypatch.setattr(Caller, "ask", bare)

    assert refresh.refresh(owner.services, "subscription", zoho_id, source="webhook") is not None
    (row,) = owner.rows("select has_scheduled_change, scheduled_change from billing.subscriptions")
    assert (row["has_scheduled_change"], row["scheduled_change"]) == (True, None)


def test_an_act_that_cannot_be_looked_up_is_in_nobodys_way_inv_10(
    owner: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one; with a page of one act a turn, the next turn is another's."""

    def riddle(*_: Any) -> None:
        raise KeyError("a riddle")

    monkeypatch.setitem(acts.ACTS, "pause", Act(riddle, riddle, riddle))  # type: ignore[arg-type]
    first = record(owner, "pause", {}, "k1", subject_zoho_id="S1")
    record(owner, "cancel", {"at_end": False}, "k2")
    with transaction.as_worker(owner.services.pool) as conn:
        conn.execute("update billing.intents set next_check_at = created_at where id = %s", [first.id])

    with later(minutes=2):
        assert [acts.resolve_due(owner.services, 1) for _ in range(3)] == [1, 1, 0]

    assert states(owner, "cancel") == ["done"]


# --- purchases --------------------------------------------------------------------------------------


def not_started(method: Any) -> Callable[..., Any]:
    """Answer as Zoho does for a subscription whose first payment failed (facts.md 3.1)."""

    def answer(*args: Any) -> Any:
        return method(*args).model_copy(update={"status": "creation_failed"})

    return answer


def test_a_subscription_whose_first_payment_failed_is_not_bought(
    owner: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trigger is not documented: it may come as an answer, or be found by the key afterwards."""
    monkeypatch.setattr(ZohoClient, "create_subscription", not_started(ZohoClient.create_subscription))
    owner.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"})
    page = owner.visitor.submit(action="/checkouts", status=422)
    assert page.shows("The first payment did not go through")
    assert states(owner, "create_subscription") == ["refused"]


def test_a_failed_creation_that_is_found_by_its_key_says_why(
    owner: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost; the person is told at once, and not minutes later that there is no trace."""
    choice = {"plan": "analytics-m", "quantity": 1, "addons": [], "coupon": ""}
    purchase = {"subject_kind": "purchase", "subject_zoho_id": "x"}
    wanted = record(owner, "create_subscription", {"choice": choice}, **purchase)
    lose_answers(owner)
    intents.perform(owner.services, acts.ACTS, wanted.id)
    mine = owner.services.zoho.fetch_subscription(owner.subscriptions_at_zoho()[0]["subscription_id"])
    failed = mine.model_copy(update={"status": "creation_failed"})
    monkeypatch.setattr(ZohoClient, "find_subscriptions_by_reference", lambda *_: [failed])

    resolve(owner, minutes=1)

    (act,) = owner.rows("select state, problem from billing.intents where kind = 'create_subscription'")
    assert act["state"] == "refused"
    assert "The first payment did not go through" in act["problem"]


def test_a_failed_creation_completes_no_purchase(shopper: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
    shopper.pay(shopper.choose())
    (there,) = shopper.subscriptions_at_zoho()
    monkeypatch.setattr(ZohoClient, "fetch_subscription", not_started(ZohoClient.fetch_subscription))

    refresh.refresh(shopper.services, "subscription", there["subscription_id"], source="webhook")

    assert [row["state"] for row in shopper.checkouts()] == ["open"]


def test_paid_stays_paid_whatever_a_lagging_read_says(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FLT: Zoho's reads lag by minutes. A page that was paid must not end as expired."""
    answer = shopper.pay(shopper.choose())
    away = {"api": {"503": 1.0, "match": {"method": "GET", "path": "/subscriptions"}}}
    shopper.sandbox.control("faults", away)
    shopper.come_back(answer)
    assert [row["state"] for row in shopper.checkouts()] == ["confirming"]
    shopper.sandbox.control("faults", {})
    fetch = ZohoClient.fetch_hosted_page

    def stale(client: ZohoClient, page_id: str) -> Any:
        return fetch(client, page_id).model_copy(update={"status": "read", "data": {}})

    monkeypatch.setattr(ZohoClient, "fetch_hosted_page", stale)
    monkeypatch.setattr(ZohoClient, "find_subscriptions_by_reference", lambda *_: [])
    with later(hours=2):
        checkouts.settle_due(shopper.services)

    assert [row["state"] for row in shopper.checkouts()] == ["confirming"]


def test_before_a_purchase_is_called_off_its_key_is_searched_for(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-2: paid in the page's last moment, of which the page itself tells nothing."""
    shopper.pay(shopper.choose())
    fetch = ZohoClient.fetch_hosted_page

    def silent(client: ZohoClient, page_id: str) -> Any:
        return fetch(client, page_id).model_copy(update={"status": "cancelled", "data": {}})

    monkeypatch.setattr(ZohoClient, "fetch_hosted_page", silent)
    with later(minutes=2):
        checkouts.settle_due(shopper.services)

    assert [row["state"] for row in shopper.checkouts()] == ["completed"]


def test_a_decline_that_is_told_as_a_payment_is_none(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """facts.md U12: Zoho may refuse the call, or answer with a payment that failed."""
    declined(shopper)
    (invoice,) = shopper.rows("select id from billing.invoices where balance > 0")
    noun = f"/invoices/{invoice['id']}/payment"
    shopper.visitor.get(noun)
    failed = Payment.parse({"payment_id": "1", "amount": 1, "status": "failure"})
    monkeypatch.setattr(ZohoClient, "collect", lambda *_: failed)

    page = shopper.visitor.submit(action=noun, status=422)

    assert page.shows("Nothing was charged.")
    assert states(shopper, "collect") == ["refused"]


def test_a_page_that_never_comes_is_given_up_and_costs_less_and_less(shopper: Shopper) -> None:
    """INV-10, API-01: each try costs calls that others need."""
    shopper.sandbox.control("faults", {"api": {"503": 1.0, "match": {"path": "/hostedpages"}}})
    shopper.choose()
    tries = 0
    for minutes in range(1, 70):
        with later(minutes=minutes):
            before = shopper.checkouts()[0]["attempts"]
            checkouts.settle_due(shopper.services)
            tries += shopper.checkouts()[0]["attempts"] > before
    shopper.sandbox.control("faults", {})

    assert shopper.checkouts()[0]["state"] == "failed"
    assert tries < 14
    page = shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}")
    assert page.shows("Start again with the same choice")


def test_a_page_whose_hour_is_over_is_not_where_a_click_leads(shopper: Shopper) -> None:
    """Its last moments may still have paid; until that is known there is no second page either."""
    shopper.choose()
    over_for(shopper, minutes=1)
    where = shopper.choose()
    assert where.startswith("/checkouts/")
    assert shopper.visitor.get(where).shows("The payment page has closed.")
    over_for(shopper, minutes=3)
    assert "/hostedpage/" in shopper.choose()


def over_for(shopper: Shopper, *, minutes: int) -> None:
    with transaction.as_worker(shopper.services.pool) as conn:
        conn.execute(
            "update billing.checkouts set hosted_page_expires_at = now() - make_interval(mins => %s)",
            [minutes],
        )


def test_a_purchase_is_confirmed_though_its_invoice_makes_no_sense(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was bought is there; the page must not ask about it for ever."""

    def riddle(*_: Any) -> Any:
        raise BadAnswer("a riddle")

    answer = shopper.pay(shopper.choose())
    for name in ("fetch_invoice", "fetch_cards", "fetch_customer"):
        monkeypatch.setattr(ZohoClient, name, riddle)
    assert shopper.come_back(answer).shows("You now have")


def confirming(shopper: Shopper, kind: str, choice: dict[str, Any]) -> None:
    with transaction.as_worker(shopper.services.pool) as conn:
        conn.execute(
            "insert into billing.checkouts (account_id, kind, key, choice, choice_hash, state)"
            " select account_id, %s, 'confirming', %s, 'x', 'confirming' from billing.members limit 1",
            [kind, Jsonb(choice)],
        )


def test_what_was_paid_on_the_page_is_not_paid_again_with_a_card_on_file(shopper: Shopper) -> None:
    """INV-2: a bank payment leaves the invoice open at Zoho, so Zoho would take both."""
    declined(shopper)
    (invoice,) = shopper.rows("select id, zoho_id from billing.invoices where balance > 0")
    confirming(shopper, "invoice_payment", {"invoice_zoho_id": invoice["zoho_id"]})
    page = shopper.visitor.get(f"/invoices/{invoice['id']}/payment", status=409)
    assert page.shows("still being confirmed")


def test_a_plan_that_is_being_confirmed_is_not_bought_again_in_another_number(shopper: Shopper) -> None:
    """INV-2: neither on the page nor with what is on file."""
    choice = {"plan": "team-m", "quantity": 2, "addons": [], "coupon": ""}
    confirming(shopper, "new_subscription", choice)
    shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    page = shopper.visitor.submit(action="/checkouts", status=422)
    assert page.shows("is still being confirmed")
    assert [row["state"] for row in shopper.checkouts()] == ["confirming"]


def test_an_act_under_way_holds_the_same_plan(owner: Shopper) -> None:
    choice = {"plan": "analytics-m", "quantity": 2, "addons": [], "coupon": ""}
    record(owner, "create_subscription", {"choice": choice}, subject_kind="purchase", subject_zoho_id="x")
    owner.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"})
    page = owner.visitor.submit(action="/checkouts", status=422)
    assert page.shows("is still being confirmed")
    assert own(owner)


def test_a_price_in_another_currency_is_not_shown_as_the_accounts(owner: Shopper) -> None:
    """facts.md 10, 23: a customer's currency is fixed; what Zoho would bill for that plan nobody can say."""
    with transaction.as_worker(owner.services.pool) as conn:
        conn.execute("update billing.customers set currency_code = 'EUR' where account_id is not null")
    page = owner.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"}, status=422)
    assert page.shows("is priced in USD, and your account is billed in EUR")
