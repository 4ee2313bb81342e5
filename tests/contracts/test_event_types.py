"""Every event type of facts 7.4 comes at its moment, once, and not before.

Each moment has an eve, on which the event is not there yet, and an act that brings it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox.tx import Doc
from sandbox.webhooks import endpoints, payloads
from tests.contracts import facts
from tests.contracts.company import DECLINED, DECLINES_LATER, GOOD, Company

Eve = Callable[[Company], Doc]
Act = Callable[[Company, Doc], Any]


@dataclass(frozen=True)
class Moment:
    """What must be there, what then happens, and the object that the event tells about."""

    eve: Eve
    act: Act
    tells: str = "subscription"


def live(company: Company) -> Doc:
    return company.subscribe()


def before(name: str, days: int, **more: Any) -> Eve:
    """A subscription, at noon of so many days and one before one of its dates."""

    def eve(company: Company) -> Doc:
        sub = company.subscribe(**more)
        company.go_to(date.fromisoformat(sub[name]) - timedelta(days=days + 1))
        return sub

    return eve


def leaving(company: Company) -> Doc:
    sub = company.subscribe()
    company.post(f"/subscriptions/{sub['subscription_id']}/cancel", cancel_at_end="true")
    return sub


def leaving_soon(company: Company) -> Doc:
    sub = leaving(company)
    company.go_to(date.fromisoformat(sub["current_term_ends_at"]) - timedelta(days=4))
    return sub


def gone(company: Company) -> Doc:
    sub = company.subscribe()
    company.post(f"/subscriptions/{sub['subscription_id']}/cancel", cancel_at_end="false")
    return sub


def returning(company: Company) -> Doc:
    sub = gone(company)
    reactivated_in(company, sub, 9)
    company.wait(8)
    return sub


def last_retry(company: Company) -> Doc:
    """The day before the retry after which a subscription is marked unpaid."""
    company.switch(dunning_final="unpaid", dunning_retries=1)
    sub = company.subscribe(card=DECLINES_LATER)
    company.go_to(date.fromisoformat(sub["current_term_ends_at"]) + timedelta(days=4))
    return sub


def paused(company: Company) -> Doc:
    sub = company.subscribe()
    company.post(f"/subscriptions/{sub['subscription_id']}/pause", {})
    return sub


def owing(company: Company) -> Doc:
    return company.subscribe(card=None)


def parked(company: Company) -> Doc:
    sub = company.subscribe()
    return charged(company, sub)["unbilled_charge"]


def credited(company: Company) -> Doc:
    items = [{"code": "team-m", "quantity": 1, "price": 30}]
    body = {"customer_id": company.customer(), "creditnote_items": items}
    return company.post("/creditnotes", body)["credit_note"]


def paid(company: Company) -> Doc:
    company.subscribe()
    return company.get("/payments", sort_order="D")["payments"][0]


def carded(company: Company) -> Doc:
    customer = company.customer()
    return {"customer_id": customer, "card_id": company.card(customer)}


def card_ending(days: int) -> Eve:
    """A card that is good to the end of next month, at noon of so many days and one before that."""

    def eve(company: Company) -> Doc:
        company.go_to(company.today() + timedelta(days=1))
        first = (company.today().replace(day=1) + timedelta(days=32)).replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        customer = company.customer()
        card_id = company.card(customer, year=last.year, month=last.month)
        company.go_to(last - timedelta(days=days + 1))
        return {"customer_id": customer, "card_id": card_id}

    return eve


def nothing(company: Company) -> Doc:
    return {"customer_id": company.customer()}


def next_day(company: Company, _held: Doc) -> None:
    company.wait(1)


def done(path: str, body: Doc | None = None, **query: str) -> Act:
    """A POST on the subscription."""
    return lambda company, sub: company.post(f"/subscriptions/{sub['subscription_id']}{path}", body, **query)


def changed(plan_code: str, **more: Any) -> Act:
    return lambda company, sub: company.put(
        f"/subscriptions/{sub['subscription_id']}", {"plan": {"plan_code": plan_code}, **more}
    )


def charged(company: Company, sub: Doc) -> Doc:
    body = {"amount": 12, "description": "later", "add_to_unbilled_charges": True}
    return company.post(f"/subscriptions/{sub['subscription_id']}/charge", body)


def postponed(company: Company, sub: Doc) -> None:
    to = date.fromisoformat(sub["current_term_ends_at"]) + timedelta(days=5)
    company.post(f"/subscriptions/{sub['subscription_id']}/postpone", {"renewal_at": to.isoformat()})


def reactivated_in(company: Company, sub: Doc, days: int = 9) -> None:
    on = (company.today() + timedelta(days=days)).isoformat()
    staff(kind="reactivate", on=on)(company, sub)


def staff(**asked: Any) -> Act:
    """An act of staff on what is at hand."""

    def act(company: Company, held: Doc) -> None:
        known = {name: value for name, value in held.items() if name.endswith("_id")}
        answer = company.client.post("/_control/act", json=known | asked)
        assert answer.status_code == 200, answer.text

    return act


def on_invoice(act: str) -> Act:
    return lambda company, sub: company.post(f"/invoices/{sub['child_invoice_id']}/{act}", {})


def paid_by_cheque(company: Company, sub: Doc) -> None:
    applied = [{"invoice_id": sub["child_invoice_id"], "amount_applied": sub["amount"]}]
    body = {"customer_id": sub["customer_id"], "payment_mode": "check", "amount": sub["amount"]}
    company.post("/payments", body | {"invoices": applied})


def collected_in_vain(company: Company, sub: Doc) -> None:
    company.switch(u17_test_cards="always_succeed")
    card_id = company.card(sub["customer_id"], DECLINED)
    company.switch(u17_test_cards="by_number")
    company.refused("POST", f"/invoices/{sub['child_invoice_id']}/collect", {"card_id": card_id})


def under_both_names(company: Company) -> Doc:
    company.switch(invoice_event="both")
    return company.subscribe()


def new_numbers(company: Company, held: Doc) -> None:
    page = company.post("/hostedpages/updatepaymentmethod", {"card_id": held["card_id"]})["hostedpage"]
    filled_in(company, page)


def filled_in(company: Company, page: Doc) -> None:
    """A person types a good card on a hosted page."""
    form = {"act": "pay", "method": "card", "card_number": GOOD, "card_name": "Rosa Parks"}
    path = page["url"].removeprefix(company.world.settings.base_url)
    answer = company.client.post(path, data=form | {"expiry": "08/39", "cvv": "123"})
    assert answer.status_code == 303, answer.text


MOMENTS: dict[str, Moment] = {
    "subscription_created": Moment(nothing, lambda company, held: company.subscribe(**held)),
    "subscription_activation": Moment(before("trial_ends_at", 0, plan_code="starter-m"), next_day),
    "trial_expiring": Moment(before("trial_ends_at", 3, plan_code="starter-m"), next_day),
    "subscription_ahead": Moment(before("current_term_ends_at", 3), next_day),
    "subscription_renewed": Moment(before("current_term_ends_at", 0), next_day),
    "billing_date_changed": Moment(live, postponed),
    "subscription_upgraded": Moment(live, changed("scale-m")),
    "subscription_downgraded": Moment(live, changed("starter-m")),
    "subscription_unpaid": Moment(last_retry, next_day),
    "subscription_cancellation_scheduled": Moment(live, done("/cancel", cancel_at_end="true")),
    "subscription_scheduled_cancellation_removed": Moment(leaving, done("/reactivate")),
    "subscription_cancelling": Moment(leaving_soon, next_day),
    "subscription_cancelled": Moment(live, done("/cancel", cancel_at_end="false")),
    "subscription_reactivated": Moment(returning, next_day),
    "subscription_reactivation_scheduled": Moment(gone, reactivated_in),
    "subscription_move_to_free_scheduled": Moment(live, changed("free", end_of_term=True)),
    "subscription_paused": Moment(live, done("/pause", {})),
    "subscription_resumed": Moment(paused, done("/resume", {})),
    "subscription_expiring": Moment(before("expires_at", 3, plan={"billing_cycles": 1}), next_day),
    "subscription_expired": Moment(before("expires_at", 0, plan={"billing_cycles": 1}), next_day),
    "subscription_deleted": Moment(
        live, lambda company, sub: company.delete(f"/subscriptions/{sub['subscription_id']}")
    ),
    "invoice_notification": Moment(before("current_term_ends_at", 0), next_day, "invoice"),
    "invoice_created": Moment(under_both_names, done("/charge", {"amount": 5}), "invoice"),
    "invoice_updated": Moment(owing, on_invoice("writeoff"), "invoice"),
    "invoice_voided": Moment(owing, on_invoice("void"), "invoice"),
    "payment_thankyou": Moment(owing, paid_by_cheque, "payment"),
    "payment_declined": Moment(owing, collected_in_vain, "payment"),
    "payment_refunded": Moment(paid, staff(kind="refund"), "refund"),
    "payment_voided": Moment(paid, staff(kind="void_payment"), "payment"),
    "creditnote_added": Moment(nothing, lambda company, _held: credited(company), "creditnote"),
    "creditnote_refunded": Moment(
        credited,
        lambda company, note: company.post(f"/creditnotes/{note['creditnote_id']}/refunds", {"amount": 5}),
        "refund",
    ),
    "creditnote_deleted": Moment(
        credited,
        lambda company, note: company.delete(f"/creditnotes/{note['creditnote_id']}"),
        "creditnote",
    ),
    "card_expiring": Moment(card_ending(15), next_day, "card"),
    "card_expired": Moment(card_ending(-1), next_day, "card"),
    "card_deleted": Moment(
        carded,
        lambda company, held: company.delete(f"/customers/{held['customer_id']}/cards/{held['card_id']}"),
        "card",
    ),
    "payment_method_added": Moment(
        nothing, lambda company, held: company.bank_account(held["customer_id"]), "bank_account"
    ),
    "payment_method_updated": Moment(carded, new_numbers, "card"),
    "payment_method_deleted": Moment(carded, staff(kind="delete_card"), "card"),
    "unbilled_charges_added": Moment(live, charged, "unbilled_charge"),
    "unbilled_charges_updated": Moment(
        parked, staff(kind="edit_unbilled_charge", amount=7), "unbilled_charge"
    ),
    "unbilled_charges_invoiced": Moment(
        parked,
        lambda company, held: company.post(f"/unbilledcharges/{held['unbilled_charge_id']}/createinvoice"),
        "unbilled_charge",
    ),
    "unbilled_charges_deleted": Moment(
        parked,
        lambda company, held: company.delete(f"/unbilledcharges/{held['unbilled_charge_id']}"),
        "unbilled_charge",
    ),
}


@pytest.mark.parametrize("event_type", MOMENTS)
def test_7_4_an_event_comes_at_its_moment_once_and_in_both_families(
    company: Company, event_type: str
) -> None:
    moment = MOMENTS[event_type]
    held = moment.eve(company)
    seen = company.events().count(event_type)
    moment.act(company, held)
    company.check_money()
    assert company.events().count(event_type) == seen + 1

    with company.world.store.read() as tx:
        event = tx.find("events", where={"event_type": event_type}, desc=True, limit=1)[0]
    record = event["data"][moment.tells]
    assert record["customer_id"]
    assert json.loads(sent(company, event).body)["data"] == event["data"]
    assert json.loads(sent(company, event, payload="workflow").body) == event["data"]
    form = dict(parse_qsl(sent(company, event, payload="workflow", payload_type="form").body.decode()))
    assert form["customer_id"] == record["customer_id"]


def sent(company: Company, event: Doc, **more: str) -> payloads.Message:
    """What an endpoint of this kind is sent."""
    doc = endpoints.DEFAULTS | {"url": "http://127.0.0.1:9/hook"} | more
    return payloads.message(company.world, doc, event)


def test_7_5_a_payment_names_the_subscriptions_of_its_invoices(company: Company) -> None:
    sub = company.subscribe()
    with company.world.store.read() as tx:
        event = tx.find("events", where={"event_type": "payment_thankyou"})[0]
    body = json.loads(sent(company, event, payload="workflow").body)
    assert body["payment"]["invoices"][0]["subscription_ids"] == [sub["subscription_id"]]


def test_7_1_backdated_actions_are_told_to_nobody(company: Company) -> None:
    customer = company.customer()
    known = company.events()
    long_ago = (company.today() - timedelta(days=40)).isoformat()
    company.subscribe(customer_id=customer, card=None, starts_at=long_ago)
    assert company.events() == known


def test_7_4_nothing_tells_of_customers_and_pages(company: Company) -> None:
    asked = {"plan": {"plan_code": "team-m"}, "customer": {"display_name": "New", "email": "n@example.com"}}
    filled_in(company, company.post("/hostedpages/newsubscription", asked)["hostedpage"])
    company.put(f"/customers/{company.customer()}", {"display_name": "Other", "email": "o@example.com"})
    told = set(company.events())
    assert {"subscription_created", "payment_method_added"} <= told
    assert told <= set(MOMENTS), "an event that Zoho does not have"


@pytest.mark.skipif(not facts.FILE.exists(), reason=facts.ABSENT)
def test_7_4_no_event_type_is_forgotten() -> None:
    assert {name for row in facts.rows("7.4") for name in spelled_out(row[0])} == set(MOMENTS)


def spelled_out(cell: str) -> list[str]:
    """`payment_method_added / _updated` in full."""
    first, *others = re.split(r" / ", cell.replace(", ", " / "))
    stem = first.rpartition("_")[0]
    return [first, *(stem + each if each.startswith("_") else each for each in others)]
