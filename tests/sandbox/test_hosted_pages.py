"""Hosted pages (facts 4): asked for through the API, paid by a person, judged by what Zoho remembers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.merchant import (
    DECLINED,
    KINDS,
    POOR,
    SECOND_TRY,
    Json,
    Merchant,
    bank,
    pay,
)
from tests.sandbox.serving import Served, served

BACK = "http://127.0.0.1:8000/checkouts/7/return"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("hosted")) as running:
        yield running


@pytest.fixture(scope="module")
def merchant(place: Served) -> Merchant:
    return Merchant(place)


@pytest.fixture
def page(merchant: Merchant) -> Json:
    return merchant.page(customer_id=merchant.customer(), plan={"plan_code": "team-m"}, redirect_url=BACK)


def status(merchant: Merchant, page: Json) -> str:
    return str(merchant.get(f"/hostedpages/{page['hostedpage_id']}")["status"])


def switched(place: Served, **values: Any) -> Any:
    """Switches for the length of a `with`."""

    class _Switch:
        def __enter__(self) -> None:
            self.before = {name: getattr(place.world.settings, name) for name in values}
            place.world.switch(values)

        def __exit__(self, *_: object) -> None:
            place.world.switch(self.before)

    return _Switch()


# --- the API's half ---


def test_facts_4_2_the_shape_of_a_new_page(merchant: Merchant, page: Json) -> None:
    assert re.fullmatch(r"2-[0-9a-f]{96}", page["hostedpage_id"])
    assert re.fullmatch(r"\d{15,19}", page["decrypted_hosted_page_id"])
    assert page["url"].endswith(f"/hostedpage/{page['hostedpage_id']}/checkout")
    assert page["status"] == "fresh"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", page["created_time"])
    made, ends = (
        datetime.strptime(page[name], "%Y-%m-%dT%H:%M:%S%z") for name in ("created_time", "expiring_time")
    )
    assert ends - made == timedelta(hours=1)


def test_facts_4_5_a_page_is_read_flat_and_its_data_is_empty_while_fresh(
    merchant: Merchant, page: Json
) -> None:
    read = merchant.get(f"/hostedpages/{page['hostedpage_id']}")
    assert "hostedpage" not in read
    assert read["code"] == 0
    assert read["status"] == "fresh"
    assert read["data"] == {}
    pay(page)
    read = merchant.get(f"/hostedpages/{page['hostedpage_id']}")
    assert read["status"] == "success"
    assert read["data"]["subscription"]["status"] == "live"
    assert read["data"]["invoice"]["status"] == "paid"


def test_facts_4_6_the_list_and_its_key_switch(place: Served, merchant: Merchant, page: Json) -> None:
    listed = merchant.get("/hostedpages?per_page=1&sort_order=D")
    assert [each["hostedpage_id"] for each in listed["hosted_pages"]] == [page["hostedpage_id"]]
    assert listed["page_context"]["has_more_page"] is True
    with switched(place, hosted_list_key="hostedpages"):
        assert "hostedpages" in merchant.get("/hostedpages?per_page=1")


def test_facts_4_1_every_kind_has_its_status_and_action(merchant: Merchant) -> None:
    data = merchant.bought()
    sub, invoice = data["subscription"], data["invoice"]
    asked: dict[str, Json] = {
        "updatesubscription": {"subscription_id": sub["subscription_id"], "plan": {"plan_code": "scale-m"}},
        "updatecard": {"subscription_id": sub["subscription_id"]},
        "buyonetimeaddon": {
            "subscription_id": sub["subscription_id"],
            "addons": [{"addon_code": "onboarding"}],
        },
        "addpaymentmethod": {"customer_id": sub["customer_id"]},
        "updatepaymentmethod": {"card_id": sub["card"]["card_id"]},
    }
    assert invoice["balance"] == 0
    for kind, body in asked.items():
        page = merchant.page(kind, **body)
        assert page["action"] == KINDS[kind][1]
        assert requests.get(page["url"], timeout=10).status_code == 200, kind
        assert pay(page).status_code == 303, kind
        assert status(merchant, page) == "success", kind


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("newsubscription", {"plan": {"plan_code": "nope"}, "customer_id": "1"}, (400, 101002)),
        ("newsubscription", {"plan": {"plan_code": "team-m"}, "customer_id": "1"}, (400, 3004)),
        ("newsubscription", {"plan": {"plan_code": "team-m"}}, (400, 3004)),
        ("updatecard", {"subscription_id": "1"}, (404, 1002)),
        ("updatesubscription", {}, (404, 1002)),
        ("invoicepayment", {"invoice_id": "1"}, (404, 1002)),
        ("addpaymentmethod", {"customer_id": "1"}, (400, 3004)),
        ("addpaymentmethod", {"customer_id": ["x"]}, (400, 2)),
        ("updatepaymentmethod", {}, (400, 2)),
        ("somethingelse", {}, (404, 5)),
    ],
)
def test_bad_requests_get_zohos_kind_of_error(
    merchant: Merchant, kind: str, body: Json, answer: tuple[int, int]
) -> None:
    refused = merchant.call("POST", f"/hostedpages/{kind}", body)
    assert (refused.status_code, refused.json()["code"]) == answer
    assert set(refused.json()) == {"code", "message"}


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "ftp://x.example/y", "not a url"])
def test_a_redirect_url_that_is_no_web_address_is_refused(merchant: Merchant, url: str) -> None:
    body = {"customer_id": merchant.customer(), "plan": {"plan_code": "team-m"}, "redirect_url": url}
    assert merchant.call("POST", "/hostedpages/newsubscription", body).status_code == 400


def test_an_impossible_purchase_is_refused_when_the_page_is_asked_for(merchant: Merchant) -> None:
    body = {"customer_id": merchant.customer(), "plan": {"plan_code": "team-m"}, "coupon_code": "EXPIRED5"}
    assert merchant.call("POST", "/hostedpages/newsubscription", body).status_code == 400


def test_facts_2_1_the_message_is_localised(place: Served, merchant: Merchant) -> None:
    with switched(place, message_language="es"):
        answer = merchant.call("POST", "/hostedpages/addpaymentmethod", {"customer_id": merchant.customer()})
    assert answer.json()["message"] == "La página alojada se ha creado correctamente."


# --- the person's half ---


def test_the_page_names_what_is_bought_and_charges_exactly_that(merchant: Merchant) -> None:
    customer = merchant.customer()
    page = merchant.page(
        customer_id=customer,
        plan={"plan_code": "team-m"},
        addons=[{"addon_code": "seat-m", "quantity": 3}],
        coupon_code="WELCOME20",
        reference_id="our-key",
    )
    html = BeautifulSoup(requests.get(page["url"], timeout=10).text, "html5lib")
    text = " ".join(html.get_text(" ").split())
    assert "Subscribe to Team monthly" in text
    assert "grace@example.com" in text
    assert "Pay $65.66 now" in text  # (49 + 27) less 20 % plus 8 % tax
    assert "Then $82.08 a month" in text
    assert pay(page).status_code == 303
    (sub,) = merchant.subscriptions(customer)
    assert sub["reference_id"] == "our-key"
    assert merchant.get(f"/hostedpages/{page['hostedpage_id']}")["data"]["invoice"]["total"] == 65.66


def test_looking_changes_nothing_but_the_status(place: Served, merchant: Merchant, page: Json) -> None:
    with place.world.store.read() as tx:
        before = {kind: tx.count(kind) for kind in tx.kinds()}
    for _ in range(3):
        requests.get(page["url"], timeout=10)
    with place.world.store.read() as tx:
        assert {kind: tx.count(kind) for kind in tx.kinds()} == before
    assert status(merchant, page) == "read"


def test_facts_4_4_success_redirects_with_the_id_appended(merchant: Merchant) -> None:
    for url, expected in ((BACK, f"{BACK}?"), (f"{BACK}?a=1", f"{BACK}?a=1&")):
        page = merchant.page(customer_id=merchant.customer(), plan={"plan_code": "team-m"}, redirect_url=url)
        assert pay(page).headers["Location"] == f"{expected}hostedpage_id={page['hostedpage_id']}"


def test_without_a_redirect_url_the_person_stays_and_is_thanked(merchant: Merchant) -> None:
    page = merchant.page(customer_id=merchant.customer(), plan={"plan_code": "team-m"})
    answer = pay(page)
    assert urlsplit(answer.headers["Location"]).path == urlsplit(page["url"]).path
    assert "Thank you" in requests.get(page["url"], timeout=10).text


@pytest.mark.parametrize(
    ("number", "words"),
    [(DECLINED, "refused it"), (POOR, "not enough money"), ("4000000000000069", "expired")],
)
def test_a_declined_card_leaves_nothing_behind_and_another_card_works(
    place: Served, merchant: Merchant, number: str, words: str
) -> None:
    customer = merchant.customer()
    page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"}, redirect_url=BACK)
    refused = pay(page, number)
    assert refused.status_code == 402
    assert words in refused.text
    assert status(merchant, page) == "failed"
    assert merchant.subscriptions(customer) == []
    assert merchant.get(f"/customers/{customer}/cards")["cards"] == []
    assert pay(page).status_code == 303
    assert status(merchant, page) == "success"
    assert len(merchant.subscriptions(customer)) == 1
    with place.world.store.read() as tx:
        assert number not in str(tx.find("hosted_pages")) + str(tx.find("methods"))


def test_a_card_that_needs_a_second_try(merchant: Merchant, page: Json) -> None:
    assert pay(page, SECOND_TRY).status_code == 402
    assert pay(page, SECOND_TRY).status_code == 303


def test_a_forced_decline_happens_once(place: Served, page: Json) -> None:
    with place.world.store.transaction() as tx:
        tx.set_meta("next_charge_declines", "do_not_honor")
    requests.get(page["url"], timeout=10)
    assert pay(page).status_code == 402, "looking at the page does not use it up"
    assert pay(page).status_code == 303


def test_a_declined_new_customer_is_not_created(merchant: Merchant) -> None:
    person = {"display_name": "Only Once", "email": "once@example.com"}
    page = merchant.page(customer=person, plan={"plan_code": "team-m"})
    pay(page, DECLINED)
    assert merchant.get("/customers?email=once@example.com")["customers"] == []
    pay(page)
    pay(page)
    assert len(merchant.get("/customers?email=once@example.com")["customers"]) == 1


def test_a_double_press_buys_once(merchant: Merchant) -> None:
    customer = merchant.customer()
    page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"}, redirect_url=BACK)
    answers: list[requests.Response] = []
    presses = [threading.Thread(target=lambda: answers.append(pay(page))) for _ in range(4)]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    assert {(each.status_code, each.headers["Location"]) for each in answers} == {
        (303, f"{BACK}?hostedpage_id={page['hostedpage_id']}")
    }
    assert len(merchant.subscriptions(customer)) == 1
    assert len(merchant.get(f"/customers/{customer}/cards")["cards"]) == 1


def test_cancelling_stays_on_the_page_and_closes_it(merchant: Merchant, page: Json) -> None:
    answer = pay(page, act="cancel")
    assert answer.status_code == 200
    assert "Nothing was charged" in answer.text
    assert status(merchant, page) == "cancelled"
    assert pay(page).status_code == 200, "a cancelled page takes no payment"
    assert status(merchant, page) == "cancelled"


def test_u4_what_cancel_and_decline_do_is_a_switch(place: Served, merchant: Merchant, page: Json) -> None:
    with switched(
        place, u4_hosted_cancel="stays", u4_hosted_decline="stays", u4_hosted_redirect_on_cancel=True
    ):
        requests.get(page["url"], timeout=10)
        pay(page, DECLINED)
        assert status(merchant, page) == "read"
        assert "hostedpage_id=" in pay(page, act="cancel").headers["Location"]
        assert status(merchant, page) == "read"
        assert pay(page).status_code == 303


def test_walking_away_leaves_the_page_read(merchant: Merchant, page: Json) -> None:
    requests.get(page["url"], timeout=10)
    assert status(merchant, page) == "read"


def test_an_expired_page_charges_nothing_and_keeps_its_status(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with served(tmp_path_factory.mktemp("later")) as place:
        merchant = Merchant(place)
        customer = merchant.customer()
        page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"}, redirect_url=BACK)
        requests.get(page["url"], timeout=10)
        place.world.clock.advance_to(place.world.clock.now() + timedelta(minutes=61))
        assert requests.get(page["url"], timeout=10).status_code == 410
        assert pay(page).status_code == 410
        assert merchant.subscriptions(customer) == []
        assert status(merchant, page) == "read"


def test_an_unknown_page_is_a_page_too(place: Served) -> None:
    assert requests.get(f"{place.url}/hostedpage/2-00/checkout", timeout=10).status_code == 404


def test_complaints_come_together_in_words_and_secrets_are_not_repeated(page: Json) -> None:
    answer = pay(page, "4111111111111112", expiry="13/29", cvv="x", card_name="")
    html = BeautifulSoup(answer.text, "html5lib")
    assert answer.status_code == 422
    for name in ("card_number", "expiry", "cvv", "card_name"):
        box = html.find(id=name)
        assert box
        assert box["aria-invalid"] == "true"
        assert html.find(id=f"{name}-wrong")
    assert "4111111111111112" not in answer.text


@pytest.mark.parametrize("expiry", ["08/39", "8 / 2039", "0839", "08-39"])
def test_expiry_dates_are_read_as_people_write_them(page: Json, expiry: str) -> None:
    assert pay(page, expiry=expiry).status_code == 303


def test_a_trial_is_free_today_and_says_what_follows(merchant: Merchant) -> None:
    customer = merchant.customer()
    page = merchant.page(customer_id=customer, plan={"plan_code": "starter-m"})
    text = requests.get(page["url"], timeout=10).text
    assert "Start my free trial" in text
    assert "$20.52 a month" in text
    pay(page)
    assert merchant.subscriptions(customer)[0]["status"] == "trial"


def test_a_bank_payment_is_under_way_after_buying(merchant: Merchant) -> None:
    customer = merchant.customer()
    page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"}, redirect_url=BACK)
    assert bank(page).status_code == 303
    invoice = merchant.get(f"/hostedpages/{page['hostedpage_id']}")["data"]["invoice"]
    assert invoice["ach_payment_initiated"] is True
    assert merchant.subscriptions(customer)[0]["status"] == "live"


def test_a_method_on_file_can_be_chosen_but_not_a_foreign_one(merchant: Merchant) -> None:
    mine, foreign = merchant.bought()["subscription"], merchant.bought()["subscription"]
    page = merchant.page(customer_id=mine["customer_id"], plan={"plan_code": "team-y"})
    assert "ending 1111" in requests.get(page["url"], timeout=10).text
    assert pay(page, method=foreign["card"]["card_id"]).status_code == 422
    assert pay(page, method=mine["card"]["card_id"]).status_code == 303
    assert len(merchant.get(f"/customers/{mine['customer_id']}/cards")["cards"]) == 1


def test_paying_an_open_invoice(place: Served, merchant: Merchant) -> None:
    customer = merchant.customer()
    body = {"customer_id": customer, "plan": {"plan_code": "team-m"}, "auto_collect": False}
    sub = merchant.call("POST", "/subscriptions", body).json()["subscription"]
    invoice_id = sub["child_invoice_id"]
    page = merchant.page("invoicepayment", invoice_id=invoice_id, redirect_url=BACK)
    assert "Pay $52.92 now" in requests.get(page["url"], timeout=10).text
    pay(page, DECLINED)
    assert merchant.get(f"/invoices/{invoice_id}")["invoice"]["balance"] == 52.92
    assert pay(page).status_code == 303
    assert merchant.get(f"/invoices/{invoice_id}")["invoice"]["status"] == "paid"
    paid_twice = merchant.call("POST", "/hostedpages/invoicepayment", {"invoice_id": invoice_id})
    assert paid_twice.status_code == 400


def test_a_page_whose_invoice_was_paid_elsewhere_closes_itself(merchant: Merchant) -> None:
    customer = merchant.customer()
    body = {"customer_id": customer, "plan": {"plan_code": "team-m"}, "auto_collect": False}
    invoice_id = merchant.call("POST", "/subscriptions", body).json()["subscription"]["child_invoice_id"]
    first, second = (merchant.page("invoicepayment", invoice_id=invoice_id) for _ in range(2))
    pay(first)
    assert "cannot be completed" in requests.get(second["url"], timeout=10).text
    assert status(merchant, second) == "force_cancelled"


def test_a_plan_change_charges_the_difference_and_the_page_says_so(merchant: Merchant) -> None:
    sub = merchant.bought()["subscription"]
    asked: Json = {"subscription_id": sub["subscription_id"], "plan": {"plan_code": "scale-m"}}
    page = merchant.page("updatesubscription", **asked)
    text = requests.get(page["url"], timeout=10).text
    due = re.search(r"Pay (\$[\d.,]+) now", text)
    assert due
    assert pay(page, method=sub["card"]["card_id"]).status_code == 303
    data = merchant.get(f"/hostedpages/{page['hostedpage_id']}")["data"]
    assert data["subscription"]["plan"]["plan_code"] == "scale-m"
    assert f"${data['invoice']['payment_made']:.2f}" == due[1]


def test_a_subscription_in_any_state_gets_a_page_or_a_refusal(merchant: Merchant) -> None:
    rows = merchant.get("/subscriptions?per_page=200")["subscriptions"]
    demo = {row["status"]: row["subscription_id"] for row in rows}
    assert {"live", "trial", "dunning", "non_renewing", "cancelled", "expired"} <= set(demo)
    for state, subscription_id in demo.items():
        for kind, more in (
            ("updatecard", {}),
            ("updatesubscription", {"plan": {"plan_code": "team-y"}}),
            ("buyonetimeaddon", {"addons": [{"addon_code": "onboarding"}]}),
        ):
            asked: Json = {"subscription_id": subscription_id, **more}
            answer = merchant.call("POST", f"/hostedpages/{kind}", asked)
            assert answer.status_code in (200, 201, 400), (state, kind, answer.text)
            if answer.status_code < 300:
                seen = requests.get(answer.json()["hostedpage"]["url"], timeout=10)
                assert seen.status_code == 200, (state, kind)


def test_a_change_for_the_end_of_the_term_costs_nothing_today(merchant: Merchant) -> None:
    sub = merchant.bought()["subscription"]
    asked: Json = {
        "subscription_id": sub["subscription_id"],
        "plan": {"plan_code": "scale-m"},
        "end_of_term": True,
    }
    page = merchant.page("updatesubscription", **asked)
    text = requests.get(page["url"], timeout=10).text
    assert "Change to Scale monthly" in text
    assert "Nothing changes before" in text
    assert "$214.92 a month" in text
    assert pay(page, method=sub["card"]["card_id"]).status_code == 303
    now = merchant.get(f"/subscriptions/{sub['subscription_id']}")["subscription"]
    assert now["plan"]["plan_code"] == "team-m"
    assert now["end_of_term"] is True


def test_a_declined_plan_change_changes_nothing(merchant: Merchant) -> None:
    sub = merchant.bought()["subscription"]
    asked: Json = {"subscription_id": sub["subscription_id"], "plan": {"plan_code": "scale-m"}}
    page = merchant.page("updatesubscription", **asked)
    assert pay(page, POOR).status_code == 402
    now = merchant.get(f"/subscriptions/{sub['subscription_id']}")["subscription"]
    assert now["plan"]["plan_code"] == "team-m"
    assert now["card"]["card_id"] == sub["card"]["card_id"]


def test_a_new_card_for_a_subscription_and_an_edited_card(merchant: Merchant) -> None:
    sub = merchant.bought()["subscription"]
    pay(merchant.page("updatecard", subscription_id=sub["subscription_id"]), "4242424242424242")
    card = merchant.get(f"/subscriptions/{sub['subscription_id']}")["subscription"]["card"]
    assert card["last_four_digits"] == "4242"
    pay(merchant.page("updatepaymentmethod", card_id=card["card_id"]), "5555555555554444")
    edited = merchant.get(f"/customers/{sub['customer_id']}/cards/{card['card_id']}")["card"]
    assert edited["last_four_digits"] == "4444"


def test_4_1_the_page_that_edits_a_method_leads_nowhere(merchant: Merchant) -> None:
    """Zoho documents no `redirect_url` for it, so one that is sent along is not followed."""
    card = merchant.bought()["subscription"]["card"]["card_id"]
    page = merchant.page("updatepaymentmethod", card_id=card, redirect_url=BACK)
    assert pay(page).headers["Location"] == urlsplit(page["url"]).path


def test_u3_what_a_method_page_shows_afterwards_is_a_switch(place: Served, merchant: Merchant) -> None:
    page = merchant.page("addpaymentmethod", customer_id=merchant.customer())
    pay(page)
    path = f"/hostedpages/{page['hostedpage_id']}"
    assert merchant.get(path)["data"] == {}
    with switched(place, u3_hosted_data="subject", u3_hosted_action="spec"):
        assert merchant.get(path)["data"]["card"]["last_four_digits"] == "1111"
        assert merchant.get(path)["action"] == "Update payment method"


def test_success_writes_its_events_in_the_same_commit(place: Served, merchant: Merchant) -> None:
    customer = merchant.customer()
    page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"})
    with place.world.store.read() as tx:
        before = tx.count("events")
    pay(page, DECLINED)
    with place.world.store.read() as tx:
        assert tx.count("events") == before, "a decline leaves no event behind"
    pay(page)
    with place.world.store.read() as tx:
        types = [each["event_type"] for each in tx.find("events", offset=before)]
    assert {"subscription_created", "subscription_activation", "payment_thankyou"} <= set(types)
    assert not [each for each in types if each.startswith("customer")], "hosted sign-ups announce no customer"


def test_the_page_keeps_scripts_frames_and_foreign_forms_out(place: Served, page: Json) -> None:
    answer = requests.get(page["url"], timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8000;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    with switched(place, u15_iframe="allow"):
        assert "frame-ancestors *" in requests.get(page["url"], timeout=10).headers["Content-Security-Policy"]


def test_names_are_shown_as_text(merchant: Merchant) -> None:
    person = {"display_name": "<script>alert(1)</script>", "email": "x@example.com"}
    page = merchant.page(customer=person, plan={"plan_code": "team-m"}, redirect_url=f"{BACK}?q=%22%3E")
    assert "<script>alert" not in requests.get(page["url"], timeout=10).text
    location = pay(page).headers["Location"]
    assert parse_qs(urlsplit(location).query)["q"] == ['">']


def test_facts_4_7_the_last_gateway_named_holds_the_card(merchant: Merchant) -> None:
    customer = merchant.customer()
    gateways = [{"payment_gateway": "authorize_net"}, {"payment_gateway": "stripe"}]
    pay(merchant.page("addpaymentmethod", customer_id=customer, payment_gateways=gateways))
    pay(merchant.page("addpaymentmethod", customer_id=customer))
    cards = merchant.get(f"/customers/{customer}/cards")["cards"]
    assert [card["payment_gateway"] for card in cards] == ["stripe", "authorize_net"]


def test_an_address_typed_on_the_page_becomes_the_customers_when_there_is_none(merchant: Merchant) -> None:
    customer = merchant.customer()
    pay(
        merchant.page("addpaymentmethod", customer_id=customer),
        street="1 Main Street",
        city="Boston",
        zip="02101",
    )
    pay(merchant.page("addpaymentmethod", customer_id=customer), street="2 Other Street")
    address = merchant.get(f"/customers/{customer}")["customer"]["billing_address"]
    assert (address["street"], address["zip"]) == ("1 Main Street", "02101")


def test_a_customer_who_may_not_pay_by_bank_is_not_offered_it(merchant: Merchant) -> None:
    customer = merchant.customer()
    merchant.call("PUT", f"/customers/{customer}", {"ach_supported": False})
    page = merchant.page("addpaymentmethod", customer_id=customer)
    assert "Bank account (ACH)" not in requests.get(page["url"], timeout=10).text
    assert bank(page).status_code == 422


PLANS = ("team-m", "team-y", "starter-m", "scale-m", "scale-y", "free")
CHOICES = st.fixed_dictionaries(
    {
        "plan": st.fixed_dictionaries(
            {"plan_code": st.sampled_from(PLANS), "quantity": st.integers(1, 7)},
            optional={
                "exclude_trial": st.booleans(),
                "exclude_setup_fee": st.booleans(),
                "price": st.integers(0, 99),
            },
        )
    },
    optional={
        "addons": st.just([{"addon_code": "onboarding", "quantity": 2}]),
        "coupon_code": st.sampled_from(["WELCOME20", "HALF3", "FOREVER10"]),
    },
)


def charged(merchant: Merchant, page: Json) -> Decimal:
    """What the gateway took for this page, by the payments that Zoho remembers."""
    data = merchant.get(f"/hostedpages/{page['hostedpage_id']}")["data"]
    invoice = data.get("invoice") or {"payment_made": 0}
    return Decimal(str(invoice["payment_made"]))


def promised(page: Json) -> Decimal:
    """What the page says is due today."""
    html = BeautifulSoup(requests.get(page["url"], timeout=10).text, "html5lib")
    total = html.select_one(".total dd")
    assert total
    return Decimal(total.get_text(strip=True).lstrip("$").replace(",", ""))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=CHOICES, then=CHOICES)
def test_what_the_page_promises_is_what_is_charged(merchant: Merchant, first: Json, then: Json) -> None:
    customer = merchant.customer()
    buy = merchant.page(customer_id=customer, **first)
    due = promised(buy)
    assert pay(buy).status_code == 303
    assert charged(merchant, buy) == due
    (sub,) = merchant.subscriptions(customer)
    change = merchant.page("updatesubscription", subscription_id=sub["subscription_id"], **then)
    due = promised(change)
    before = sub_payments(merchant, customer)
    assert pay(change).status_code == 303
    assert sub_payments(merchant, customer) - before == due


def sub_payments(merchant: Merchant, customer: str) -> Decimal:
    """All that a customer has paid."""
    rows = merchant.get("/payments?per_page=200&sort_order=D")["payments"]
    return sum((Decimal(str(row["amount"])) for row in rows if row["customer_id"] == customer), Decimal(0))
