"""The client against the sandbox: every read, the acts of a purchase, what may go wrong on the way."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from portal.zoho import errors
from portal.zoho.client import HOSTED_PAGES, ZohoClient
from tests.harness.processes import Sandbox


def a_customer(zoho: ZohoClient) -> str:
    return zoho.find_customers_by_email("ada@example.com")[0].zoho_id


def a_subscription(zoho: ZohoClient) -> Any:
    return zoho.list_subscriptions(customer_id=a_customer(zoho)).items[0]


def test_every_list_reads_and_its_rows_can_be_fetched(zoho: ZohoClient) -> None:
    pairs: list[tuple[Callable[..., Any], Callable[..., Any], str]] = [
        (zoho.list_customers, zoho.fetch_customer, "zoho_id"),
        (zoho.list_subscriptions, zoho.fetch_subscription, "zoho_id"),
        (zoho.list_invoices, zoho.fetch_invoice, "zoho_id"),
        (zoho.list_payments, zoho.fetch_payment, "zoho_id"),
        (zoho.list_products, zoho.fetch_product, "zoho_id"),
        (zoho.list_plans, zoho.fetch_plan, "code"),
        (zoho.list_addons, zoho.fetch_addon, "code"),
        (zoho.list_coupons, zoho.fetch_coupon, "code"),
        (zoho.list_events, zoho.fetch_event, "zoho_id"),
    ]
    for list_them, fetch_one, key in pairs:
        page = list_them()
        assert page.items, list_them.__name__
        row = page.items[0]
        assert getattr(fetch_one(getattr(row, key)), key) == getattr(row, key)
    assert zoho.list_credit_notes().items == []


def test_a_list_row_and_the_detail_agree_where_both_speak(zoho: ZohoClient) -> None:
    row = a_subscription(zoho)
    detail = zoho.fetch_subscription(row.zoho_id)
    assert (row.amount, row.status, row.updated_at) == (detail.amount, detail.status, detail.updated_at)
    assert not row.is_complete
    assert detail.is_complete
    assert detail.addons
    invoice = zoho.list_invoices(customer_id=row.customer_zoho_id).items[0]
    assert zoho.fetch_invoice(invoice.zoho_id).total == invoice.total


def test_the_organisation_and_the_cards_are_read(zoho: ZohoClient) -> None:
    [organization] = zoho.fetch_organizations()
    assert organization.zoho_id == "10000001"
    [card] = zoho.fetch_cards(a_customer(zoho))
    assert len(card.last_four) == 4


def test_pages_are_walked_to_the_end(zoho: ZohoClient, sandbox: Sandbox) -> None:
    sandbox.reset("empty", subscriptions=210)
    first = zoho.list_subscriptions()
    second = zoho.list_subscriptions(2)
    assert (len(first.items), first.has_more) == (200, True)
    assert (len(second.items), second.has_more) == (10, False)


@pytest.mark.parametrize(
    "fetch",
    [
        *("fetch_subscription", "fetch_invoice", "fetch_customer", "fetch_payment", "fetch_product"),
        *("fetch_plan", "fetch_addon", "fetch_coupon", "fetch_credit_note", "fetch_event"),
        "fetch_hosted_page",
    ],
)
def test_an_unknown_id_is_not_found_whatever_status_zoho_gives_it(zoho: ZohoClient, fetch: str) -> None:
    """400 or 404 by kind (facts 2.3)."""
    with pytest.raises(errors.NotFound):
        getattr(zoho, fetch)("424242")


def test_a_customer_is_made_found_and_changed(zoho: ZohoClient) -> None:
    made = zoho.create_customer({"display_name": "Katherine Johnson", "email": "Katherine@example.com"})
    assert [found.zoho_id for found in zoho.find_customers_by_email("katherine@example.com")] == [
        made.zoho_id
    ]
    zoho.update_customer(made.zoho_id, {"display_name": "K. Johnson"})
    assert zoho.fetch_customer(made.zoho_id).display_name == "K. Johnson"


def test_a_hosted_page_is_made_and_read_back(zoho: ZohoClient) -> None:
    body = {
        "customer_id": a_customer(zoho),
        "plan": {"plan_code": "team-m"},
        "reference_id": "key-1",
        "redirect_url": "http://127.0.0.1:8000/x",
    }
    made = zoho.create_hosted_page("new_subscription", body)
    assert made.url.startswith("http")
    assert made.expires_at is not None
    read = zoho.fetch_hosted_page(made.zoho_id)
    assert read.zoho_id == made.zoho_id
    assert read.status in ("fresh", "read")
    assert read.subscription_zoho_id == ""


def test_every_kind_of_hosted_page_can_be_asked_for(zoho: ZohoClient) -> None:
    subscription = a_subscription(zoho)
    [card] = zoho.fetch_cards(subscription.customer_zoho_id)
    invoice = zoho.list_invoices(customer_id=subscription.customer_zoho_id).items[0]
    one_time = next(addon.code for addon in zoho.list_addons().items if addon.type == "one_time")
    bodies: dict[str, dict[str, Any]] = {
        "new_subscription": {"customer_id": subscription.customer_zoho_id, "plan": {"plan_code": "team-m"}},
        "update_subscription": {"subscription_id": subscription.zoho_id, "plan": {"plan_code": "team-m"}},
        "update_card": {"subscription_id": subscription.zoho_id},
        "add_payment_method": {"customer_id": subscription.customer_zoho_id},
        "update_payment_method": {"card_id": card.zoho_id},
        "invoice_payment": {"invoice_id": invoice.zoho_id},
        "one_time_addon": {"subscription_id": subscription.zoho_id, "addons": [{"addon_code": one_time}]},
    }
    assert bodies.keys() == HOSTED_PAGES.keys()
    for kind, body in bodies.items():
        try:
            assert zoho.create_hosted_page(kind, body).zoho_id, kind
        except errors.Rejected as refusal:
            # A paid invoice needs no page; the request was understood all the same.
            assert kind == "invoice_payment", f"{kind}: {refusal}"  # noqa: PT017 - says which kind


def test_a_subscription_is_made_found_by_reference_and_ended(zoho: ZohoClient) -> None:
    body = {
        "customer_id": a_customer(zoho),
        "plan": {"plan_code": "team-m", "quantity": 1},
        "auto_collect": False,
        "reference_id": "key-42",
    }
    made = zoho.create_subscription(body)
    [found] = zoho.find_subscriptions_by_reference("key-42")
    assert found.zoho_id == made.zoho_id
    assert zoho.find_subscriptions_by_reference("key-4") == []
    assert zoho.cancel(made.zoho_id, at_end=True).status == "non_renewing"
    assert zoho.reactivate(made.zoho_id).status == "live"
    assert zoho.cancel(made.zoho_id, at_end=False).status == "cancelled"


def test_u10_a_cancellation_names_a_reason_where_the_organisation_demands_one(
    zoho: ZohoClient, sandbox: Sandbox
) -> None:
    subscription = a_subscription(zoho)
    sandbox.control("settings", {"u10_cancel_reason": "required"})
    try:
        assert zoho.cancel(subscription.zoho_id, at_end=True).status == "non_renewing"
    finally:
        sandbox.control("settings", {"u10_cancel_reason": "ignored"})


def test_a_plan_change_at_the_end_of_the_term_can_be_seen_and_dropped(zoho: ZohoClient) -> None:
    subscription = a_subscription(zoho)
    other = next(plan.code for plan in zoho.list_plans().items if plan.code != subscription.plan.code)
    with pytest.raises(errors.Rejected):
        zoho.fetch_scheduled_change(subscription.zoho_id)
    zoho.change_plan(subscription.zoho_id, {"plan": {"plan_code": other}, "end_of_term": True})
    assert zoho.fetch_scheduled_change(subscription.zoho_id).plan.code == other
    zoho.drop_scheduled_change(subscription.zoho_id)
    with pytest.raises(errors.Rejected):
        zoho.fetch_scheduled_change(subscription.zoho_id)


def test_a_subscription_can_be_paused_switched_and_resumed(zoho: ZohoClient) -> None:
    subscription = a_subscription(zoho)
    [card] = zoho.fetch_cards(subscription.customer_zoho_id)
    assert zoho.attach_card(subscription.zoho_id, card.zoho_id).payment_method_zoho_id == card.zoho_id
    today = zoho.fetch_subscription(subscription.zoho_id).current_term_ends_on
    assert today is not None
    paused = zoho.pause(subscription.zoho_id, today.isoformat(), "away")
    assert paused.status == "paused" or paused.pause_on == today


def test_collecting_charges_one_method_and_nothing_else(zoho: ZohoClient) -> None:
    for odd in ({}, {"card_id": ""}, {"card_id": "1", "account_id": "2"}, {"cvv": "1"}):
        with pytest.raises(ValueError, match="either a card or a bank account"):
            zoho.collect("1", odd)


def test_an_invoice_comes_as_a_pdf_and_frees_its_connection(zoho: ZohoClient) -> None:
    invoice = zoho.list_invoices().items[0]
    for _ in range(3):
        assert b"".join(zoho.stream_invoice_pdf(invoice.zoho_id)).startswith(b"%PDF-")
    zoho.stream_invoice_pdf(invoice.zoho_id).close()


def test_a_refused_act_says_why_and_did_nothing(zoho: ZohoClient, sandbox: Sandbox) -> None:
    before = len(sandbox.state("subscriptions"))
    with pytest.raises(errors.Rejected) as refusal:
        zoho.create_subscription({"customer_id": a_customer(zoho), "plan": {"plan_code": "no-such-plan"}})
    assert refusal.value.message
    assert len(sandbox.state("subscriptions")) == before


def test_a_write_that_times_out_after_its_effect_is_unknown_and_can_be_found_conv_04(
    zoho: ZohoClient, sandbox: Sandbox
) -> None:
    customer = a_customer(zoho)
    sandbox.faults(api={"timeout_after_effect": 1.0}, seed=1)
    body = {
        "customer_id": customer,
        "plan": {"plan_code": "team-m"},
        "auto_collect": False,
        "reference_id": "key-7",
    }
    with pytest.raises(errors.OutcomeUnknown):
        zoho.create_subscription(body)
    sandbox.faults()
    [found] = zoho.find_subscriptions_by_reference("key-7")
    assert found.amount > Decimal(0)


def test_wrong_credentials_are_named_and_corrected_ones_tried_at_once(
    client_at: Callable[..., ZohoClient], sandbox: Sandbox
) -> None:
    wrong: list[tuple[dict[str, str], str]] = [
        ({"zoho_client_secret": "wrong"}, "ZOHO_CLIENT_SECRET"),
        ({"zoho_client_id": "1000.UNKNOWN"}, "ZOHO_CLIENT_ID"),
    ]
    for changes, hint in wrong:
        with pytest.raises(errors.Unauthorized) as refusal:
            client_at(sandbox.url, **changes).list_customers()
        assert hint in refusal.value.what_to_do
    assert client_at(sandbox.url).list_customers().items
