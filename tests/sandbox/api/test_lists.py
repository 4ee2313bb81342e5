"""Section 2.5 of the facts: what each list can be filtered, searched and sorted by."""

from __future__ import annotations

import pytest

from tests.contracts.company import DECLINES_LATER, Company


@pytest.fixture
def mixed(company: Company) -> dict[str, str]:
    """One subscription of each status that does not need much time."""
    company.go_to("2027-05-01")
    made = {"dunning": company.subscribe(card=DECLINES_LATER)["subscription_id"]}
    company.go_to("2027-06-02")
    made["live"] = company.subscribe()["subscription_id"]
    made["trial"] = company.subscribe("starter-m")["subscription_id"]
    made["future"] = company.subscribe(starts_at="2027-08-01")["subscription_id"]
    for status, at_end in (("non_renewing", "true"), ("cancelled", "false")):
        made[status] = company.subscribe()["subscription_id"]
        company.post(f"/subscriptions/{made[status]}/cancel", cancel_at_end=at_end)
    return made


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("LIVE", {"live"}),
        ("PAST_DUE", {"dunning"}),
        ("TRIAL", {"trial"}),
        ("FUTURE", {"future"}),
        ("NON_RENEWING", {"non_renewing"}),
        ("CANCELLED", {"cancelled"}),
        ("CANCELLED_THIS_MONTH", {"cancelled"}),
        ("CANCELLED_LAST_MONTH", set()),
        ("UNPAID", set()),
        ("EXPIRED", set()),
        ("ACTIVE", {"live", "dunning", "trial", "non_renewing"}),
        ("All", {"live", "dunning", "trial", "future", "non_renewing", "cancelled"}),
    ],
)
def test_subscriptions_by_status(
    company: Company, mixed: dict[str, str], name: str, statuses: set[str]
) -> None:
    rows = company.get("/subscriptions", filter_by=f"SubscriptionStatus.{name}")["subscriptions"]
    assert {row["subscription_id"] for row in rows} == {mixed[status] for status in statuses}


def test_subscriptions_by_mode_and_customer(company: Company) -> None:
    online, offline = company.subscribe(), company.subscribe(card=None)
    for mode, sub in (("ONLINE", online), ("OFFLINE", offline)):
        rows = company.get("/subscriptions", filter_by=f"SubscriptionMode.{mode}")["subscriptions"]
        assert [row["subscription_id"] for row in rows] == [sub["subscription_id"]]
    rows = company.get("/subscriptions", customer_id=offline["customer_id"])["subscriptions"]
    assert [row["subscription_id"] for row in rows] == [offline["subscription_id"]]


def test_an_unknown_filter_is_refused(company: Company) -> None:
    assert company.refused("GET", "/subscriptions", filter_by="SubscriptionStatus.GLAD")[:2] == (400, 2)


@pytest.mark.parametrize(
    ("page", "per_page"), [("0", "10"), ("x", "10"), ("1", "-5"), ("1", "0"), ("9" * 30, "1")]
)
def test_a_page_that_is_no_page_is_refused(company: Company, page: str, per_page: str) -> None:
    assert company.refused("GET", "/customers", page=page, per_page=per_page)[0] == 400


def test_invoices_by_status(company: Company) -> None:
    company.go_to("2027-05-01")
    paid = company.subscribe()
    late = company.subscribe(card=None)
    void = company.subscribe(card=None)
    company.post(f"/invoices/{void['child_invoice_id']}/void")
    company.go_to("2027-05-03")
    sent = company.subscribe(card=None)
    partly = company.subscribe(card=None, payment_terms=30)
    applied = [{"invoice_id": partly["child_invoice_id"], "amount_applied": 10}]
    body = {"customer_id": partly["customer_id"], "payment_mode": "cash", "amount": 10, "invoices": applied}
    company.post("/payments", body)
    wanted = {"Paid": [paid], "OverDue": [late], "Void": [void], "Sent": [sent], "PartiallyPaid": [partly]}
    for name, subs in {**wanted, "Unpaid": [late, sent, partly], "Draft": []}.items():
        rows = company.get("/invoices", filter_by=f"Status.{name}")["invoices"]
        assert [row["invoice_id"] for row in rows] == [sub["child_invoice_id"] for sub in subs], name
    company.switch(u20_unpaid_filter="sent_only")
    rows = company.get("/invoices", filter_by="Status.Unpaid")["invoices"]
    assert [row["invoice_id"] for row in rows] == [sent["child_invoice_id"]]


def test_invoices_are_sorted_both_ways(company: Company) -> None:
    for price in (30, 10, 20):
        company.subscribe(plan={"price": price}, card=None)
    for column, key in (("total", "total"), ("number", "number"), ("balance", "balance")):
        up = [row[key] for row in company.get("/invoices", sort_column=column, sort_order="A")["invoices"]]
        down = [row[key] for row in company.get("/invoices", sort_column=column, sort_order="D")["invoices"]]
        assert up == sorted(up)
        assert down == up[::-1]


def test_invoices_are_searched_by_number_and_name(company: Company) -> None:
    company.subscribe(customer_id=company.customer(display_name="Grace Hopper"))
    company.subscribe(customer_id=company.customer(display_name="Ada Lovelace"))
    assert len(company.get("/invoices", search_text="hopper")["invoices"]) == 1
    number = company.get("/invoices")["invoices"][1]["number"]
    assert company.get("/invoices", search_text=number)["invoices"][0]["customer_name"] == "Ada Lovelace"


def test_customers_are_searched_and_sorted(company: Company) -> None:
    company.customer(display_name="Grace Hopper", email="Grace@Example.com", phone="555")
    first = company.customer(display_name="Ada Lovelace", email="ada@example.com")
    assert (
        company.get("/customers", email="grace@example.com")["customers"][0]["display_name"] == "Grace Hopper"
    )
    assert company.get("/customers", display_name_contains="love")["customers"][0]["customer_id"] == first
    assert len(company.get("/customers", phone="555")["customers"]) == 1
    names = [
        row["display_name"] for row in company.get("/customers", sort_column="display_name")["customers"]
    ]
    assert names == ["Ada Lovelace", "Grace Hopper"]


def test_customers_by_status(company: Company) -> None:
    idle, gone = company.customer(), company.customer(is_portal_enabled=True)
    company.post(f"/customers/{gone}/markasinactive")
    wanted = {
        "Active": [idle],
        "Inactive": [gone],
        "PortalEnabled": [gone],
        "PortalDisabled": [idle],
        "Crm": [],
    }
    for name, ids in wanted.items():
        rows = company.get("/customers", filter_by=f"Status.{name}")["customers"]
        assert [row["customer_id"] for row in rows] == ids, name


def test_plans_and_addons_by_status_product_and_fit(company: Company) -> None:
    company.post("/plans/free/markasinactive")
    rows = company.get("/plans", filter_by="PlanStatus.INACTIVE")["plans"]
    assert [row["plan_code"] for row in rows] == ["free"]
    product = company.get("/plans/analytics-m")["plan"]["product_id"]
    assert len(company.get("/plans", product_id=product)["plans"]) == 2
    codes = [row["addon_code"] for row in company.get("/addons", plan_code="team-y")["addons"]]
    assert codes == ["seat-y", "onboarding"]
    assert [a["addon_code"] for a in company.get("/addons", filter_by="AddonStatus.ONETIME")["addons"]] == [
        "onboarding"
    ]


def test_transactions_by_type_and_customer(company: Company) -> None:
    sub = company.subscribe()
    company.subscribe()
    rows = company.get("/transactions", filter_by="TransactionType.PAYMENT", customer_id=sub["customer_id"])
    assert [row["type"] for row in rows["transactions"]] == ["payment"]


def test_transactions_of_all_types_fill_their_pages_in_one_order(company: Company) -> None:
    for _ in range(3):
        company.subscribe()
        company.wait(1)
    pages = [company.get("/transactions", per_page=2, page=number) for number in (1, 2, 3)]
    assert [len(page["transactions"]) for page in pages] == [2, 2, 2]
    assert [page["page_context"]["has_more_page"] for page in pages] == [True, True, False]
    rows = [row for page in pages for row in page["transactions"]]
    assert rows == company.get("/transactions")["transactions"]
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert company.get("/transactions", customer_id="nobody")["transactions"] == []


def test_customers_without_subscriptions_fill_their_pages(company: Company) -> None:
    assert company.get("/customers", filter_by="Status.NonSubscribers")["customers"] == []
    ids = []
    for _ in range(3):
        company.subscribe()
        ids.append(company.customer())
    pages = [
        company.get("/customers", filter_by="Status.NonSubscribers", per_page=2, page=number)
        for number in (1, 2)
    ]
    assert [[row["customer_id"] for row in page["customers"]] for page in pages] == [ids[:2], ids[2:]]
    assert [page["page_context"]["has_more_page"] for page in pages] == [True, False]


def test_customers_are_found_by_either_id_of_the_crm(company: Company) -> None:
    id_ = company.customer(zcrm_account_id="44001", zcrm_contact_id="44002")
    for kind, reference in (("zcrm_account_id", "44001"), ("zcrm_contact_id", "44002")):
        found = company.get(f"/customers/reference/{reference}", reference_id_type=kind)
        assert found["customer"]["customer_id"] == id_
    assert (
        company.refused("GET", "/customers/reference/44002", reference_id_type="zcrm_account_id")[1] == 3004
    )
    assert company.refused("GET", "/customers/reference/44002", reference_id_type="other")[:2] == (400, 2)


def test_another_organisation_is_none_of_ours(company: Company) -> None:
    assert company.get("/organizations/10000001")["organization"]["organization_id"] == "10000001"
    assert company.refused("GET", "/organizations/10000002")[:2] == (404, 1002)


def test_addons_for_a_plan_are_chosen_before_they_are_paged(company: Company) -> None:
    first = company.get("/addons", plan_code="team-y", per_page=1)
    second = company.get("/addons", plan_code="team-y", per_page=1, page=2)
    assert [row["addon_code"] for row in first["addons"] + second["addons"]] == ["seat-y", "onboarding"]
    assert (first["page_context"]["has_more_page"], second["page_context"]["has_more_page"]) == (True, False)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("ACTIVE", {"HALF3", "FOREVER10"}),
        ("INACTIVE", {"WELCOME20"}),
        ("EXPIRED", {"EXPIRED5"}),
        ("All", {"HALF3", "FOREVER10", "WELCOME20", "EXPIRED5"}),
    ],
)
def test_coupons_by_the_status_that_they_show(company: Company, name: str, codes: set[str]) -> None:
    company.post("/coupons/WELCOME20/markasinactive")
    rows = company.get("/coupons", filter_by=f"CouponStatus.{name}")["coupons"]
    assert {row["coupon_code"] for row in rows} == codes
    assert name == "All" or {row["status"] for row in rows} == {name.lower()}


def test_2_5_invoices_are_searched_by_number_order_and_customer(company: Company) -> None:
    customer = company.customer(display_name="Wide Sky Ltd")
    asked = {"customer_id": customer, "reference_number": "PO-8812"}
    item = {"name": "Work", "price": 1, "quantity": 1}
    made = company.post("/invoices", asked | {"invoice_items": [item]})["invoice"]
    company.subscribe(card=None)
    for text in (made["invoice_number"], made["invoice_number"][-4:], "po-88", "wide sky"):
        found = company.get("/invoices", search_text=text)["invoices"]
        assert [each["invoice_id"] for each in found] == [made["invoice_id"]], text
    assert company.get("/invoices", search_text="nobody", customer_id=customer)["invoices"] == []


def test_2_5_what_payments_are_filtered_by_is_not_known_and_a_switch(company: Company) -> None:
    company.subscribe()
    assert len(company.get("/payments", filter_by="PaymentType.All")["payments"]) == 1
    company.switch(payments_filter="refused")
    assert company.refused("GET", "/payments", filter_by="PaymentType.All")[:2] == (400, 2)
