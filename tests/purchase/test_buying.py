"""Buying, one disturbance at a time (issue: the purchase matrix). Each ends with exactly one subscription."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from portal import clock
from portal.db import transaction
from portal.sync import acts, catalogue, checkouts, refresh
from portal.zoho import spending
from portal.zoho.calls import Call
from tests.harness.hosted_page import DECLINED, pay_at
from tests.harness.people import later
from tests.purchase.conftest import Shopper

if TYPE_CHECKING:
    from tests.harness.processes import Sandbox

Enter = Callable[[str], Shopper]


def test_a_purchase_shows_subscription_invoice_and_method(shopper: Shopper) -> None:
    page = shopper.buy("team-m", quantity=2)
    shopper.assert_bought_once(page)
    assert page.shows("Confirmed by Zoho")
    assert page.shows("$105.84")  # 2 x 49.00 and 8 % tax
    assert page.shows("ending 1111")
    overview = shopper.visitor.get("/")
    assert overview.heading.startswith("You pay $105.84")
    # RL-02: a whole purchase within a minute is no customer who spends too much.
    calls = shopper.rows("select endpoint from billing.zoho_calls where lane = 'interactive'")
    assert len(calls) <= spending.PER_MINUTE, calls


def test_the_summary_names_every_line_now_and_later(shopper: Shopper) -> None:
    page = shopper.visitor.get(
        "/checkouts/new",
        query_string={"plan": "scale-m", "quantity": 1, "addon:onboarding": 1, "addon:seat-m": 2},
    )
    for said in (
        "Scale monthly",
        "Setup fee",
        "Onboarding session",
        "Extra seat",
        "Sales tax",
        "$611.28",
        "$234.36",
    ):
        assert page.shows(said), said


@pytest.mark.parametrize("scheme", ["volume", "tier", "package"])
def test_an_addon_in_brackets_is_charged_as_shown(shopper: Shopper, scheme: str) -> None:
    """The summary computes what Zoho then bills, whatever the pricing scheme."""
    zoho = shopper.services.zoho
    product = zoho.fetch_plan("team-m").product_zoho_id
    body = {
        "addon_code": "calls",
        "name": "Calls",
        "unit_name": "call",
        "pricing_scheme": scheme,
        "price_brackets": [
            {"start_quantity": 1, "end_quantity": 10, "price": 5},
            {"start_quantity": 11, "end_quantity": 100, "price": 3},
        ],
        "type": "recurring",
        "interval_unit": "monthly",
        "product_id": product,
    }
    zoho._caller.ask(Call("POST", "/addons", body=body))
    catalogue.refresh_all(shopper.services, source="reconcile")
    offered = shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    assert offered.shows("The price depends on the quantity.")

    shopper.buy("team-m", quantity=1, **{"addon:calls": 12})

    quoted = shopper.checkouts()[0]["quoted"]["now"]
    (invoice,) = shopper.rows("select total from billing.invoices")
    assert invoice["total"] == Decimal(quoted)


def test_a_plan_in_brackets_is_shown_as_what_it_costs(shopper: Shopper) -> None:
    """Its price for one is not the price of each; and a scheme that nobody knows closes no shop."""
    brackets = [{"start_quantity": 1, "end_quantity": 5, "price": 40}, {"start_quantity": 6, "price": 30}]
    for scheme, words in (("volume", "$210.00"), ("moonlit", "$343.00")):
        with transaction.as_worker(shopper.services.pool) as conn:
            conn.execute(
                "update billing.plans set pricing_scheme = %s, raw = raw || %s where code = 'team-m'",
                [scheme, Jsonb({"price_brackets": brackets})],
            )
        choice = {"plan": "team-m", "quantity": "7"}
        assert shopper.visitor.get("/checkouts/new", query_string=choice).shows(words)
        is_told = shopper.visitor.get("/plans").shows("The price depends on the quantity.")
        assert is_told == (scheme == "volume")


def test_a_coupon_over_an_amount_says_how_much(shopper: Shopper) -> None:
    zoho = shopper.services.zoho
    body = {"coupon_code": "FIVER", "name": "Fiver", "discount_by": "flat", "discount_value": 5}
    body["product_id"] = zoho.fetch_plan("team-m").product_zoho_id
    zoho._caller.ask(Call("POST", "/coupons", body=body))
    catalogue.refresh_all(shopper.services, source="reconcile")
    choice = {"plan": "team-m", "quantity": "1", "coupon": "FIVER"}
    assert shopper.visitor.get("/checkouts/new", query_string=choice).shows("Coupon: $5.00 off on the first")
    choice["coupon"] = "WELCOME20"
    assert shopper.visitor.get("/checkouts/new", query_string=choice).shows("Coupon: 20% off on the first")


def test_a_plan_that_ends_by_itself_does_not_go_on_until_you_cancel(shopper: Shopper) -> None:
    says = {-1: "until you cancel", 12: "12 times in all, the first today", 1: "Today you pay"}
    for cycles, words in says.items():
        with transaction.as_worker(shopper.services.pool) as conn:
            conn.execute("update billing.plans set billing_cycles = %s where code = 'team-m'", [cycles])
        page = shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
        assert page.shows(words)
        assert page.shows("until you cancel") == (cycles == -1)


def test_a_double_click_opens_one_page(shopper: Shopper) -> None:
    shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    summary = shopper.visitor.last
    first = shopper.press()
    shopper.visitor.last = summary
    assert shopper.press() == first
    shopper.assert_bought_once(shopper.come_back(shopper.pay(first)))


def test_two_tabs_with_the_same_choice_lead_to_one_page(shop: Enter) -> None:
    one, other = shop("newcomer@example.com"), shop("newcomer@example.com")
    assert one.choose() == other.choose()
    one.assert_bought_once(one.come_back(one.pay(one.choose())))


def test_a_second_tab_after_the_purchase_is_told_so(shop: Enter) -> None:
    """CONV-03: the stale tab cannot buy the same plan a second time."""
    one, other = shop("newcomer@example.com"), shop("newcomer@example.com")
    other.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    stale = other.visitor.last
    one.buy()
    other.visitor.last = stale
    page = other.visitor.submit(action="/checkouts", status=422)
    assert page.shows("You already have Team monthly")
    assert len(one.subscriptions_at_zoho()) == 1


def test_twenty_clicks_at_once_open_one_page(shop: Enter) -> None:
    """CONV-03: twenty posts in parallel end at one hosted page and one customer."""
    shoppers = [shop("newcomer@example.com") for _ in range(20)]
    for one in shoppers:
        one.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    with ThreadPoolExecutor(20) as pool:
        targets = list(pool.map(lambda one: one.press(), shoppers))
    assert len(shoppers[0].checkouts()) == 1
    hosted = {target for target in targets if "hostedpage" in target}
    assert len(hosted) == 1
    assert len(shoppers[0].customers_at_zoho()) == 1
    page = shoppers[0].come_back(shoppers[0].pay(hosted.pop()))
    shoppers[0].assert_bought_once(page)


def test_the_browser_is_closed_after_paying(shopper: Shopper) -> None:
    shopper.pay(shopper.choose())
    with later(minutes=2):
        assert checkouts.settle_due(shopper.services) == 1
    page = shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}")
    shopper.assert_bought_once(page)


def test_the_webhook_comes_before_the_browser(shopper: Shopper) -> None:
    """The refresh that a webhook causes completes the attempt by its key; the return then finds it done."""
    answer = shopper.pay(shopper.choose())
    subscription_id = shopper.subscriptions_at_zoho()[0]["subscription_id"]
    refresh.refresh(shopper.services, "subscription", subscription_id, source="webhook")
    assert [(row["state"], row["confirmed_by"]) for row in shopper.checkouts()] == [("completed", "webhook")]
    shopper.assert_bought_once(shopper.come_back(answer))


def test_the_browser_comes_before_the_webhook(shopper: Shopper) -> None:
    page = shopper.buy()
    shopper.assert_bought_once(page)
    subscription_id = shopper.subscriptions_at_zoho()[0]["subscription_id"]
    refresh.refresh(shopper.services, "subscription", subscription_id, source="webhook")
    assert [(row["state"], row["confirmed_by"]) for row in shopper.checkouts()] == [("completed", "return")]


def test_browser_and_webhooks_at_the_same_moment_complete_it_once(shop: Enter) -> None:
    """INV-2: a return and four deliveries race; one of them completes the attempt, and it is noted once."""
    for number in range(5):
        shopper = shop(f"racer{number}@example.com")
        answer = shopper.pay(shopper.choose())
        subscription_id = shopper.subscriptions_at_zoho()[0]["subscription_id"]

        def webhook(shopper: Shopper = shopper, subscription_id: str = subscription_id) -> None:
            refresh.refresh(shopper.services, "subscription", subscription_id, source="webhook")

        with ThreadPoolExecutor(5) as pool:
            back = pool.submit(shopper.come_back, answer)
            told = [pool.submit(webhook) for _ in range(4)]
            for one in told:
                one.result()
        ours = back.result()
        account = shopper.rows(
            "select account_id from billing.subscriptions where zoho_id = %s", subscription_id
        )
        notes = shopper.rows(
            "select 1 from billing.activity where action = 'checkout:completed' and account_id = %s",
            account[0]["account_id"],
        )
        assert len(notes) == 1
        assert ours.shows("You now have"), ours.text
        assert len(shopper.subscriptions_at_zoho()) == 1


def test_declined_then_paid_on_the_same_page(shopper: Shopper) -> None:
    target = shopper.choose()
    assert shopper.pay(target, DECLINED).status_code != 303
    page = shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}")
    assert page.heading == "Finish on the payment page"
    shopper.assert_bought_once(shopper.come_back(shopper.pay(target)))


def test_cancelled_on_the_payment_page(shopper: Shopper, sandbox: Sandbox) -> None:
    target = shopper.choose()
    shopper.pay(target, act="cancel")
    checkout_id = shopper.checkouts()[0]["id"]
    shopper.visitor.get(f"/checkouts/{checkout_id}")
    page = shopper.visitor.submit(action=f"/checkouts/{checkout_id}/cancellation")
    assert page.heading == "Nothing was bought"
    assert shopper.subscriptions_at_zoho() == []
    again = shopper.visitor.click("Start again with the same choice")
    assert again.shows("Today you pay $52.92")
    shopper.assert_bought_once(shopper.come_back(shopper.pay(shopper.press())))


def test_given_up_here_but_paid_there_stays_bought(shopper: Shopper) -> None:
    target = shopper.choose()
    checkout_id = shopper.checkouts()[0]["id"]
    shopper.visitor.get(f"/checkouts/{checkout_id}")
    shopper.visitor.submit(action=f"/checkouts/{checkout_id}/cancellation")
    pay_at(target)
    subscription_id = shopper.subscriptions_at_zoho()[0]["subscription_id"]
    refresh.refresh(shopper.services, "subscription", subscription_id, source="webhook")
    shopper.assert_bought_once(shopper.visitor.get(f"/checkouts/{checkout_id}"))


def test_an_expired_page_charges_nothing_and_offers_the_same_choice(shopper: Shopper) -> None:
    shopper.choose("team-m", quantity=3)
    with later(hours=1, minutes=5):
        checkouts.settle_due(shopper.services)
    page = shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}")
    assert page.heading == "The payment page has expired"
    assert shopper.subscriptions_at_zoho() == []
    assert shopper.visitor.click("Start again with the same choice").shows("$158.76")


def test_paid_in_the_last_minute_is_found_after_the_page_expired(shopper: Shopper) -> None:
    shopper.pay(shopper.choose())
    with later(hours=1, minutes=5):
        checkouts.settle_due(shopper.services)
    shopper.assert_bought_once(shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}"))


@pytest.mark.parametrize("fault", ["timeout", "timeout_after_effect", "500", "empty"])
@pytest.mark.parametrize("path", ["/customers", "/hostedpages/newsubscription"])
def test_a_lost_answer_while_preparing_loses_and_doubles_nothing(
    shopper: Shopper, path: str, fault: str
) -> None:
    """CONV-04: the customer is looked for before it is made again; an unused hosted page does no harm."""
    weather = {"api": {"next": [fault], "match": {"method": "POST", "path": path}, "hold_s": 0.1}}
    shopper.sandbox.control("faults", weather)
    where = shopper.choose()
    shopper.sandbox.control("faults", {})
    minutes = 1
    while "hostedpage" not in where:
        assert minutes < 20, "the payment page never came"
        with later(minutes=minutes):
            acts.resolve_due(shopper.services)
            checkouts.settle_due(shopper.services)
        where = shopper.checkouts()[0]["hosted_page_url"] or ""
        minutes += 2
    assert len(shopper.customers_at_zoho()) == 1
    shopper.assert_bought_once(shopper.come_back(shopper.pay(where)))


def test_zoho_is_away_when_the_browser_comes_back(shopper: Shopper) -> None:
    answer = shopper.pay(shopper.choose())
    shopper.sandbox.control("faults", {"api": {"503": 1.0}})
    page = shopper.come_back(answer)
    assert page.heading == "Finish on the payment page"
    assert page.shows("check now")
    shopper.sandbox.control("faults", {})
    with later(minutes=15):
        checkouts.settle_due(shopper.services)
    shopper.assert_bought_once(shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}"))


def test_a_paid_page_whose_objects_cannot_be_read_yet_is_being_confirmed(shopper: Shopper) -> None:
    """A process that died while it read the subscription holds it for a while; nothing is lost meanwhile."""
    answer = shopper.pay(shopper.choose())
    shopper.sandbox.control(
        "faults", {"api": {"503": 1.0, "match": {"method": "GET", "path": "/subscriptions/"}}}
    )
    page = shopper.come_back(answer)
    assert page.heading == "We are confirming your payment"
    shopper.sandbox.control("faults", {})
    with later(seconds=45):
        checkouts.settle_due(shopper.services)
    shopper.assert_bought_once(shopper.visitor.get(f"/checkouts/{shopper.checkouts()[0]['id']}"))


def test_one_customer_with_the_confirmed_address_is_taken_over(shop: Enter, sandbox: Sandbox) -> None:
    """The same e-mail is a Zoho customer already: theirs is used, and no second one is made."""
    existing = next(one for one in sandbox.state("customers") if one["email"] == "ada@example.com")
    shopper = shop("ada@example.com")
    shopper.buy("analytics-m")
    assert [one["customer_id"] for one in shopper.customers_at_zoho()] == [existing["customer_id"]]


def test_an_account_whose_customer_was_deleted_can_buy_again(shopper: Shopper) -> None:
    """Staff deleted the customer at Zoho; the next purchase makes a new one, once."""
    shopper.choose("analytics-m")
    old = shopper.customers_at_zoho()[0]["customer_id"]
    shopper.sandbox.control("act", {"kind": "delete_customer", "customer_id": old})
    refresh.refresh(shopper.services, "customer", old, source="reconcile")
    page = shopper.buy("team-m")
    assert [one["customer_id"] != old for one in shopper.customers_at_zoho()] == [True]
    shopper.assert_bought_once(page)


def test_a_forged_return_changes_nothing_and_shows_nothing(shop: Enter) -> None:
    """RED-03: the query of the return proves nothing; somebody else's attempt does not exist for me."""
    victim, thief = shop("newcomer@example.com"), shop("mallory@example.com")
    target = victim.choose()
    hosted_page_id = victim.checkouts()[0]["hosted_page_id"]
    victim_checkout = victim.checkouts()[0]["id"]
    thief.choose("analytics-m")
    own = next(row for row in victim.checkouts() if row["id"] != victim_checkout)["id"]
    pay_at(target)
    page = thief.visitor.get(f"/checkouts/{own}/return?hostedpage_id={hosted_page_id}")
    assert page.heading == "Finish on the payment page"
    assert thief.subscriptions_at_zoho() == []
    thief.visitor.get(f"/checkouts/{victim_checkout}/return?hostedpage_id={hosted_page_id}", status=404)
    thief.visitor.get(f"/checkouts/{victim_checkout}", status=404)


def test_a_changed_price_refuses_the_purchase(shopper: Shopper, sandbox: Sandbox) -> None:
    """AC-06: the price that was seen is the price that is confirmed."""
    from portal.sync import catalogue

    shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    sandbox.control("act", {"kind": "change_price", "plan_code": "team-m", "price": 59})
    catalogue.refresh_all(shopper.services, source="reconcile")
    page = shopper.visitor.submit(action="/checkouts", status=409)
    assert page.shows("The price changed while this page was open")
    assert page.shows("$63.72")
    assert shopper.checkouts() == []


def test_a_wrong_coupon_keeps_the_answers(shopper: Shopper) -> None:
    page = shopper.visitor.get(
        "/checkouts/new", query_string={"plan": "team-m", "quantity": 4, "coupon": "EXPIRED5"}, status=422
    )
    assert page.errors()["coupon"].endswith("The code EXPIRED5 has expired. Remove it or use another one.")
    assert page.soup.find("input", attrs={"name": "quantity"})["value"] == "4"


def test_updating_the_amounts_puts_no_token_into_an_address(shopper: Shopper) -> None:
    """CSRF-05: without JavaScript the button sends the form; the page comes back under a clean address."""
    shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    form = shopper.visitor.last
    assert form is not None
    assert 'formmethod="get"' not in str(form.soup)
    values = {tag["name"]: tag.get("value", "") for tag in form.form("/checkouts").find_all("input")}
    page = shopper.visitor.post("/checkouts", {**values, "quantity": "3", "payment": "page", "do": "update"})
    assert page.shows("$158.76")
    assert page.url.startswith("/checkouts/new?")
    assert not [name for name in ("csrf_token", "key=", "stamp=", "do=") if name in page.url]


def test_a_method_on_file_needs_no_page(shopper: Shopper) -> None:
    shopper.buy("team-m")
    shopper.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"})
    page = shopper.visitor.submit(action="/checkouts")
    assert page.shows("You now have Analytics monthly")
    assert len(shopper.subscriptions_at_zoho()) == 2


@pytest.mark.parametrize("fault", ["timeout", "timeout_after_effect"])
def test_a_lost_answer_of_a_direct_purchase_is_looked_up_never_repeated(shopper: Shopper, fault: str) -> None:
    """CONV-04: an effect is found by its key; where there is none, the act is given up in the end."""
    shopper.buy("team-m")
    shopper.visitor.get("/checkouts/new", query_string={"plan": "analytics-m"})
    weather = {"api": {"next": [fault], "match": {"method": "POST", "path": "/subscriptions"}, "hold_s": 0.1}}
    shopper.sandbox.control("faults", weather)
    page = shopper.visitor.submit(action="/checkouts")
    assert page.shows("checking whether it went through")
    shopper.sandbox.control("faults", {})
    with later(minutes=6):
        acts.resolve_due(shopper.services)
    expected = {"timeout": ("abandoned", 1), "timeout_after_effect": ("done", 2)}[fault]
    state = shopper.rows("select state from billing.intents where kind = 'create_subscription'")[0]["state"]
    assert (state, len(shopper.subscriptions_at_zoho())) == expected


def test_the_free_plan_needs_no_page_and_no_card(shopper: Shopper) -> None:
    shopper.visitor.get("/checkouts/new", query_string={"plan": "free"})
    page = shopper.visitor.submit(action="/checkouts")
    assert page.shows("You now have Free")
    assert len(shopper.subscriptions_at_zoho()) == 1


def test_extra_fields_change_nothing(shopper: Shopper) -> None:
    """AC-03, AC-08: price, customer and plan come from the server, whatever the form says besides."""
    shopper.visitor.get("/checkouts/new", query_string={"plan": "team-m"})
    form = shopper.visitor.last
    assert form is not None
    values = {tag["name"]: tag.get("value", "") for tag in form.form("/checkouts").find_all("input")}
    page = shopper.visitor.post(
        "/checkouts",
        {**values, "price": "1", "customer_id": "5120000000001041", "plan_code": "free", "addons": "x"},
        status=303,
        follow=False,
    )
    shopper.come_back(shopper.pay(str(page.response.headers["Location"])))
    assert shopper.subscriptions_at_zoho()[0]["sub_total"] == 49


def test_a_viewer_cannot_buy(app: object, shop: Enter) -> None:
    """AC-02: the role decides, on the page and behind it."""
    owner = shop("newcomer@example.com")
    account_id = owner.rows("select account_id from billing.members")[0]["account_id"]
    from tests.harness.people import sign_in, wear
    from tests.visitor import Visitor

    viewer = wear(Visitor(app), sign_in(app, "eve@example.com", role="viewer", account_id=account_id))  # type: ignore[arg-type]
    viewer.get("/checkouts/new?plan=team-m", status=403)
    viewer.get("/plans")
    viewer.post("/checkouts", {"plan": "team-m", "quantity": "1"}, status=403)


def test_no_page_of_a_purchase_asks_zoho(shopper: Shopper) -> None:
    """Budget: a GET page makes no Zoho call; only the return and "check now" do."""
    shopper.choose()
    before = len(shopper.rows("select id from billing.zoho_calls"))
    for path in ("/plans", "/checkouts/new?plan=team-m", f"/checkouts/{shopper.checkouts()[0]['id']}"):
        shopper.visitor.get(path)
    assert len(shopper.rows("select id from billing.zoho_calls")) == before


def test_a_crash_between_commit_and_call_is_carried_on(shopper: Shopper) -> None:
    """A prepared attempt whose process died gets its page from the sweeper."""
    shopper.choose()
    with transaction.as_worker(shopper.services.pool) as conn:
        conn.execute(
            "update billing.checkouts set state = 'preparing', hosted_page_id = null, hosted_page_url = null,"
            " lease_until = %s, next_check_at = %s",
            [clock.now(), clock.now()],
        )
    checkouts.settle_due(shopper.services)
    row = shopper.checkouts()[0]
    assert row["state"] == "open"
    shopper.assert_bought_once(shopper.come_back(shopper.pay(row["hosted_page_url"])))


def test_a_key_that_the_server_did_not_make_is_refused(shopper: Shopper) -> None:
    """CONV-03: keys are signed; a made-up one starts nothing."""
    shopper.visitor.get("/checkouts/new", query_string={"plan": "free"})
    page = shopper.visitor.submit({"key": str(uuid4())}, action="/checkouts", status=409)
    assert page.heading == "This changed while the page was open"
    assert page.shows("Open the page again")
    assert shopper.subscriptions_at_zoho() == []
