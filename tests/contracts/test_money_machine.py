"""Random acts and moves of the clock, with every invariant of the money checked after each.

A refusal is a fine answer to a random act; a 500 or broken money is not.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from sandbox.errors import ZohoError
from tests.contracts.company import DECLINES_LATER, GOOD, Company

PLANS = st.sampled_from(["team-m", "team-y", "starter-m", "scale-m", "free"])
ADDONS = st.sampled_from(
    [None, [], [{"addon_code": "seat-m", "quantity": 3}], [{"addon_code": "onboarding"}]]
)
COUPONS = st.sampled_from(["", "WELCOME20", "HALF3", "FOREVER10", "EXPIRED5"])
AMOUNTS = st.decimals(min_value="0.01", max_value="400", places=2).map(float)
ACTS = st.sampled_from(
    ["reactivate", "pause", "resume", "converttrial", "scheduledchanges", "coupons", "card", "autocollect"]
)
CI = os.environ.get("HYPOTHESIS_PROFILE") == "ci"


class Machine(RuleBasedStateMachine):
    """One company; what was made so far is drawn again."""

    company: Company
    people = Bundle("people")
    subs = Bundle("subs")

    @initialize()
    def begin(self) -> None:
        self.company.begin()

    def act(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        return self.company.call(method, path, body, **query).get_json()

    @rule(target=people)
    def customer(self) -> str:
        return self.company.customer()

    @rule(
        target=subs,
        who=people,
        plan=PLANS,
        number=st.sampled_from([GOOD, DECLINES_LATER, "bank", ""]),
        seats=st.integers(1, 4),
        coupon=COUPONS,
        addons=ADDONS,
        cycles=st.sampled_from([-1, -1, 2]),
    )
    def subscribe(
        self, who: str, plan: str, number: str, seats: int, coupon: str, addons: Any, cycles: int
    ) -> str:
        body: dict[str, Any] = {
            "customer_id": who,
            "plan": {"plan_code": plan, "quantity": seats, "billing_cycles": cycles},
        }
        body |= {"coupon_code": coupon} | ({"addons": addons} if addons is not None else {})
        if number == "bank":
            body["account_id"] = self.company.bank_account(who)
        elif number:
            body["card_id"] = self.company.card(who, number)
        told = self.act("POST", "/subscriptions", body)
        return str(told["subscription"]["subscription_id"]) if told["code"] == 0 else "0"

    @rule(sub=subs, plan=PLANS, seats=st.integers(1, 5), later=st.booleans(), coupon=COUPONS, addons=ADDONS)
    def change(self, sub: str, plan: str, seats: int, later: bool, coupon: str, addons: Any) -> None:
        body: dict[str, Any] = {
            "plan": {"plan_code": plan, "quantity": seats},
            "end_of_term": later,
            "coupon_code": coupon,
        }
        self.act("PUT", f"/subscriptions/{sub}", body | ({"addons": addons} if addons is not None else {}))

    @rule(sub=subs, at_end=st.booleans())
    def cancel(self, sub: str, at_end: bool) -> None:
        self.act("POST", f"/subscriptions/{sub}/cancel", cancel_at_end=str(at_end).lower())

    @rule(sub=subs, name=ACTS, coupon=COUPONS)
    def small_act(self, sub: str, name: str, coupon: str) -> None:
        path = f"/subscriptions/{sub}/{name}"
        if name in ("scheduledchanges", "card"):
            self.act("DELETE", path)
        elif name == "coupons":
            self.act("POST", f"{path}/{coupon or 'none'}")
        else:
            self.act("POST", path, {"auto_collect": False})

    @rule(sub=subs, days=st.integers(1, 90))
    def postpone(self, sub: str, days: int) -> None:
        from datetime import timedelta

        to = self.company.today() + timedelta(days=days)
        self.act("POST", f"/subscriptions/{sub}/postpone", {"renewal_at": to.isoformat()})

    @rule(sub=subs, amount=AMOUNTS, parked=st.booleans())
    def charge(self, sub: str, amount: float, parked: bool) -> None:
        body = {"amount": amount, "description": "work", "add_to_unbilled_charges": parked}
        told = self.act("POST", f"/subscriptions/{sub}/charge", body)
        if parked and told["code"] == 0 and amount > 100:
            self.act(
                "POST", f"/unbilledcharges/{told['unbilled_charge']['unbilled_charge_id']}/createinvoice"
            )

    @rule(who=people, amount=AMOUNTS, quantity=st.integers(1, 3), taxed=st.booleans())
    def invoice(self, who: str, amount: float, quantity: int, taxed: bool) -> None:
        line = {"name": "Work", "price": amount, "quantity": quantity} | ({"code": "team-m"} if taxed else {})
        self.act("POST", "/invoices", {"customer_id": who, "invoice_items": [line], "adjustment": -0.01})

    @rule(
        name=st.sampled_from(["void", "writeoff", "cancelwriteoff", "converttoopen"]),
        place=st.integers(0, 30),
    )
    def invoice_act(self, name: str, place: int) -> None:
        if chosen := self._one("invoices", place):
            self.act("POST", f"/invoices/{chosen['invoice_id']}/{name}", {})

    @rule(place=st.integers(0, 30), amount=AMOUNTS, over=st.sampled_from([0, 0, 50]))
    def pay(self, place: int, amount: float, over: int) -> None:
        if chosen := self._one("invoices", place):
            applied = [{"invoice_id": chosen["invoice_id"], "amount_applied": min(amount, chosen["balance"])}]
            body = {"customer_id": chosen["customer_id"], "payment_mode": "check", "amount": amount + over}
            self.act("POST", "/payments", body | {"invoices": applied})

    @rule(place=st.integers(0, 30), number=st.sampled_from([GOOD, DECLINES_LATER, "bank"]))
    def collect(self, place: int, number: str) -> None:
        if chosen := self._one("invoices", place):
            who = chosen["customer_id"]
            body = (
                {"account_id": self.company.bank_account(who)}
                if number == "bank"
                else {"card_id": self.company.card(who, number)}
            )
            self.act("POST", f"/invoices/{chosen['invoice_id']}/collect", body)

    @rule(place=st.integers(0, 30), amount=AMOUNTS)
    def refund(self, place: int, amount: float) -> None:
        if chosen := self._one("payments", place):
            self.act("POST", f"/payments/{chosen['payment_id']}/refunds", {"amount": amount})

    @rule(place=st.integers(0, 30), amount=AMOUNTS)
    def change_payment(self, place: int, amount: float) -> None:
        if chosen := self._one("payments", place):
            body = {
                "customer_id": chosen["customer_id"],
                "payment_mode": "check",
                "amount": amount,
                "invoices": [],
            }
            self.act("PUT", f"/payments/{chosen['payment_id']}", body)

    @rule(place=st.integers(0, 30))
    def forget_payment(self, place: int) -> None:
        if chosen := self._one("payments", place):
            self.act("DELETE", f"/payments/{chosen['payment_id']}")

    @rule(note=st.integers(0, 20), place=st.integers(0, 30), amount=AMOUNTS)
    def apply_credit(self, note: int, place: int, amount: float) -> None:
        credit, chosen = self._one("creditnotes", note), self._one("invoices", place)
        if credit and chosen:
            applied = [{"creditnote_id": credit["creditnote_id"], "amount_applied": amount}]
            self.act("POST", f"/invoices/{chosen['invoice_id']}/credits", {"apply_creditnotes": applied})

    @rule(note=st.integers(0, 20), name=st.sampled_from(["void", "converttoopen", "refunds"]), amount=AMOUNTS)
    def credit_act(self, note: int, name: str, amount: float) -> None:
        if credit := self._one("creditnotes", note):
            self.act("POST", f"/creditnotes/{credit['creditnote_id']}/{name}", {"amount": amount})

    @rule(days=st.sampled_from([1, 3, 6, 16, 31, 62]))
    def wait(self, days: int) -> None:
        self.company.wait(days)

    @rule(reason=st.sampled_from(["do_not_honor", "insufficient_funds"]))
    def bad_luck(self, reason: str) -> None:
        self.company.client.post("/_control/act", json={"kind": "next_charge_declines", "reason": reason})

    @rule(final=st.sampled_from(["keep", "unpaid", "cancel"]), stored=st.sampled_from(["refused", "stored"]))
    def settings_change(self, final: str, stored: str) -> None:
        self.company.switch(dunning_final=final, failed_payment=stored)

    @invariant()
    def money_adds_up(self) -> None:
        self.company.check_money()

    def _one(self, kind: str, place: int) -> Any:
        rows = self.company.get(f"/{kind}")[kind]
        return rows[place % len(rows)] if rows else None


def run(company: Company, examples: int, steps: int) -> None:
    """Let the machine act."""
    Machine.company = company
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    if not CI:
        chosen = settings(chosen, phases=(Phase.explicit, Phase.reuse, Phase.generate), database=None)
    Machine.TestCase.settings = chosen
    case = Machine.TestCase()
    case.runTest()


def test_money_adds_up_after_some_random_acts(company: Company) -> None:
    run(company, 10, 25)


@pytest.mark.slow
def test_money_adds_up_after_many_random_acts(company: Company) -> None:
    if not CI:
        pytest.skip("500 examples are for HYPOTHESIS_PROFILE=ci")
    run(company, 500, 50)


def test_the_machine_would_notice(company: Company) -> None:
    """The checker finds a balance that was tampered with, so it can fail."""
    sub = company.subscribe()
    with company.world.store.transaction() as tx:
        doc = tx.get("invoices", sub["child_invoice_id"])
        assert doc is not None
        tx.put("invoices", doc["invoice_id"], doc | {"balance": "1"})
    with pytest.raises(AssertionError):
        company.check_money()


def test_a_refused_card_is_a_refusal(company: Company) -> None:
    with pytest.raises(ZohoError):
        company.card(company.customer(), "4000000000000069")
