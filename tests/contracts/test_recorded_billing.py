"""Every statement tagged LIVE in sections 3 to 7 of the facts, each test named after its section."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tests.contracts.company import GOOD, Company

ROW = [
    "subscription_id",
    "subscription_number",
    "name",
    "status",
    "customer_id",
    "customer_name",
    "email",
    "phone",
    "mobile_phone",
    "plan_code",
    "plan_name",
    "amount",
    "sub_total",
    "activated_at",
    "created_at",
    "current_term_starts_at",
    "current_term_ends_at",
    "next_billing_at",
    "last_billing_at",
    "expires_at",
    "trial_starts_at",
    "trial_ends_at",
    "trial_remaining_days",
    "interval",
    "interval_unit",
    "auto_collect",
    "billing_mode",
    "is_metered_billing",
    "coupon_duration",
    "created_by",
    "created_time",
    "updated_time",
    "reference_id",
    "salesperson_id",
    "salesperson_name",
    "currency_code",
    "currency_symbol",
    "payment_terms",
    "payment_terms_label",
    "scheduled_cancellation_date",
    "shipping_interval",
    "shipping_interval_unit",
    "next_shipment_at",
    "next_shipment_day",
    "total_orders",
    "orders_created",
    "orders_remaining",
    "crm_owner_id",
    "zcrm_potential_id",
    "zcrm_potential_name",
    "custom_fields",
    "custom_field_hash",
]
DETAIL = [
    "subscription_number",
    "sub_total",
    "billing_mode",
    "is_metered_billing",
    "trial_extended_count",
    "end_of_term_scheduled_date",
    "is_scheduled_update",
    "apply_changes_on",
    "scheduled_cancellation_date",
    "reactivate_date",
    "remaining_billing_cycles",
    "can_prorate",
    "can_invoice_prorated_amount",
    "is_advance_invoice_present",
    "discount",
    "discount_percent",
    "discount_total",
    "bcy_discount_total",
    "discount_type",
    "is_discount_before_tax",
    "is_inclusive_tax",
    "tax_rounding",
    "tax_id",
    "tax_name",
    "tax_percentage",
    "is_taxable",
    "exchange_rate",
    "pricebook_id",
    "start_date",
    "created_date",
    "channel_source",
    "channel_reference_id",
    "pending_addons",
    "items_associated",
    "auto_apply_credits",
    "allow_partial_payments",
    "created_by_id",
    "last_modified_by_id",
    "invoice_notes",
    "customer_id",
    "custom_field_hash",
]
PLAN = [
    "plan_code",
    "plan_id",
    "name",
    "internal_name",
    "description",
    "price",
    "quantity",
    "unit",
    "pricing_scheme",
    "discount",
    "discount_amount",
    "discount_formatted",
    "discounts",
    "total",
    "setup_fee",
    "setup_fee_tax_id",
    "setup_fee_tax_name",
    "setup_fee_tax_percentage",
    "setup_fee_tax_type",
    "tax_id",
    "tax_name",
    "tax_percentage",
    "tax_type",
    "tags",
    "item_custom_fields",
]
CUSTOMER = [
    "customer_id",
    "display_name",
    "company_name",
    "salutation",
    "first_name",
    "last_name",
    "email",
    "website",
    "ip_address",
    "billing_address",
    "shipping_address",
    "payment_terms",
    "payment_terms_label",
    "custom_fields",
    "custom_field_hash",
    "zcrm_account_id",
    "zcrm_contact_id",
    "tags",
    "is_taxable",
]
INVOICE_ROW = [
    *("invoice_id", "invoice_number", "number", "status", "invoice_date", "due_date", "customer_id"),
    *("customer_name", "email", "phone", "balance", "total", "currency_code", "currency_symbol"),
    *("transaction_type", "reference_number", "ach_payment_initiated", "payment_expected_date"),
    *("billing_address", "shipping_address", "billing_street", "billing_city", "billing_state"),
    *("billing_country", "billing_zipcode", "is_viewed_by_client", "client_viewed_time"),
    *("is_viewed_in_mail", "mail_first_viewed_time", "mail_last_viewed_time", "has_attachment"),
    *("salesperson", "salesperson_name", "project_name", "country", "created_by", "created_time"),
    "updated_time",
]
FIELD = [
    "customfield_id",
    "field_id",
    "index",
    "label",
    "api_name",
    "data_type",
    "value",
    "value_formatted",
    "placeholder",
    "is_active",
    "show_in_portal",
    "edit_on_portal",
    "show_in_store",
    "edit_on_store",
    "show_on_pdf",
    "show_in_all_pdf",
    "search_entity",
    "is_dependent_field",
]


def test_3_3_a_row_of_the_list_has_the_recorded_keys_and_no_objects(company: Company) -> None:
    company.subscribe()
    row = company.get("/subscriptions")["subscriptions"][0]
    assert set(row) == set(ROW)
    assert isinstance(row["interval"], int)


def test_3_3_the_detail_has_the_recorded_keys(company: Company) -> None:
    sub = company.subscribe()
    assert set(DETAIL) <= set(sub)
    assert set(PLAN) <= set(sub["plan"])
    assert set(CUSTOMER) <= set(sub["customer"])
    assert sub["customer"]["customer_id"] == sub["customer_id"]


def test_3_3_constants_of_the_recording(company: Company) -> None:
    sub = company.subscribe()
    assert (sub["billing_mode"], sub["remaining_billing_cycles"], sub["discount_type"]) == (
        "prepaid",
        -1,
        "item_level",
    )
    assert (sub["tax_rounding"], sub["channel_source"]) == ("entity_level", "app")
    assert re.fullmatch(r"SUB-\d{5}", sub["subscription_number"])


def test_3_3_taxes_have_numeric_amounts_and_names_with_their_percentage(company: Company) -> None:
    sub = company.subscribe()
    assert sub["taxes"] == [{"tax_id": sub["tax_id"], "tax_name": "Sales tax (8%)", "tax_amount": 3.92}]


def test_3_3_a_percentage_that_is_not_set_is_an_empty_string(company: Company) -> None:
    product = company.get("/products")["products"][0]["product_id"]
    body = {"plan_code": "untaxed", "name": "Untaxed", "recurring_price": 5, "interval": 1}
    company.post("/plans", body | {"product_id": product})
    assert company.subscribe("untaxed")["plan"]["tax_percentage"] == ""
    assert company.subscribe()["plan"]["tax_percentage"] == 8


def test_3_3_the_customer_inside_has_whole_addresses_and_flattened_fields(company: Company) -> None:
    customer = company.customer(
        billing_address={"street": "1 Main St"}, custom_fields=[{"label": "Region", "value": "West"}]
    )
    inside = company.subscribe(customer_id=customer)["customer"]
    parts = {"attention", "street", "street2", "city", "state", "zip", "country", "phone", "fax"}
    assert set(inside["billing_address"]) == set(inside["shipping_address"]) == parts
    assert (inside["cf_region"], inside["cf_region_unformatted"]) == ("West", "West")
    assert inside["custom_field_hash"]["cf_region"] == "West"


def test_3_3_amount_is_with_tax_and_sub_total_without(company: Company) -> None:
    sub = company.subscribe()
    assert (sub["amount"], sub["sub_total"]) == (52.92, 49)


def test_3_3_an_offline_subscription_has_no_card(company: Company) -> None:
    assert "card" not in company.subscribe(card=None)
    wanted = {
        "card_id",
        "last_four_digits",
        "payment_gateway",
        "expiry_month",
        "expiry_year",
        "is_primary",
        "is_backup",
    }
    assert set(company.subscribe()["card"]) == wanted


def test_3_3_contact_persons_have_the_recorded_keys(company: Company) -> None:
    wanted = {"contactperson_id", "first_name", "last_name", "email", "phone", "mobile", "zcrm_contact_id"}
    assert set(company.subscribe()["contactpersons"][0]) == wanted


def test_3_3_a_custom_field_is_shown_whole_and_in_the_hash(company: Company) -> None:
    sub = company.subscribe(custom_fields=[{"label": "Cost centre", "value": "42"}])
    assert set(sub["custom_fields"][0]) == set(FIELD)
    assert sub["custom_field_hash"]["cf_cost_centre"] == "42"


def test_3_3_a_cancelled_subscription_gains_and_loses_keys(company: Company) -> None:
    id_ = company.subscribe()["subscription_id"]
    sub = company.post(f"/subscriptions/{id_}/cancel", cancel_at_end="false")["subscription"]
    assert (sub["status"], sub["cancelled_at"], sub["source"]) == (
        "cancelled",
        company.today().isoformat(),
        "user",
    )
    assert "next_billing_at" not in sub


def test_3_1_cancelling_says_canceled_and_the_status_cancelled(company: Company) -> None:
    id_ = company.subscribe()["subscription_id"]
    told = company.post(f"/subscriptions/{id_}/cancel", cancel_at_end="false")
    assert told["message"] == "Your subscription has been canceled."


def test_3_2_every_active_subscription_is_cancelled_at_once(company: Company) -> None:
    tomorrow = (company.today() + timedelta(days=1)).isoformat()
    for more in ({}, {"plan_code": "starter-m"}, {"starts_at": tomorrow}):
        id_ = company.subscribe(**more)["subscription_id"]
        told = company.post(f"/subscriptions/{id_}/cancel", cancel_at_end="false")
        assert told["subscription"]["status"] == company.subscription(id_)["status"] == "cancelled"


def test_3_4_a_live_offline_creation_is_live_from_today_for_one_interval(company: Company) -> None:
    company.go_to("2027-03-09")
    answer = company.call(
        "POST",
        "/subscriptions",
        {"customer_id": company.customer(), "plan": {"plan_code": "team-m"}, "auto_collect": False},
    )
    told = answer.get_json()
    sub = told["subscription"]
    assert (answer.status_code, told["message"]) == (201, "Subscription has been created successfully.")
    assert (sub["status"], sub["activated_at"], sub["auto_collect"]) == ("live", "2027-03-09", False)
    assert sub["current_term_ends_at"] == sub["next_billing_at"] == "2027-04-09"


def test_3_5_a_quantity_change_makes_a_new_invoice_in_the_same_term(company: Company) -> None:
    before = company.subscribe(card=None)
    body = {"plan": {"plan_code": "team-m", "quantity": 10}}
    after = company.put(f"/subscriptions/{before['subscription_id']}", body)["subscription"]
    assert after["child_invoice_id"] != before["child_invoice_id"]
    assert after["current_term_ends_at"] == before["current_term_ends_at"]


def test_4_1_updatecard_answers_200_where_the_others_answer_201(company: Company) -> None:
    sub = company.subscribe()
    asked = {"subscription_id": sub["subscription_id"], "auto_collect": True, "additional_param": "x"}
    answer = company.call("POST", "/hostedpages/updatecard", asked)
    assert (answer.status_code, answer.get_json()["hostedpage"]["action"]) == (200, "update_card")
    other = company.call("POST", "/hostedpages/addpaymentmethod", {"customer_id": sub["customer_id"]})
    assert other.status_code == 201


def test_4_4_the_merchants_own_query_comes_first_and_the_pages_id_last(company: Company) -> None:
    own = "planName=Team+monthly&nextBillingDate=14%2F02%2F2023&invoiceAmount=Rs.1.18"
    asked = {"customer_id": company.customer(), "redirect_url": f"https://shop.example.com/done?{own}"}
    page = company.post("/hostedpages/addpaymentmethod", asked)["hostedpage"]
    form = {"act": "pay", "method": "card", "card_number": GOOD, "card_name": "Rosa Parks"}
    path = page["url"].removeprefix(company.world.settings.base_url)
    answer = company.client.post(path, data=form | {"expiry": "08/39", "cvv": "123"})
    assert answer.location == f"https://shop.example.com/done?{own}&hostedpage_id={page['hostedpage_id']}"


def test_4_2_a_hosted_page_is_created_with_both_ids_and_lives_one_hour(company: Company) -> None:
    sub = company.subscribe()
    answer = company.call("POST", "/hostedpages/updatecard", {"subscription_id": sub["subscription_id"]})
    page = answer.get_json()["hostedpage"]
    assert answer.status_code == 200
    assert re.fullmatch(r"2-[0-9a-f]{96}", page["hostedpage_id"])
    assert re.fullmatch(r"\d{15,19}", page["decrypted_hosted_page_id"])
    assert page["url"].endswith(f"/hostedpage/{page['hostedpage_id']}/checkout")
    assert (page["status"], page["action"]) == ("fresh", "update_card")
    lives = datetime.fromisoformat(page["expiring_time"]) - datetime.fromisoformat(page["created_time"])
    assert lives == timedelta(hours=1)


def test_5_1_customers_say_whether_a_primary_and_a_backup_method_are_there(company: Company) -> None:
    customer = company.customer()
    row = company.get("/customers")["customers"][0]
    assert (row["is_primary_associated"], row["is_backup_associated"]) == (False, False)
    company.card(customer)
    assert company.get("/customers")["customers"][0]["is_primary_associated"] is True


def test_6_1_rows_of_the_invoice_list_have_both_numbers(company: Company) -> None:
    company.subscribe()
    row = company.get("/invoices")["invoices"][0]
    assert row["number"] == row["invoice_number"]
    assert re.fullmatch(r"INV-\d{6}", row["number"])


def test_6_1_rows_of_the_invoice_list_have_the_recorded_keys(company: Company) -> None:
    company.subscribe()
    assert set(INVOICE_ROW) <= set(company.get("/invoices")["invoices"][0])


def test_6_1_reading_and_writing_an_invoice_answer_in_two_shapes(company: Company) -> None:
    items = [{"name": "Work", "price": 10, "quantity": 1}]
    written = company.post("/invoices", {"customer_id": company.customer(), "invoice_items": items})[
        "invoice"
    ]
    read = company.get(f"/invoices/{written['invoice_id']}")["invoice"]
    for reading, writing in (
        ("number", "invoice_number"),
        ("invoice_date", "date"),
        ("updated_time", "last_modified_time"),
    ):
        assert read[reading] == written[writing]
        assert reading not in written


def test_6_1_payment_numbers_are_plain_and_subscriptions_are_linked(company: Company) -> None:
    sub = company.subscribe(reference_id="ours")
    assert company.get("/payments")["payments"][0]["payment_number"] == "1"
    invoice = company.invoices(sub["subscription_id"])[0]
    assert invoice["subscriptions"] == [{"subscription_id": sub["subscription_id"]}]
    assert invoice["reference_id"] == "ours"


def test_6_3_customers_have_credits_and_debts_under_both_names(company: Company) -> None:
    customer = company.customer()
    company.post("/payments", {"customer_id": customer, "payment_mode": "cash", "amount": 20.5})
    row = company.get("/customers")["customers"][0]
    assert row["unused_credits"] == row["unused_credits_receivable_amount"] == 20.5
    assert row["outstanding"] == row["outstanding_receivable_amount"] == 0


def test_7_3_an_event_holds_its_payload_as_an_object(company: Company) -> None:
    sub = company.subscribe()
    rows = company.get("/events", sort_order="D")["events"]
    row = next(each for each in rows if each["event_type"] == "subscription_created")
    event = company.get(f"/events/{row['event_id']}")["event"]
    payload = event["payload"]
    assert payload["data"]["subscription"]["subscription_id"] == sub["subscription_id"]
    for name in ("event_id", "event_type", "event_time", "event_time_formatted", "event_source"):
        assert payload[name] == event[name]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", event["event_time"])
    assert event["event_source"] in ("user", "api")


def test_7_3_the_source_is_the_api_or_the_user(company: Company) -> None:
    sub = company.subscribe(card=None)
    acted = {"kind": "void_invoice", "invoice_id": sub["child_invoice_id"]}
    assert company.client.post("/_control/act", json=acted).status_code == 200
    sources = {row["event_type"]: row["event_source"] for row in company.get("/events")["events"]}
    assert (sources["subscription_created"], sources["invoice_voided"]) == ("api", "user")


def test_7_5_subscription_cancelled_gains_and_loses_the_keys_of_the_answer(company: Company) -> None:
    id_ = company.subscribe()["subscription_id"]
    company.post(f"/subscriptions/{id_}/cancel", cancel_at_end="false")
    newest = company.get("/events", sort_order="D")["events"][0]
    told = company.get(f"/events/{newest['event_id']}")["event"]["payload"]["data"]["subscription"]
    assert (newest["event_type"], told["status"]) == ("subscription_cancelled", "cancelled")
    assert told["cancelled_at"] == company.today().isoformat()
    assert "next_billing_at" not in told


def test_7_5_subscription_created_is_what_the_api_shows(company: Company) -> None:
    sub = company.subscribe()
    rows = company.get("/events", sort_order="D")["events"]
    row = next(each for each in rows if each["event_type"] == "subscription_created")
    told = company.get(f"/events/{row['event_id']}")["event"]["payload"]["data"]["subscription"]
    assert told == company.subscription(sub["subscription_id"])
    assert told["child_invoice_id"] != ""
