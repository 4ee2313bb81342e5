"""A web or worker process killed at twenty random points of each act loses nothing and does nothing twice.

Each act is done again and again by one customer; the web process that does it is killed
(tests/harness/mortal.py), and so is the worker that looks after it. Then a worker that lives finds out what
happened. Afterwards the intent, Zoho and the mirror say the same, and Zoho has seen the act at most once.
What had no effect is done again, as its person would.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from portal.sync import refresh
from tests import visitor as forms
from tests.harness.mortal import Mortals
from tests.harness.people import cookie_of
from tests.purchase import every_act as acts
from tests.purchase.conftest import Shopper, pay_at

POINTS = 20
WORKERS_BORDERS = 30
WRITING = ("POST", "PUT", "DELETE")
SETTINGS = {"allow_cancel": "both", "allow_pause": True}


@dataclass(frozen=True)
class Step:
    """One act that is killed: where its form is, how it is filled in the n-th time, what Zoho has then."""

    kind: str
    path: Callable[[Shopper], str]
    trace: Callable[[Shopper], Any]
    fills: Callable[[int], dict[str, Any]] = lambda _: {}
    query: Callable[[int], dict[str, Any]] = lambda _: {}
    # What makes it possible, and what makes it possible again after it was done.
    before: Callable[[Shopper, int], object] = lambda _shopper, _turn: None


def being(status: str, noun: str) -> Callable[[Shopper, int], None]:
    """Have the subscription in this state, by an act that lives where it is in another."""

    def do(shopper: Shopper, _turn: int) -> None:
        if acts.status(shopper) != status:
            shopper.visitor.get(acts.own(shopper, noun))
            shopper.visitor.submit(action=acts.own(shopper, noun))

    return do


def planned(shopper: Shopper, _turn: int) -> None:
    """Have a change planned for the end of the term."""
    if acts.is_scheduled(shopper):
        return
    at = acts.own(shopper, "/plan-change")
    shopper.visitor.get(at, query_string={"plan": "starter-m", "quantity": 1, "when": "end"})
    shopper.visitor.submit(action=at)


def unplanned(shopper: Shopper, _turn: int) -> None:
    if acts.is_scheduled(shopper):
        shopper.visitor.get(acts.own(shopper, "/scheduled-change"))
        shopper.visitor.submit(action=acts.own(shopper, "/scheduled-change/removal"))


def other_card(shopper: Shopper, _turn: int) -> None:
    if len(acts.cards(shopper)) == 1:
        card_on_page(shopper, "5555555555554444")


def card_to_spare(shopper: Shopper, _turn: int) -> None:
    card_on_page(shopper, "378282246310005")


def card_on_page(shopper: Shopper, number: str) -> None:
    shopper.visitor.get("/payment-methods")
    page = shopper.visitor.submit(button="Add a card", status=303, follow=False)
    shopper.come_back(pay_at(str(page.response.headers["Location"]), number))


def owe(shopper: Shopper, _turn: int) -> None:
    """Owe an invoice."""
    if owed(shopper):
        return
    there = acts.subscription(shopper)
    sandbox = shopper.sandbox
    sandbox.control("act", {"kind": "next_charge_declines", "card_id": there["card"]["card_id"]})
    sandbox.control("clock", {"to": f"{there['next_billing_at']}T09:00:00"})
    for one in acts._invoices(shopper):
        if one["balance"]:
            refresh.refresh(shopper.services, "invoice", one["invoice_id"], source="webhook")
    refresh.refresh(shopper.services, "subscription", there["subscription_id"], source="webhook")


def owed(shopper: Shopper) -> int:
    return sum(bool(one["balance"]) for one in acts._invoices(shopper))


def without_analytics(shopper: Shopper, _turn: int) -> None:
    for one in shopper.subscriptions_at_zoho():
        if one["plan"]["plan_code"] == "analytics-m" and one["status"] != "cancelled":
            shopper.sandbox.control("act", {"kind": "cancel", "subscription_id": one["subscription_id"]})
            refresh.refresh(shopper.services, "subscription", one["subscription_id"], source="webhook")


def running(shopper: Shopper) -> list[str]:
    return sorted(
        one["plan"]["plan_code"] for one in shopper.subscriptions_at_zoho() if one["status"] == "live"
    )


def quantity(shopper: Shopper) -> tuple[int, int]:
    return acts.subscription(shopper)["plan"]["quantity"], len(acts._invoices(shopper))


STEPS = {
    "buy with a card on file": Step(
        "create_subscription", acts.page("/checkouts/new"), running,
        query=lambda _: {"plan": "analytics-m"}, before=without_analytics),
    "change the plan": Step(
        "change_plan", acts.at("/plan-change"), quantity,
        query=lambda turn: {"plan": "team-m", "quantity": turn + 2, "when": "now"}),
    "change the plan at the end": Step(
        "change_plan", acts.at("/plan-change"), acts.is_scheduled,
        query=lambda _: {"plan": "starter-m", "quantity": 1, "when": "end"},
        before=unplanned),
    "drop the planned change": Step(
        "drop_scheduled_change", acts.at("/scheduled-change"), acts.is_scheduled, before=planned),
    "cancel": Step(
        "cancel", acts.at("/cancellation"), acts.status,
        before=being("live", "/cancellation/undo")),
    "keep it after all": Step(
        "reactivate", acts.at("/cancellation/undo"), acts.status,
        before=being("non_renewing", "/cancellation")),
    "pause": Step(
        "pause", acts.at("/pause"), acts.status,
        before=being("live", "/resumption")),
    "resume": Step("resume", acts.at("/resumption"), acts.status, before=being("paused", "/pause")),
    "choose another card": Step(
        "use_method", acts.at("/payment-method"), acts.card,
        fills=lambda _: {"method": "another"}, before=other_card),
    "pay an invoice": Step("collect", acts.invoice_payment, owed, before=owe),
    "remove a card": Step("remove_method", acts.free_card, acts.cards, before=card_to_spare),
    "save the billing details": Step(
        "update_customer", acts.page("/account/billing-details"), acts.city,
        fills=lambda turn: {"city": f"Town {turn}"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def mortals(settings_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortals]:
    changes = {name.upper(): str(value) for name, value in SETTINGS.items()}
    parent = Mortals({**settings_env, **changes}, tmp_path_factory.mktemp("mortals") / "log")
    yield parent
    parent.close()


@pytest.fixture
def customer(shop: Callable[[str], Shopper], monkeypatch: pytest.MonkeyPatch) -> Shopper:
    shopper = shop("newcomer@example.com")
    for name, value in SETTINGS.items():
        monkeypatch.setitem(shopper.services.settings.__dict__, name, value)
    shopper.buy("team-m")
    return shopper


def test_every_kind_of_act_is_killed(customer: Shopper) -> None:
    """A new kind of intent has to say here how it dies; a customer is made by the purchases of test_kills."""
    from portal.sync.acts import ACTS

    assert {step.kind for step in STEPS.values()} == set(ACTS) - {"create_customer"}


@pytest.mark.parametrize("name", STEPS)
def test_killed_at_twenty_random_points_of_an_act(name: str, customer: Shopper, mortals: Mortals) -> None:
    """INV-2, CONV-03, CONV-04"""
    dice, step = random.Random(name), STEPS[name]
    borders, kills, effects = 0, 0, 0
    for turn in range(2 * POINTS):
        step.before(customer, turn)
        before, number = step.trace(customer), _number(customer)
        path, values = _form(customer, step, turn)
        # The first is let live: how many borders there are, and that the act is what it seems.
        end = mortals.request(
            cookie_of(customer.visitor), path, values, at=dice.randint(1, borders) if turn else None
        )
        if turn == 0:
            assert (end.died, end.status) == (False, 303), end
            borders = end.borders
        else:
            worker = mortals.work(2, at=dice.randint(1, WORKERS_BORDERS))
            kills += end.died + worker.died
        mortals.work(3, 10)
        effects += _judge(customer, step, before, number)
        if kills >= POINTS:
            break
    assert kills >= POINTS
    assert effects > 1, "an act that never happens proves nothing"


def _form(customer: Shopper, step: Step, turn: int) -> tuple[str, dict[str, Any]]:
    path, query = step.path(customer), step.query(turn)
    page = customer.visitor.get(path, **({"query_string": query} if query else {}))
    form = page.form("/checkouts" if path.startswith("/checkouts") else path)
    values = forms._filled(form)
    for field, value in step.fills(turn).items():
        values[field] = _another(form) if value == "another" else value
    return str(form["action"]), values


def _another(form: Any) -> str:
    """A card that is not chosen on the form as it is."""
    radios = form.find_all("input", attrs={"name": "method"})
    return next(str(one["value"]) for one in radios if not one.has_attr("checked") and one["value"] != "new")


def _judge(customer: Shopper, step: Step, before: Any, number: int) -> bool:
    """Intent, Zoho and mirror say the same; Zoho saw the act at most once. Returns whether it did."""
    rows = customer.rows("select kind, state, next_check_at from billing.intents order by created_at")
    assert {row["state"] for row in rows} <= {"done", "refused", "abandoned"}, rows
    assert not [row for row in rows if row["next_check_at"]], rows
    sent = _writes_since(customer, number)
    assert len(sent) <= 1, sent
    changed = step.trace(customer) != before
    assert changed == bool(sent), (changed, sent, rows[-1])
    if changed:
        assert (rows[-1]["kind"], rows[-1]["state"]) == (step.kind, "done")
    _assert_mirrored(customer)
    return changed


def _assert_mirrored(customer: Shopper) -> None:
    ours = customer.rows(
        "select zoho_id, status, plan_code, quantity::int as quantity, payment_method_zoho_id as method"
        " from billing.subscriptions where account_id is not null"
    )
    there = [
        {
            "zoho_id": one["subscription_id"],
            "status": one["status"],
            "plan_code": one["plan"]["plan_code"],
            "quantity": one["plan"]["quantity"],
            "method": one["card"]["card_id"] if one.get("card") else "",
        }
        for one in customer.subscriptions_at_zoho()
    ]
    assert sorted(ours, key=str) == sorted(there, key=str)


def _number(customer: Shopper) -> int:
    newest = customer.sandbox.control("calls?limit=1")["calls"]
    return int(newest[0]["number"]) if newest else 0


def _writes_since(customer: Shopper, number: int) -> list[str]:
    calls = customer.sandbox.control(f"calls?since={number}&limit=5000")["calls"]
    return [
        f"{call['method']} {call['path']}"
        for call in calls
        if call["lane"] == "api" and call["method"] in WRITING
    ]
