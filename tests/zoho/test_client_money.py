"""Payments, pauses, bank accounts and invoices as files through the client."""

from collections.abc import Callable
from typing import Any

import pytest

from portal.zoho import errors
from portal.zoho.client import ZohoClient
from tests.harness.processes import Sandbox
from tests.zoho.hostile import Request, World
from tests.zoho.test_client import a_subscription


def test_an_open_invoice_is_charged(zoho: ZohoClient) -> None:
    subscription = a_subscription(zoho)
    [card] = zoho.fetch_cards(subscription.customer_zoho_id)
    # what staff do in Zoho, and the portal cannot
    zoho._act("POST", "/subscriptions/{id}/autocollect", subscription.zoho_id, body={"auto_collect": False})
    addon = next(addon for addon in zoho.list_addons().items if addon.type == "one_time")
    bought = {"addons": [{"addon_code": addon.code, "quantity": 1}]}
    zoho._act("POST", "/subscriptions/{id}/buyonetimeaddon", subscription.zoho_id, body=bought)
    theirs = zoho.list_invoices(customer_id=subscription.customer_zoho_id).items
    invoice = next(one for one in theirs if one.balance > 0)

    payment = zoho.collect(invoice.zoho_id, {"card_id": card.zoho_id})
    assert (payment.status, payment.amount) == ("success", invoice.balance)
    assert zoho.fetch_invoice(invoice.zoho_id).balance == 0


def test_a_card_is_taken_away(zoho: ZohoClient) -> None:
    customer = a_subscription(zoho).customer_zoho_id
    [card] = zoho.fetch_cards(customer)
    zoho.delete_card(customer, card.zoho_id)
    assert zoho.fetch_cards(customer) == []


def test_a_paused_subscription_goes_on(zoho: ZohoClient, sandbox: Sandbox) -> None:
    subscription = a_subscription(zoho)
    today = sandbox.control("clock")["today"]
    zoho.pause(subscription.zoho_id, today)
    assert zoho.fetch_subscription(subscription.zoho_id).status == "paused"
    assert zoho.resume(subscription.zoho_id, today).status == "live"


@pytest.mark.parametrize(
    "answer",
    [
        {"bank_accounts": [{"account_id": "6", "last_four_digits": 42, "gateway": "authorize_net"}]},
        {"bank_accounts": {"account_id": "6", "last_four_digits": "0042", "gateway": "authorize_net"}},
        {"bank_account": {"last_four_digits": "42", "payment_gateway": "authorize_net"}},
    ],
)
def test_a_bank_account_comes_alone_or_as_a_list_of_one(
    client_at: Callable[..., ZohoClient], enemy: World, answer: dict[str, Any]
) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(200, {"code": 0, **answer})
    account = client_at(enemy.url).fetch_bank_account("7", "6")
    assert (account.zoho_id, account.customer_zoho_id) == ("6", "7")
    assert (account.last_four, account.gateway) == ("0042", "authorize_net")


def test_a_pdf_is_fetched_with_another_token_when_the_first_is_refused(
    client_at: Callable[..., ZohoClient], enemy: World
) -> None:
    refuse_once = iter([True])

    def answer(request: Request) -> None:
        if next(refuse_once, False):
            request.say(401, {"code": 57})
        else:
            request.say(200, b"%PDF-1.4 hello")

    enemy.behaviours["/billing"] = answer
    assert b"".join(client_at(enemy.url).stream_invoice_pdf("1")) == b"%PDF-1.4 hello"
    assert enemy.count("/oauth/v2/token") == 2


def test_an_object_missing_from_a_success_is_a_bad_answer(
    client_at: Callable[..., ZohoClient], enemy: World
) -> None:
    enemy.behaviours["/billing"] = lambda request: request.say(200, {"code": 0})
    with pytest.raises(errors.BadAnswer):
        client_at(enemy.url).lane("reconcile").fetch_invoice("1")


def test_a_lane_that_does_not_exist_is_a_programming_error(
    client_at: Callable[..., ZohoClient], enemy: World
) -> None:
    with pytest.raises(ValueError, match="no such lane"):
        client_at(enemy.url).lane("fast")
