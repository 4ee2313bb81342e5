"""`/_control/act`: the staff acts of the design's sentence, named the way a stranger would name them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.engine import acts
from tests.sandbox.outside.conftest import Bench


def person(bench: Bench, name: str) -> dict[str, Any]:
    """One of the demo's customers: its subscription, and its invoices, newest first."""
    mail = f"{name}@example.com"
    subs = bench.control("state?kind=subscriptions")["subscriptions"]
    sub: dict[str, Any] = next(each for each in subs if each["customer"]["email"] == mail)
    invoices = bench.control("state?kind=invoices&per_page=1000")["invoices"]
    own = [each for each in invoices if each["email"] == mail]
    return sub | {"invoices": own[::-1]}


def act(bench: Bench, kind: str, **more: Any) -> Any:
    return bench.control("act", {"kind": kind, **more})["result"]


@pytest.mark.parametrize("kind", ["void_invoice", "void-invoice", "void an invoice", "Void invoice"])
def test_a_kind_may_be_said_in_words(bench: Bench, kind: str) -> None:
    id_ = person(bench, "heidi")["invoices"][0]["invoice_id"]
    assert act(bench, kind, invoice_id=id_)["status"] == "void"


def test_a_subscription_is_cancelled_as_zohos_call_puts_it(bench: Bench) -> None:
    id_ = person(bench, "ada")["subscription_id"]
    done = act(bench, "cancel_subscription", subscription_id=id_, cancel_at_end=True)
    assert done["status"] == "non_renewing"


def test_a_price_changes_for_everybody_or_for_one_subscription(bench: Bench) -> None:
    sub = person(bench, "ada")
    one = act(bench, "change_price", subscription_id=sub["subscription_id"], price=77)
    assert one["plan"]["price"] == 77
    assert act(bench, "change a price", plan_code="team-m", price="50.50")["recurring_price"] == 50.5


def test_an_invoice_says_which_payment_is_refunded(bench: Bench) -> None:
    paid = next(each for each in person(bench, "ada")["invoices"] if each["payments"])
    done = act(bench, "refund_payment", invoice_id=paid["invoice_id"])
    assert done["amount"] == paid["payments"][0]["amount"]
    again = bench.client.post("/_control/act", json={"kind": "refund", "invoice_id": paid["invoice_id"]})
    assert again.status_code == 409, "all of it is given back"


@pytest.mark.parametrize("by", ["subscription_id", "customer_id"])
def test_a_card_is_named_by_whose_it_is(bench: Bench, by: str) -> None:
    ada = person(bench, "ada")
    expired = act(bench, "expire a card", **{by: ada[by]})
    assert expired["card_id"] == ada["card"]["card_id"]
    ended = f"{expired['expiry_year']}-{expired['expiry_month']:02d}"
    assert ended < bench.control("clock")["today"][:7]
    assert act(bench, "delete_card", **{by: ada[by]}) == {"deleted": ada["card"]["card_id"]}


@pytest.mark.parametrize("by", ["subscription_id", "customer_id"])
def test_the_next_charge_declines_for_whom_it_is_said_and_nobody_else(bench: Bench, by: str) -> None:
    ada, erin = person(bench, "ada"), person(bench, "erin")
    act(bench, "next charge declines", reason="insufficient_funds", **{by: ada[by]})

    act(bench, "charge", subscription_id=erin["subscription_id"], amount=5)
    body = {"kind": "charge", "subscription_id": ada["subscription_id"], "amount": 5}
    refused = bench.client.post("/_control/act", json=body)

    assert (refused.status_code, refused.json) == (409, {"error": "The card has insufficient funds."})
    assert act(bench, **body)["balance"] == 0, "once, though the refused charge left nothing behind"


@pytest.mark.parametrize("whose", ["anybody's", "ada's"])
def test_a_decline_happens_once_at_the_api_too(bench: Bench, whose: str) -> None:
    ada = person(bench, "ada")
    named = {"card_id": ada["card"]["card_id"]} if whose == "ada's" else {}
    act(bench, "next_charge_declines", **named)
    path = f"/billing/v1/subscriptions/{ada['subscription_id']}/charge"
    charge = {"json": {"amount": 5, "description": "x"}, "headers": bench.headers()}
    answers = [bench.client.post(path, **charge) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 200]


def test_whoever_has_no_method_is_told_so(bench: Bench) -> None:
    body = {"kind": "next_charge_declines", "subscription_id": person(bench, "heidi")["subscription_id"]}
    answer = bench.client.post("/_control/act", json=body)
    assert (answer.status_code, "No payment method" in answer.json["error"]) == (409, True)


@pytest.mark.parametrize("kind", sorted(set(acts.ACTS) - {"next_charge_declines"}))
def test_an_act_that_lacks_its_subject_says_what_it_needs(bench: Bench, kind: str) -> None:
    answer = bench.client.post("/_control/act", json={"kind": kind})
    needs = bench.control("act")["acts"][kind]
    assert answer.status_code == 400
    assert answer.json["error"].endswith(f"({kind} needs {needs})")


def test_a_kind_that_is_none_is_answered_with_those_there_are(bench: Bench) -> None:
    for body in ({}, {"kind": None}, {"kind": 7}, {"kind": "sing"}):
        answer = bench.client.post("/_control/act", json=body)
        assert answer.status_code == 400
        assert all(kind in answer.json["error"] for kind in acts.ACTS)


@pytest.mark.parametrize("charges", ["refused", "stored"])
@pytest.mark.parametrize("kind", ["invoicepayment", "buyonetimeaddon"])
def test_a_hosted_page_tells_of_a_declined_card_on_file_and_takes_it_then(
    bench: Bench, kind: str, charges: str
) -> None:
    bench.control("settings", {"failed_payment": charges})
    ada = person(bench, "ada")
    card, headers = ada["card"]["card_id"], bench.headers()
    asked = {"subscription_id": ada["subscription_id"], "addons": [{"addon_code": "onboarding"}]}
    if kind == "invoicepayment":
        item = {"name": "Work", "price": 30, "quantity": 1}
        body = {"customer_id": ada["customer_id"], "invoice_items": [item]}
        made = bench.client.post("/billing/v1/invoices", json=body, headers=headers).json["invoice"]
        asked = {"invoice_id": made["invoice_id"]}
    page = bench.client.post(f"/billing/v1/hostedpages/{kind}", json=asked, headers=headers).json
    act(bench, "next_charge_declines", card_id=card, reason="insufficient_funds")

    path = urlsplit(page["hostedpage"]["url"]).path
    first, second = [bench.client.post(path, data={"act": "pay", "method": card}) for _ in range(2)]

    assert first.status_code == 402
    assert "there is not enough money on it" in first.text
    assert second.status_code == 303, "the decline was for one charge"
