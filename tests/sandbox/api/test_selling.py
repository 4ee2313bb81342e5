"""What a purchase comes to: coupons, setup fees, addons by scheme, taxes, currencies, credits."""

from __future__ import annotations

import pytest

from tests.contracts.company import Company


def totals(company: Company, id_: str) -> list[float]:
    return [invoice["total"] for invoice in company.invoices(id_)]


def months(company: Company, count: int) -> None:
    for _ in range(count):
        company.wait(31)


@pytest.mark.parametrize(
    ("coupon", "billed"),
    [
        ("WELCOME20", [42.34, 52.92, 52.92, 52.92]),
        ("HALF3", [26.46, 26.46, 26.46, 52.92]),
        ("FOREVER10", [47.63, 47.63, 47.63, 47.63]),
        ("", [52.92, 52.92, 52.92, 52.92]),
    ],
)
def test_a_coupon_lasts_as_long_as_it_says(company: Company, coupon: str, billed: list[float]) -> None:
    company.go_to("2027-01-10")
    id_ = company.subscribe(coupon_code=coupon)["subscription_id"]
    for day in ("2027-02-10", "2027-03-10", "2027-04-10"):
        company.go_to(day)
    assert totals(company, id_) == billed


@pytest.mark.parametrize("coupon", ["EXPIRED5", "NONE"])
def test_a_coupon_that_is_over_or_unknown_is_refused(company: Company, coupon: str) -> None:
    body = {"customer_id": company.customer(), "plan": {"plan_code": "team-m"}, "coupon_code": coupon}
    assert company.refused("POST", "/subscriptions", body)[0] == 400


def test_a_coupon_can_be_used_up(company: Company) -> None:
    product = company.get("/plans/team-m")["plan"]["product_id"]
    body = {
        "coupon_code": "ONE",
        "name": "One",
        "type": "one_time",
        "discount_by": "flat",
        "discount_value": 10,
    }
    company.post("/coupons", body | {"product_id": product, "max_redemption": 1})
    sub = company.subscribe(coupon_code="ONE")
    assert totals(company, sub["subscription_id"]) == [42.12]
    assert company.get("/coupons/ONE")["coupon"]["redemption_count"] == 1
    again = {"customer_id": company.customer(), "plan": {"plan_code": "team-m"}, "coupon_code": "ONE"}
    assert company.refused("POST", "/subscriptions", again)[0] == 400


def test_a_setup_fee_is_charged_once_and_may_be_left_out(company: Company) -> None:
    company.go_to("2027-01-10")
    id_ = company.subscribe("scale-m")["subscription_id"]
    company.go_to("2027-02-10")
    assert totals(company, id_) == [321.84, 214.92]
    without = company.subscribe("scale-m", plan={"exclude_setup_fee": True})
    assert totals(company, without["subscription_id"]) == [214.92]


def test_one_time_addons_are_on_the_first_invoice_only(company: Company) -> None:
    company.go_to("2027-01-10")
    addons = [{"addon_code": "onboarding"}, {"addon_code": "seat-m", "quantity": 3}]
    sub = company.subscribe(addons=addons)
    assert [addon["addon_code"] for addon in sub["addons"]] == ["seat-m"]
    company.go_to("2027-02-10")
    assert totals(company, sub["subscription_id"]) == [352.08, 82.08]


@pytest.mark.parametrize(
    ("scheme", "quantity", "total"),
    [("volume", 5, 50), ("volume", 15, 120), ("tier", 15, 140), ("package", 5, 10), ("package", 15, 8)],
)
def test_addons_by_scheme(company: Company, scheme: str, quantity: int, total: int) -> None:
    product = company.get("/plans/team-m")["plan"]["product_id"]
    brackets = [
        {"start_quantity": 1, "end_quantity": 10, "price": 10},
        {"start_quantity": 11, "end_quantity": 100, "price": 8},
    ]
    body = {"addon_code": "api", "name": "Calls", "unit_name": "call", "pricing_scheme": scheme}
    company.post("/addons", body | {"price_brackets": brackets, "product_id": product, "type": "recurring"})
    sub = company.subscribe("free", addons=[{"addon_code": "api", "quantity": quantity}], card=None)
    assert totals(company, sub["subscription_id"]) == [total]


def test_a_customer_who_is_exempt_pays_no_tax(company: Company) -> None:
    sub = company.subscribe(customer_id=company.customer(is_taxable=False))
    assert (sub["amount"], sub["taxes"]) == (49, [])


def test_a_currency_without_cents_has_none(company: Company) -> None:
    customer = company.customer(currency_code="JPY")
    sub = company.subscribe(customer_id=customer, plan={"price": 999}, coupon_code="FOREVER10", card=None)
    assert totals(company, sub["subscription_id"]) == [971]
    assert sub["currency_symbol"] == "¥"


def test_a_changed_price_leaves_running_subscriptions_alone_unless_told(company: Company) -> None:
    company.go_to("2027-01-10")
    id_ = company.subscribe()["subscription_id"]
    company.client.post("/_control/act", json={"kind": "change_price", "plan_code": "team-m", "price": 60})
    company.go_to("2027-02-10")
    company.switch(use_latest_prices=True)
    company.go_to("2027-03-10")
    assert totals(company, id_) == [52.92, 52.92, 64.8]


def test_excess_payment_becomes_credit_and_a_void_invoice_gives_its_payment_back(company: Company) -> None:
    sub = company.subscribe(card=None)
    applied = [{"invoice_id": sub["child_invoice_id"], "amount_applied": 52.92}]
    body = {"customer_id": sub["customer_id"], "payment_mode": "cash", "amount": 60, "invoices": applied}
    company.post("/payments", body)
    assert company.get(f"/customers/{sub['customer_id']}")["customer"]["unused_credits"] == 7.08
    company.post(f"/invoices/{sub['child_invoice_id']}/void")
    assert company.get(f"/customers/{sub['customer_id']}")["customer"]["unused_credits"] == 60


def test_only_gateway_payments_are_refunded_and_no_more_than_was_paid(company: Company) -> None:
    company.subscribe()
    id_ = company.get("/payments")["payments"][0]["payment_id"]
    company.post(f"/payments/{id_}/refunds", {"amount": 50})
    assert company.refused("POST", f"/payments/{id_}/refunds", {"amount": 5})[0] == 400
    assert company.get(f"/payments/{id_}")["payment"]["amount_refunded"] == 50
    cash = {"customer_id": company.customer(), "payment_mode": "cash", "amount": 60}
    other = company.post("/payments", cash)["payment"]["payment_id"]
    assert company.refused("POST", f"/payments/{other}/refunds", {"amount": 5})[0] == 400


def test_a_deleted_payment_reopens_its_invoice(company: Company) -> None:
    sub = company.subscribe()
    company.delete(f"/payments/{company.get('/payments')['payments'][0]['payment_id']}")
    assert company.invoices(sub["subscription_id"])[0]["balance"] == 52.92


def test_parked_charges_wait_for_the_renewal_or_for_an_invoice(company: Company) -> None:
    company.go_to("2027-01-10")
    id_ = company.subscribe()["subscription_id"]
    later = {"amount": 10, "description": "Later", "add_to_unbilled_charges": True}
    first = company.post(f"/subscriptions/{id_}/charge", later)["unbilled_charge"]
    second = company.post(f"/subscriptions/{id_}/charge", later)["unbilled_charge"]
    path = f"/unbilledcharges/{second['unbilled_charge_id']}"
    assert company.post(path + "/createinvoice")["invoice"]["total"] == 10
    assert company.refused("POST", path + "/createinvoice")[0] == 400
    company.go_to("2027-02-10")
    assert totals(company, id_) == [52.92, 10, 62.92]
    assert (
        company.get(f"/unbilledcharges/{first['unbilled_charge_id']}")["unbilled_charge"]["status"]
        == "invoiced"
    )


def test_u19_a_refused_charge_begins_dunning_only_when_told(company: Company) -> None:
    company.switch(failed_payment="stored")
    for switch, status in (("renewals", "live"), ("every_charge", "dunning")):
        company.switch(u19_dunning_on=switch)
        id_ = company.subscribe()["subscription_id"]
        company.client.post("/_control/act", json={"kind": "next_charge_declines"})
        company.post(f"/subscriptions/{id_}/charge", {"amount": 10})
        assert company.subscription(id_)["status"] == status


@pytest.mark.parametrize(("switch", "cancelled"), [("non_renewing", 400), ("cancelled", 200), ("any", 200)])
def test_u7_what_may_be_reactivated(company: Company, switch: str, cancelled: int) -> None:
    company.switch(u7_reactivate=switch)
    leaving, gone = company.subscribe()["subscription_id"], company.subscribe()["subscription_id"]
    company.post(f"/subscriptions/{leaving}/cancel", cancel_at_end="true")
    company.post(f"/subscriptions/{gone}/cancel", cancel_at_end="false")
    assert company.post(f"/subscriptions/{leaving}/reactivate")["subscription"]["status"] == "live"
    assert company.call("POST", f"/subscriptions/{gone}/reactivate").status_code == cancelled
    if cancelled == 200:
        assert len(company.invoices(gone)) == 1
        assert company.subscription(gone)["next_billing_at"] != ""


def test_u10_a_reason_may_be_required(company: Company) -> None:
    id_ = company.subscribe()["subscription_id"]
    company.switch(u10_cancel_reason="required")
    assert company.refused("POST", f"/subscriptions/{id_}/cancel", {}, cancel_at_end="true")[0] == 400
    company.post(f"/subscriptions/{id_}/cancel", {"cancel_reason": "Too expensive"}, cancel_at_end="true")
    settings = company.get("/settings/preferences/churnmessages")["churn_messages_settings"]
    assert settings["is_reason_mandatory"] == "true"


def test_u13_a_card_may_tell_its_brand(company: Company) -> None:
    customer = company.customer()
    card = company.card(customer)
    path = f"/customers/{customer}/cards/{card}"
    assert "card_type" not in company.get(path)["card"]
    company.switch(u13_card_type=True)
    assert company.get(path)["card"]["card_type"] == "visa"


def test_u18_pausing_may_be_off_and_needs_an_offline_subscription_in_dunning(company: Company) -> None:
    id_ = company.subscribe()["subscription_id"]
    company.switch(u18_pause="off")
    assert company.refused("POST", f"/subscriptions/{id_}/pause", {})[0] == 400


@pytest.mark.parametrize("wanted", ["invoices", "creditnotes"])
def test_documents_can_be_had_as_pdf(company: Company, wanted: str) -> None:
    from io import BytesIO

    from pypdf import PdfReader

    sub = company.subscribe(card=None)
    path = f"/invoices/{sub['child_invoice_id']}"
    if wanted == "creditnotes":
        items = [{"name": "Sorry", "code": "team-m", "price": 5, "quantity": 1}]
        note = company.post("/creditnotes", {"customer_id": sub["customer_id"], "creditnote_items": items})
        path = f"/creditnotes/{note['credit_note']['creditnote_id']}"
    answer = company.call("GET", path, accept="pdf")
    assert answer.content_type.startswith("application/pdf")
    text = PdfReader(BytesIO(answer.data)).pages[0].extract_text()
    assert "Northwind Cloud" in text
    assert "Rosa Parks" in text


def test_an_invoice_is_changed_line_by_line(company: Company) -> None:
    items = [{"name": "A", "price": 10, "quantity": 1}, {"name": "B", "price": 5, "quantity": 2}]
    customer = company.customer()
    made = company.post("/invoices", {"customer_id": customer, "invoice_items": items})["invoice"]
    path = f"/invoices/{made['invoice_id']}"
    company.post(path + "/lineitems", {"invoice_items": [{"name": "C", "price": 1, "quantity": 1}]})
    company.delete(f"{path}/lineitems/{made['invoice_items'][0]['item_id']}")
    assert company.get(path)["invoice"]["total"] == 11
    kept = {
        "customer_id": customer,
        "invoice_items": [{"name": "D", "price": 3, "quantity": 1}],
        "shipping_charge": "2.5",
    }
    assert company.put(path, kept)["invoice"]["total"] == 5.5
    company.check_money()


def test_renamed_plans_and_addons_take_their_subscriptions_along(company: Company) -> None:
    company.go_to("2027-01-10")
    id_ = company.subscribe(addons=[{"addon_code": "seat-m"}])["subscription_id"]
    plan = {"plan_code": "team new", "name": "Team", "recurring_price": 49, "interval": 1}
    company.put("/plans/team-m", plan)
    brackets = [{"price": 9}]
    company.put("/addons/seat-m", {"addon_code": "seat new", "name": "Seat", "price_brackets": brackets})
    sub = company.subscription(id_)
    assert (sub["plan"]["plan_code"], sub["addons"][0]["addon_code"]) == ("team new", "seat new")
    assert company.refused("DELETE", "/addons/seat%20new")[0] == 400
    company.go_to("2027-02-10")
    assert totals(company, id_) == [62.64, 62.64]


def test_an_addon_marked_inactive_stays_where_it_is(company: Company) -> None:
    addons = [{"addon_code": "seat-m", "quantity": 1}]
    id_ = company.subscribe(addons=addons)["subscription_id"]
    company.post("/addons/seat-m/markasinactive")
    body = {"plan": {"plan_code": "team-m", "quantity": 2}, "addons": addons}
    assert len(company.put(f"/subscriptions/{id_}", body)["subscription"]["addons"]) == 1
    fresh = {"customer_id": company.customer(), "plan": {"plan_code": "team-m"}, "addons": addons}
    assert company.refused("POST", "/subscriptions", fresh)[0] == 400


def test_acts_of_staff_are_events_of_the_user(company: Company) -> None:
    sub = company.subscribe(card=None)
    acted = {"kind": "void_invoice", "invoice_id": sub["child_invoice_id"]}
    assert company.client.post("/_control/act", json=acted).status_code == 200
    assert company.events()[-1] == "invoice_voided"
    assert company.client.post("/_control/act", json={"kind": "nothing"}).status_code == 400
    company.check_money()


@pytest.mark.parametrize(
    "act",
    [
        {"kind": "record_payment"},
        {"kind": "write_off"},
        {"kind": "edit_invoice", "due_date": "2030-01-01"},
        {"kind": "cancel", "at_end": True},
        {"kind": "pause"},
        {"kind": "mark_unpaid"},
        {"kind": "change_plan", "plan_code": "scale-m"},
        {"kind": "change_subscription_price", "price": 12},
        {"kind": "charge", "amount": 3},
        {"kind": "edit_customer", "display_name": "Other"},
        {"kind": "delete_subscription"},
        {"kind": "delete_customer", "force": True},
    ],
    ids=lambda act: act["kind"],
)
def test_every_act_of_staff_can_be_done(company: Company, act: dict[str, object]) -> None:
    sub = company.subscribe(card=None)
    ids = {"invoice_id": sub["child_invoice_id"], "subscription_id": sub["subscription_id"]}
    answer = company.client.post("/_control/act", json=ids | {"customer_id": sub["customer_id"]} | act)
    assert answer.status_code == 200, answer.text
    company.check_money()


def test_a_merged_customer_is_gone_and_all_it_had_is_the_others(company: Company) -> None:
    sub = company.subscribe()
    other = company.customer(display_name="Rosa & Sons")
    merged = {"kind": "merge_customers", "customer_id": sub["customer_id"], "into": other}
    assert company.client.post("/_control/act", json=merged).status_code == 200
    assert company.refused("GET", f"/customers/{sub['customer_id']}")[1] == 3004
    assert company.subscription(sub["subscription_id"])["customer_id"] == other
    assert [each["card_id"] for each in company.get(f"/customers/{other}/cards")["cards"]]
    rows = company.get("/invoices", customer_id=other)["invoices"]
    assert [row["customer_name"] for row in rows] == ["Rosa & Sons"]
    company.wait(40)
    assert len(company.invoices(sub["subscription_id"])) == 2, "it renews under its new owner"


def test_customers_of_two_currencies_cannot_be_merged(company: Company) -> None:
    asked = {"kind": "merge_customers", "customer_id": company.customer(currency_code="EUR")}
    answer = company.client.post("/_control/act", json=asked | {"into": company.customer()})
    assert answer.status_code == 409


def test_a_coupon_that_was_used_as_often_as_it_may_be_says_so(company: Company) -> None:
    product = company.get("/products")["products"][0]["product_id"]
    terms = {"type": "one_time", "discount_by": "flat", "discount_value": 5, "max_redemption": 1}
    company.post("/coupons", {"coupon_code": "ONCE", "name": "Once", "product_id": product, **terms})
    assert company.get("/coupons/ONCE")["coupon"]["status"] == "active"
    company.subscribe(coupon_code="ONCE")
    coupon = company.get("/coupons/ONCE")["coupon"]
    assert (coupon["status"], coupon["redemption_count"]) == ("maxed_out", 1)
    listed = company.get("/coupons", filter_by="CouponStatus.ACTIVE")["coupons"]
    assert "ONCE" not in [each["coupon_code"] for each in listed]
    again = {"customer_id": company.customer(), "plan": {"plan_code": "team-m"}, "coupon_code": "ONCE"}
    assert company.refused("POST", "/subscriptions", again)[:2] == (400, 1003)
    company.put("/coupons/ONCE", {"name": "Once", "max_redemption": 2})
    assert company.get("/coupons/ONCE")["coupon"]["status"] == "active"


def test_what_is_sold_with_a_plan_or_an_addon_follows_its_new_code(company: Company) -> None:
    product = company.get("/products")["products"][0]["product_id"]
    plan = {"name": "Own", "recurring_price": 10, "interval": 1, "product_id": product}
    company.post("/plans", plan | {"plan_code": "own"})
    addon = {"name": "Extra", "unit_name": "one", "product_id": product, "price_brackets": [{"price": 3}]}
    company.post("/addons", addon | {"addon_code": "extra", "plans": [{"plan_code": "own"}]})
    terms = {"type": "forever", "discount_by": "flat", "discount_value": 1, "product_id": product}
    scope = {"plans": [{"plan_code": "own"}], "addons": [{"addon_code": "extra"}]}
    company.post("/coupons", {"coupon_code": "OWN1", "name": "Own", **terms, **scope})

    company.put("/plans/own", plan | {"plan_code": "owner"})
    company.put("/addons/extra", addon | {"addon_code": "more", "plans": [{"plan_code": "owner"}]})

    assert [each["plan_code"] for each in company.get("/addons/more")["addon"]["plans"]] == ["owner"]
    coupon = company.get("/coupons/OWN1")["coupon"]
    assert [coupon["plans"][0]["plan_code"], coupon["addons"][0]["addon_code"]] == ["owner", "more"]
    bought = {"addons": [{"addon_code": "more"}], "coupon_code": "OWN1"}
    assert company.subscribe("owner", card=None, **bought)["sub_total"] == 12


def test_a_plan_goes_with_the_addons_that_its_update_names(company: Company) -> None:
    product = company.get("/products")["products"][0]["product_id"]
    plan = {"plan_code": "own", "name": "Own", "recurring_price": 10, "interval": 1}
    company.post("/plans", plan | {"product_id": product})
    for code in ("left", "right"):
        addon = {"addon_code": code, "name": code, "unit_name": "one", "price_brackets": [{"price": 3}]}
        company.post("/addons", addon | {"product_id": product, "plans": [{"plan_code": "own"}]})

    company.put("/plans/own", plan | {"addons": [{"addon_code": "right"}]})
    shown = company.get("/plans/own")["plan"]["addons"]
    assert {each["addon_code"] for each in shown} & {"left", "right"} == {"right"}
    refused = {"customer_id": company.customer(), "plan": plan, "addons": [{"addon_code": "left"}]}
    assert company.refused("POST", "/subscriptions", refused)[:2] == (400, 1003)
    company.put("/plans/own", plan)
    assert [each["plan_code"] for each in company.get("/addons/right")["addon"]["plans"]] == ["own"]
