"""Every statement tagged LIVE in sections 0 to 2 and 9 to 10 of the facts, each test named after its
section.
"""

from __future__ import annotations

import re

import pytest

from tests.contracts.company import Company

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def test_0_answers_are_wrapped_in_code_and_message(company: Company) -> None:
    told = company.get("/products")
    assert list(told)[:3] == ["code", "message", "products"]
    assert told["code"] == 0


@pytest.mark.parametrize("root", ["/subscriptions/v1", "/api/v1"])
def test_0_older_roots_lead_to_the_same_api(company: Company, root: str) -> None:
    answer = company.client.get(f"{root}/plans?per_page=1", headers=company.headers)
    assert answer.get_json() == company.get("/plans", per_page=1)
    unknown = company.client.get(f"{root}/subscriptions/7", headers=company.headers)
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, 1002)


@pytest.mark.parametrize("path", ["/billing/v1", "/billing/v1/", "/billing/v1/nothing"])
def test_0_no_path_of_the_api_answers_without_the_envelope(company: Company, path: str) -> None:
    answer = company.client.get(path, headers=company.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (404, 5)


def test_0_ids_are_strings_of_15_to_19_digits(company: Company) -> None:
    sub = company.subscribe()
    for id_ in (sub["subscription_id"], sub["customer_id"], sub["child_invoice_id"], sub["plan"]["plan_id"]):
        assert re.fullmatch(r"\d{15,19}", id_)


def test_0_days_have_no_zone_and_times_an_offset_without_colon(company: Company) -> None:
    sub = company.subscribe()
    assert DAY.fullmatch(sub["activated_at"])
    assert DAY.fullmatch(sub["next_billing_at"])
    assert STAMP.fullmatch(sub["created_time"])


def test_0_absent_days_are_empty_strings_and_absent_lists_empty(company: Company) -> None:
    sub = company.subscribe()
    assert (sub["expires_at"], sub["scheduled_cancellation_date"], sub["addons"]) == ("", "", [])


def test_2_1_organizations_have_the_recorded_fields(company: Company) -> None:
    wanted = [
        "organization_id",
        "name",
        "contact_name",
        "email",
        "is_default_org",
        "country",
        "version",
        "plan_type",
        "plan_name",
        "plan_period",
        "language_code",
        "fiscal_year_start_month",
        "account_created_date",
        "time_zone",
        "time_zone_formatted",
        "is_org_active",
        "mode",
        "currency_id",
        "currency_code",
        "currency_symbol",
        "currency_format",
        "price_precision",
    ]
    assert set(wanted) <= set(company.get("/organizations")["organizations"][0])


def test_2_1_the_organisation_header_may_be_missing_and_may_not_be_wrong(company: Company) -> None:
    name = "X-com-zoho-subscriptions-organizationid"
    assert name not in company.headers
    assert company.get("/products")["code"] == 0
    wrong = company.client.get("/billing/v1/products", headers=company.headers | {name: "999"})
    assert 400 <= wrong.status_code < 500


def test_2_1_messages_come_in_the_organisations_language(company: Company) -> None:
    company.switch(message_language="es")
    sub = company.subscribe()
    page = company.post("/hostedpages/updatecard", {"subscription_id": sub["subscription_id"]})
    assert page["message"] == "La página alojada se ha creado correctamente."


def test_2_1_creating_a_customer_says_added(company: Company) -> None:
    told = company.post("/customers", {"display_name": "A", "email": "a@example.com"})
    assert told["message"] == "The customer has been added."


def test_2_3_success_is_code_0_with_200_or_201(company: Company) -> None:
    made = company.call("POST", "/customers", {"display_name": "A", "email": "a@example.com"})
    read = company.call("GET", "/customers")
    assert (made.status_code, made.get_json()["code"]) == (201, 0)
    assert (read.status_code, read.get_json()["code"], read.get_json()["message"]) == (200, 0, "success")


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/subscriptions/5120000000009999", (404, 1002, "Subscription ID does not exist.")),
        ("/products/5120000000009999", (400, 2006, "Invalid Product ID.")),
        ("/customers/5120000000009999", (400, 3004, "Please enter a valid reference for the customer")),
        ("/plans/none", (400, 101002, "Invalid PlanCode.")),
        ("/addons/none", (400, 102001, "Invalid AddonCode.")),
    ],
)
def test_2_3_what_is_unknown_is_refused_with_its_own_code(
    company: Company, path: str, refusal: tuple[int, int, str]
) -> None:
    assert company.refused("GET", path) == refusal


def test_2_4_page_context_has_the_recorded_keys(company: Company) -> None:
    context = company.get("/subscriptions", filter_by="SubscriptionStatus.LIVE")["page_context"]
    assert context == {
        "page": 1,
        "per_page": 200,
        "has_more_page": False,
        "applied_filter": "SubscriptionStatus.LIVE",
        "sort_column": "created_time",
        "sort_order": "A",
    }


def test_2_4_customers_say_which_report_they_are(company: Company) -> None:
    context = company.get("/customers")["page_context"]
    assert (context["report_name"], context["applied_filter"], context["sort_column"]) == (
        "All Contacts",
        "Status.All",
        "customer_id",
    )


def test_2_4_pages_hold_at_most_200_and_say_whether_more_follow(company: Company) -> None:
    ids = [company.customer() for _ in range(5)]
    first = company.get("/customers", per_page=2)
    assert first["page_context"]["has_more_page"] is True
    seen = [
        row["customer_id"]
        for page in (1, 2, 3)
        for row in company.get("/customers", per_page=2, page=page)["customers"]
    ]
    assert seen == ids
    assert company.get("/customers", per_page=1000)["page_context"]["per_page"] == 200


def test_2_5_transactions_have_the_recorded_row(company: Company) -> None:
    company.subscribe()
    rows = company.get("/transactions")["transactions"]
    wanted = {"transaction_id", "reference_id", "date", "type", "status", "amount", "ach_payment_initiated"}
    assert {row["type"] for row in rows} == {"invoice", "payment"}
    assert all(set(row) == wanted for row in rows)
    assert isinstance(rows[0]["amount"], (int, float))


def test_2_7_the_same_email_makes_two_customers(company: Company) -> None:
    assert company.customer() != company.customer()
    assert len(company.get("/customers", email="rosa@example.com")["customers"]) == 2


def test_2_7_a_reference_is_free_text_and_found_by_its_parts(company: Company) -> None:
    for _ in range(2):
        company.subscribe(reference_id="checkout-77-abc")
    assert len(company.get("/subscriptions", reference_contains="77-a")["subscriptions"]) == 2
    assert company.get("/subscriptions", reference_contains="77-b")["subscriptions"] == []


def test_2_8_what_was_deleted_is_unknown(company: Company) -> None:
    customer = company.customer()
    told = company.delete(f"/customers/{customer}")
    assert (told["code"], told["message"]) == (0, "The customer has been deleted.")
    assert company.refused("GET", f"/customers/{customer}")[:2] == (400, 3004)


def test_2_8_what_was_sold_cannot_be_deleted(company: Company) -> None:
    sub = company.subscribe()
    assert company.refused("DELETE", "/plans/team-m")[0] == 400
    assert company.refused("DELETE", f"/customers/{sub['customer_id']}")[0] == 400
    assert company.refused("POST", f"/customers/{sub['customer_id']}/markasinactive")[0] == 400
    assert company.refused("DELETE", f"/invoices/{sub['child_invoice_id']}")[0] == 400


def test_8_1_customers_say_whether_zohos_portal_is_open_to_them(company: Company) -> None:
    id_ = company.customer(is_portal_enabled=True)
    assert company.get(f"/customers/{id_}")["customer"]["is_portal_enabled"] is True
    row = company.get("/customers", filter_by="Status.PortalEnabled")["customers"][0]
    assert (row["customer_id"], row["is_portal_invitation_accepted"]) == (id_, False)


def test_9_the_organisation_is_a_test_organisation(company: Company) -> None:
    assert company.get("/organizations")["organizations"][0]["mode"] == "test"


def test_9_test_gateway_is_a_gateway(company: Company) -> None:
    company.switch(gateway="test_gateway")
    sub = company.subscribe()
    assert sub["payment_gateways"] == [{"payment_gateway": "test_gateway"}]
    assert sub["card"]["payment_gateway"] == "test_gateway"


def test_10_5_specified_types_can_be_had_instead_of_recorded_ones(company: Company) -> None:
    company.switch(number_drift="spec", u13_last_four="integer", whole_money="float")
    sub = company.subscribe()
    assert (sub["interval"], sub["card"]["last_four_digits"]) == ("1", 1111)
    assert sub["taxes"][0]["tax_amount"] == "3.92"
    assert isinstance(sub["plan"]["price"], float)


def test_10_6_invoices_say_zipcode_where_customers_say_zip(company: Company) -> None:
    customer = company.customer(billing_address={"zip": "01001", "city": "Agawam"})
    company.subscribe(customer_id=customer)
    row = company.get("/invoices")["invoices"][0]
    assert row["billing_address"]["zipcode"] == "01001"
    assert "zip" not in row["billing_address"]
    assert company.get(f"/customers/{customer}")["customer"]["billing_address"]["zip"] == "01001"


def test_10_8_an_email_finds_every_customer_that_has_it(company: Company) -> None:
    ids = [company.customer(email="Twice@example.com") for _ in range(2)]
    found = company.get("/customers", email="twice@example.com")["customers"]
    assert [row["customer_id"] for row in found] == ids


def test_10_10_times_are_in_the_organisations_zone_and_days_have_none(company: Company) -> None:
    company.go_to("2027-07-01")
    sub = company.subscribe()
    assert sub["created_time"].endswith("-0400")
    assert sub["activated_at"] == "2027-07-01"
    organisation = company.get("/organizations")["organizations"][0]
    assert organisation["time_zone"] == "America/New_York"


@pytest.mark.parametrize(("whole", "written"), [("integer", '"price":0,'), ("float", '"price":0.0,')])
def test_10_29_whole_amounts_come_with_and_without_a_point(
    company: Company, whole: str, written: str
) -> None:
    company.switch(whole_money=whole)
    id_ = company.subscribe("free")["subscription_id"]
    assert written in company.call("GET", f"/subscriptions/{id_}").text


@pytest.mark.parametrize("code", ["team plan", "team/plan", "Téam+plan?", "a//b", "x/markasactive"])
def test_10_7_codes_with_spaces_and_slashes_work_in_paths(company: Company, code: str) -> None:
    from urllib.parse import quote

    product = company.get("/products")["products"][0]["product_id"]
    body = {"plan_code": code, "name": "Odd", "recurring_price": 5, "interval": 1, "product_id": product}
    company.post("/plans", body)
    path = f"/plans/{quote(code, safe='')}"
    assert company.get(path)["plan"]["plan_code"] == code
    company.post(path + "/markasinactive")
    assert company.get(path)["plan"]["status"] == "inactive"


def test_10_7_a_new_code_in_put_changes_the_key(company: Company) -> None:
    plan = company.get("/plans/free")["plan"]
    body = {"plan_code": "gratis", "name": plan["name"], "recurring_price": 0, "interval": 1}
    company.put("/plans/free", body)
    assert company.get("/plans/gratis")["plan"]["plan_id"] == plan["plan_id"]
    assert company.refused("GET", "/plans/free")[1] == 101002


def test_10_28_amounts_keep_their_cents(company: Company) -> None:
    sub = company.subscribe(plan={"price": 99999.99}, card=None)
    assert sub["sub_total"] == 99999.99
    assert sub["amount"] == 107999.99
