"""One object that makes no sense, in a list, in a sweep or in the feed, hides no other (WH-11, CONV-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from portal import clock
from portal.sync import catalogue, feed, hot, reconcile, refresh
from portal.zoho.calls import Call, Caller
from portal.zoho.errors import BadAnswer

if TYPE_CHECKING:
    from portal.services import Services
    from tests.harness.processes import Sandbox

ODD = "nobody knows"


class Riddles:
    """Zoho, with some of its objects spoilt: `spoil(kind, id)` makes an amount of it unreadable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spoilt: dict[str, str] = {}
        self.refused: set[str] = set()
        ask = Caller.ask

        def answer(caller: Caller, call: Call) -> dict[str, Any]:
            if self.refused & set(call.ids.values()):
                raise BadAnswer("a riddle")
            found: dict[str, Any] = self._spoil(ask(caller, call))
            return found

        monkeypatch.setattr(Caller, "ask", answer)

    def _spoil(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self._spoil(one) for one in found]
        if not isinstance(found, dict):
            return found
        spoilt = {name: self._spoil(value) for name, value in found.items()}
        for key, column in self.spoilt.items():
            if column in found and key in found.values():
                spoilt[column] = ODD
        return spoilt


@pytest.fixture
def riddles(monkeypatch: pytest.MonkeyPatch) -> Riddles:
    return Riddles(monkeypatch)


def test_an_invoice_that_cannot_be_read_hides_no_other_wh_11(
    services: Services, sandbox: Sandbox, conn: Any, riddles: Riddles
) -> None:
    """The full comparison reads on behind it, says so once, and closes it when it can be read again."""
    reconcile.full(services)
    first, *others = [row["zoho_id"] for row in conn.execute("select zoho_id from billing.invoices")]
    conn.execute("update billing.invoices set balance = balance + 1")
    riddles.spoilt[first] = "balance"

    run = reconcile.full(services)
    again = reconcile.full(services)

    assert (run.problem, again.problem) == ("", "")
    assert again.drift_found == 0
    wrong = conn.execute("select i.zoho_id from billing.invoices i where balance > total").fetchall()
    assert {row["zoho_id"] for row in wrong} <= {first}
    assert others
    (row,) = conn.execute("select * from billing.drift where repaired_at is null").fetchall()
    assert (row["object_kind"], row["object_zoho_id"]) == ("invoice", first)
    assert "BadAnswer" in row["likely_cause"]
    assert conn.execute("select gone_at from billing.invoices where gone_at is not null").fetchall() == []

    riddles.spoilt.clear()
    assert reconcile.full(services).problem == ""
    assert conn.execute("select * from billing.drift where repaired_at is null").fetchall() == []


def test_where_nothing_can_be_read_the_comparison_stops_and_says_so(
    services: Services, sandbox: Sandbox, conn: Any, riddles: Riddles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "MOST_UNREADABLE", 2)
    reconcile.full(services)
    for row in conn.execute("select zoho_id from billing.invoices"):
        riddles.spoilt[row["zoho_id"]] = "total"

    run = reconcile.full(services)

    assert "cannot be read" in run.problem
    assert conn.execute("select state from billing.sync_runs where id = %s", [run.id]).fetchone() == {
        "state": "failed"
    }


def test_the_hot_sweep_goes_past_what_it_cannot_read(
    services: Services, sandbox: Sandbox, conn: Any, riddles: Riddles
) -> None:
    """It takes the oldest first: what it stumbles over would be the first of every sweep to come."""
    reconcile.full(services)
    conn.execute(
        "update billing.subscriptions set next_billing_on = current_date - 1,"
        " read_started_at = now() - interval '7 hours' where status = 'live'"
    )
    first, *others = [
        row["zoho_id"]
        for row in conn.execute("select zoho_id from billing.subscriptions where status = 'live'")
    ]
    riddles.spoilt[first] = "amount"

    assert hot.hot(services).problem == ""

    old = conn.execute(
        "select zoho_id from billing.subscriptions where status = 'live'"
        " and read_started_at < now() - interval '1 hour'"
    ).fetchall()
    assert others
    assert [row["zoho_id"] for row in old] == [first]


def test_an_event_that_cannot_be_read_holds_up_no_later_one_wh_14(
    services: Services, sandbox: Sandbox, conn: Any, riddles: Riddles
) -> None:
    listed = services.zoho.list_events().items
    since = (clock.now() - feed.HORIZON).date()
    events = [one.zoho_id for one in listed if one.on is not None and one.on >= since]
    riddles.refused = {events[-1]}

    assert feed.pull(services).problem == ""

    known = {row["event_id"] for row in conn.execute("select event_id from billing.inbox")}
    assert known == set(events) - riddles.refused


def test_a_bank_account_that_zoho_refuses_keeps_no_card_from_being_read(
    services: Services, sandbox: Sandbox, conn: Any, riddles: Riddles
) -> None:
    """By which "no" an unknown bank account is told is not recorded: it stays, and the rest is read."""
    (customer,) = {card["customer_id"] for card in sandbox.state("cards")[:1]}
    made = (
        "insert into billing.payment_methods (zoho_id, customer_zoho_id, kind, synced_at, source,"
        " read_started_at) values ('77', %s, 'bank_account', now(), 'webhook', now() - interval '1 day')"
    )
    conn.execute(made, [customer])
    riddles.refused = {"77"}

    refresh.refresh(services, "payment_methods", customer, source="webhook")

    kinds = "select kind, gone_at from billing.payment_methods where customer_zoho_id = %s order by kind"
    found = conn.execute(kinds, [customer]).fetchall()
    assert [(row["kind"], row["gone_at"]) for row in found] == [("bank_account", None), ("card", None)]


def test_a_plan_that_cannot_be_read_closes_no_shop(
    services: Services, sandbox: Sandbox, conn: Any, riddles: Riddles
) -> None:
    catalogue.refresh_all(services, source="reconcile")
    riddles.spoilt["team-m"] = "recurring_price"
    conn.execute("update billing.coupons set name = 'old'")

    catalogue.refresh_all(services, source="reconcile")

    plan = conn.execute("select price, gone_at from billing.plans where code = 'team-m'").fetchone()
    assert (plan["price"] > 0, plan["gone_at"]) == (True, None)
    assert conn.execute("select 1 from billing.coupons where name = 'old'").fetchall() == []


def test_a_search_that_cannot_be_read_whole_has_no_answer_conv_04(
    services: Services, sandbox: Sandbox, riddles: Riddles
) -> None:
    """ "Not found" would let an act be believed lost, and be done twice."""
    customer = services.zoho.list_customers().items[0]
    riddles.spoilt[customer.zoho_id] = "outstanding_receivable_amount"
    riddles.spoilt[customer.email] = "outstanding"

    with pytest.raises(BadAnswer):
        services.zoho.find_customers_by_email(customer.email)
