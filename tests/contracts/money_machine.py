"""A company that random acts and moves of the clock happen to, its money checked after every one of them.

Every example begins with the same company in full swing, brought back by copying a database of some pages.
A refusal is a fine answer to a random act; a 500 or broken money is not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
)

import sandbox.clock
import sandbox.world
from sandbox.tx import Tx
from tests.contracts.company import DECLINED, DECLINES_LATER, GOOD, Company

# Before month ends of all lengths, a leap day and both changes of the American clocks.
START = datetime(2027, 12, 30, 20, 0, tzinfo=UTC)
MONEY = frozenset({"invoices", "payments", "credit_notes", "subscriptions", "pending_payments"})

PLANS = st.sampled_from(["team-m", "team-y", "starter-m", "scale-m", "free"])
ADDONS = st.sampled_from(
    [None, [], [{"addon_code": "seat-m", "quantity": 3}], [{"addon_code": "onboarding"}]]
)
COUPONS = st.sampled_from(["", "WELCOME20", "HALF3", "FOREVER10", "EXPIRED5"])
CARDS = st.sampled_from([GOOD, DECLINES_LATER, "bank"])
AMOUNTS = st.decimals(min_value="0.01", max_value="400", places=2).map(float)
PLACES = st.integers(0, 30)
SUBSCRIPTION_ACTS = st.sampled_from(
    ["reactivate", "pause", "resume", "scheduledchanges", "coupons", "card", "autocollect"]
)
INVOICE_ACTS = st.sampled_from(["void", "writeoff", "cancelwriteoff", "converttoopen", "delete"])
STAFF_ACTS = st.sampled_from(
    [
        "mark_unpaid",
        "delete_subscription",
        "void_payment",
        "refund",
        "record_payment",
        "change_subscription_price",
    ]
)

FORM = {
    "act": "pay",
    "method": "card",
    "card_name": "Rosa Parks",
    "expiry": "08 / 39",
    "cvv": "123",
    "line1": "1 Main Street",
    "city": "Boston",
    "zip": "02101",
    "country": "U.S.A",
}


class Beginning:
    """The company as every example finds it, and the way back there."""

    def __init__(self, company: Company) -> None:
        self.company = company
        company.begin()
        self.people, self.subs = self._history()
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        company.world.store._writer.backup(self._kept)

    def restore(self) -> None:
        """Copy the pages back; what the world had read of them is read again."""
        store = self.company.world.store
        self._kept.backup(store._writer)
        store._columns.clear()
        store._reader().columns.clear()
        self.company.world._read_again()

    def _history(self) -> tuple[list[str], list[str]]:
        """Three payers of three kinds, two months on: paid, overdue and refused invoices, a credit note."""
        firm, made, people = self.company, [], []
        for method, plan in ((GOOD, "team-m"), (DECLINES_LATER, "scale-m"), ("", "team-m")):
            who = firm.customer()
            card = {"card_id": firm.card(who, method)} if method else {}
            asked = {"customer_id": who, "plan": {"plan_code": plan, "quantity": 2}} | card
            people.append(who)
            made.append(firm.post("/subscriptions", asked)["subscription"]["subscription_id"])
        firm.wait(20)
        firm.put(f"/subscriptions/{made[0]}", {"plan": {"plan_code": "team-m", "quantity": 1}})
        return people, made


class Machine(RuleBasedStateMachine):
    """One company; what was made so far is drawn again."""

    beginning: Beginning
    people = Bundle("people")
    subs = Bundle("subs")

    def __init__(self) -> None:
        super().__init__()
        self.company = self.beginning.company

    @initialize(target=people)
    def begin(self) -> MultipleResults[str]:
        self.beginning.restore()
        return multiple(*self.beginning.people)

    @initialize(target=subs)
    def begin_subscribed(self) -> MultipleResults[str]:
        return multiple(*self.beginning.subs)

    def act(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        told = self.company.call(method, path, body, **query).get_json()
        self.company.check_money()
        return told

    def staff(self, **asked: Any) -> None:
        answer = self.company.client.post("/_control/act", json=asked)
        assert answer.status_code < 500, f"{asked}: {answer.text}"
        self.company.check_money()

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
    ) -> str | MultipleResults[str]:
        body: dict[str, Any] = {
            "customer_id": who,
            "plan": {"plan_code": plan, "quantity": seats, "billing_cycles": cycles},
        }
        body |= {"coupon_code": coupon} | ({"addons": addons} if addons is not None else {})
        body |= self._method(who, number) if number else {}
        told = self.act("POST", "/subscriptions", body)
        return str(told["subscription"]["subscription_id"]) if told["code"] == 0 else multiple()

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

    @rule(sub=subs, name=SUBSCRIPTION_ACTS, coupon=COUPONS)
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
        to = self.company.today() + timedelta(days=days)
        self.act("POST", f"/subscriptions/{sub}/postpone", {"renewal_at": to.isoformat()})

    @rule(sub=subs, amount=AMOUNTS, parked=st.booleans())
    def charge(self, sub: str, amount: float, parked: bool) -> None:
        body = {"amount": amount, "description": "work", "add_to_unbilled_charges": parked}
        told = self.act("POST", f"/subscriptions/{sub}/charge", body)
        if parked and told["code"] == 0 and amount > 100:
            parked_id = told["unbilled_charge"]["unbilled_charge_id"]
            self.act("POST", f"/unbilledcharges/{parked_id}/createinvoice")

    @rule(sub=subs, quantity=st.integers(1, 3), coupon=COUPONS, parked=st.booleans())
    def buy_once(self, sub: str, quantity: int, coupon: str, parked: bool) -> None:
        wanted = [{"addon_code": "onboarding", "quantity": quantity}]
        body = {"addons": wanted, "coupon_code": coupon, "add_to_unbilled_charges": parked}
        self.act("POST", f"/subscriptions/{sub}/buyonetimeaddon", body)

    @rule(who=people, amount=AMOUNTS, quantity=st.integers(1, 3), taxed=st.booleans())
    def invoice(self, who: str, amount: float, quantity: int, taxed: bool) -> None:
        line = {"name": "Work", "price": amount, "quantity": quantity} | ({"code": "team-m"} if taxed else {})
        self.act("POST", "/invoices", {"customer_id": who, "invoice_items": [line], "adjustment": -0.01})

    @rule(name=INVOICE_ACTS, place=PLACES)
    def invoice_act(self, name: str, place: int) -> None:
        if chosen := self._one("invoices", place):
            path = f"/invoices/{chosen['invoice_id']}"
            if name == "delete":
                self.act("DELETE", path)
            else:
                self.act("POST", f"{path}/{name}", {})

    @rule(place=PLACES, amount=AMOUNTS, less=st.booleans())
    def change_lines(self, place: int, amount: float, less: bool) -> None:
        if chosen := self._one("invoices", place):
            path = f"/invoices/{chosen['invoice_id']}/lineitems"
            if less:
                self.act("DELETE", f"{path}/{chosen['lines'][0]['item_id']}")
            else:
                self.act("POST", path, {"invoice_items": [{"name": "More", "price": amount, "quantity": 1}]})

    @rule(place=PLACES, amount=AMOUNTS, over=st.sampled_from([0, 0, 50]))
    def pay(self, place: int, amount: float, over: int) -> None:
        if chosen := self._one("invoices", place, open=1):
            paid = min(amount, float(chosen["balance"]))
            applied = [{"invoice_id": chosen["invoice_id"], "amount_applied": paid}]
            body = {"customer_id": chosen["customer_id"], "payment_mode": "check", "amount": amount + over}
            self.act("POST", "/payments", body | {"invoices": applied})

    @rule(place=PLACES, number=CARDS)
    def collect(self, place: int, number: str) -> None:
        if chosen := self._one("invoices", place, open=1):
            method = self._method(chosen["customer_id"], number)
            self.act("POST", f"/invoices/{chosen['invoice_id']}/collect", method)

    @rule(place=PLACES, number=st.sampled_from([GOOD, DECLINED]))
    def pay_hosted(self, place: int, number: str) -> None:
        if chosen := self._one("invoices", place, open=1):
            self._hosted("invoicepayment", {"invoice_id": chosen["invoice_id"]}, number)

    @rule(sub=subs, plan=PLANS, number=st.sampled_from([GOOD, DECLINED]))
    def change_hosted(self, sub: str, plan: str, number: str) -> None:
        self._hosted("updatesubscription", {"subscription_id": sub, "plan": {"plan_code": plan}}, number)

    @rule(place=PLACES, amount=AMOUNTS)
    def refund(self, place: int, amount: float) -> None:
        if chosen := self._one("payments", place):
            self.act("POST", f"/payments/{chosen['payment_id']}/refunds", {"amount": amount})

    @rule(place=PLACES, amount=AMOUNTS, onto=PLACES, off=st.booleans())
    def change_payment(self, place: int, amount: float, onto: int, off: bool) -> None:
        chosen, invoice = self._one("payments", place), self._one("invoices", onto, open=1)
        if chosen:
            body = {"customer_id": chosen["customer_id"], "payment_mode": "check", "invoices": []}
            body |= {"amount": amount} if chosen["mode"] != "autotransaction" else {}
            if invoice and not off:
                applied = min(amount, float(invoice["balance"]), float(chosen["amount"]))
                body["invoices"] = [{"invoice_id": invoice["invoice_id"], "amount_applied": applied}]
            self.act("PUT", f"/payments/{chosen['payment_id']}", body)

    @rule(place=PLACES)
    def forget_payment(self, place: int) -> None:
        if chosen := self._one("payments", place):
            self.act("DELETE", f"/payments/{chosen['payment_id']}")

    @rule(note=PLACES, place=PLACES, amount=AMOUNTS, over=st.booleans())
    def apply_credit(self, note: int, place: int, amount: float, over: bool) -> None:
        credit = self._one("credit_notes", note, open=1)
        chosen = self._one("invoices", place, open=1, customer_id=credit["customer_id"]) if credit else None
        if credit and chosen:
            used = amount if over else min(amount, float(credit["balance"]), float(chosen["balance"]))
            applied = [{"creditnote_id": credit["creditnote_id"], "amount_applied": used}]
            self.act("POST", f"/invoices/{chosen['invoice_id']}/credits", {"apply_creditnotes": applied})

    @rule(note=PLACES, name=st.sampled_from(["void", "converttoopen", "refunds", "delete"]), amount=AMOUNTS)
    def credit_act(self, note: int, name: str, amount: float) -> None:
        if credit := self._one("credit_notes", note):
            path = f"/creditnotes/{credit['creditnote_id']}"
            if name == "delete":
                self.act("DELETE", path)
            else:
                self.act("POST", f"{path}/{name}", {"amount": amount})

    @rule(kind=STAFF_ACTS, sub=subs, place=PLACES, amount=AMOUNTS)
    def staff_act(self, kind: str, sub: str, place: int, amount: float) -> None:
        payment, invoice = self._one("payments", place), self._one("invoices", place, open=1)
        asked: dict[str, Any] = {"subscription_id": sub, "price": amount, "amount": amount}
        asked |= {"payment_id": payment["payment_id"]} if payment else {}
        asked |= {"invoice_id": invoice["invoice_id"]} if invoice else {}
        self.staff(kind=kind, **asked)

    @rule(days=st.sampled_from([1, 3, 6, 16, 31, 62]))
    def wait(self, days: int) -> None:
        """Every morning's job is an operation of its own."""
        world, target = self.company.world, self.company.today() + timedelta(days=days)
        noon = world.clock.at(target, 12)
        with written_kinds() as written:
            while (morning := world.next_job()) <= noon:
                world.advance_to(morning)
                if written & MONEY:
                    self.company.check_money()
                written.clear()
        world.advance_to(noon)

    @rule(
        reason=st.sampled_from(["", "do_not_honor", "insufficient_funds"]),
        final=st.sampled_from(["keep", "unpaid", "cancel"]),
        stored=st.sampled_from(["refused", "stored"]),
    )
    def circumstances(self, reason: str, final: str, stored: str) -> None:
        self.company.switch(dunning_final=final, failed_payment=stored)
        if reason:
            self.staff(kind="next_charge_declines", reason=reason)

    def _method(self, who: str, number: str) -> dict[str, str]:
        if number == "bank":
            return {"account_id": self.company.bank_account(who)}
        return {"card_id": self.company.card(who, number)}

    def _hosted(self, kind: str, asked: dict[str, Any], number: str) -> None:
        told = self.act("POST", f"/hostedpages/{kind}", asked)
        if told["code"] == 0:
            address = f"/hostedpage/{told['hostedpage']['hostedpage_id']}/checkout"
            answer = self.company.client.post(address, data=FORM | {"card_number": number})
            assert answer.status_code < 500, answer.text
            self.company.check_money()

    def _one(self, kind: str, place: int, **where: Any) -> dict[str, Any] | None:
        """One of what there is; read from the store, because a walk through a list costs more than an act."""
        with self.company.world.store.read() as tx:
            ids = tx.ids(kind, where=where)
            return tx.get(kind, ids[place % len(ids)]) if ids else None


@contextmanager
def written_kinds() -> Iterator[set[str]]:
    """What was written to since the set was last cleared, so that idle mornings need no check."""
    kinds, put = set[str](), Tx.put

    def noticed(tx: Tx, kind: str, id_: str, doc: Any, **indexed: Any) -> None:
        kinds.add(kind)
        put(tx, kind, id_, doc, **indexed)

    with mock.patch.object(Tx, "put", noticed):
        yield kinds


@contextmanager
def time_standing_still() -> Iterator[None]:
    """Real time stands at START: only moves of the clock pass, so that an example can be repeated."""
    with (
        mock.patch.object(sandbox.clock, "real_now", return_value=START),
        mock.patch.object(sandbox.world, "real_now", return_value=START),
    ):
        yield


def run(beginning: Beginning, chosen: settings) -> None:
    """Let the machine act."""
    Machine.beginning = beginning
    Machine.TestCase.settings = settings(chosen, deadline=None, database=None)
    Machine.TestCase().runTest()
