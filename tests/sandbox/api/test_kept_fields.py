"""What a request says comes back in the answer, where the specs have the same field on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.company import Company

WORK = {"name": "Work", "price": 40, "quantity": 2, "unit": "hours"}
ON_AN_INVOICE: dict[str, Any] = {
    "payment_terms": 30,
    "payment_terms_label": "Net 30",
    "salesperson_name": "Sam",
    "allow_partial_payments": True,
    "reference_number": "PO-7",
    "notes": "Thanks",
}
ON_A_SUBSCRIPTION: dict[str, Any] = {
    "payment_terms": 15,
    "payment_terms_label": "Net 15",
    "salesperson_name": "Sam",
    "allow_partial_payments": True,
    "can_charge_setup_fee_immediately": True,
}


def test_an_invoice_written_by_hand_keeps_what_it_was_told(company: Company) -> None:
    asked = {
        "customer_id": company.customer(),
        "invoice_items": [WORK],
        "date": "2027-01-10",
        **ON_AN_INVOICE,
    }
    own = {"custom_fields": [{"label": "Desk", "value": "4"}]}
    made = company.post("/invoices", asked | own)["invoice"]
    assert {name: made[name] for name in ON_AN_INVOICE} == ON_AN_INVOICE
    assert made["due_date"] == "2027-02-09"
    assert made["invoice_items"][0]["unit"] == "hours"
    assert [(each["label"], each["value"]) for each in made["custom_fields"]] == [("Desk", "4")]

    later = company.put(f"/invoices/{made['invoice_id']}", {"payment_terms": 10, "salesperson_name": "Kim"})
    assert (later["invoice"]["due_date"], later["invoice"]["salesperson_name"]) == ("2027-01-20", "Kim")
    assert later["invoice"]["allow_partial_payments"] is True, "what PUT does not name stays"


def test_an_invoice_without_terms_of_its_own_shows_its_customers(company: Company) -> None:
    customer = company.customer(payment_terms=45, payment_terms_label="Net 45")
    made = company.post("/invoices", {"customer_id": customer, "invoice_items": [WORK]})["invoice"]
    assert (made["payment_terms"], made["payment_terms_label"]) == (45, "Net 45")


def test_a_subscription_keeps_what_create_and_update_say(company: Company) -> None:
    sub = company.subscribe(card=None, **ON_A_SUBSCRIPTION)
    assert {name: sub[name] for name in ON_A_SUBSCRIPTION} == ON_A_SUBSCRIPTION

    plan = {"plan_code": "team-m"}
    changed = {"payment_terms": 60, "payment_terms_label": "Net 60", "salesperson_name": "Kim"}
    path = f"/subscriptions/{sub['subscription_id']}"
    after = company.put(path, {"plan": plan} | changed)["subscription"]
    assert {name: after[name] for name in ON_A_SUBSCRIPTION} == ON_A_SUBSCRIPTION | changed


OWN_FIELDS = [{"label": "Cost centre", "value": "4711"}, {"label": "Desk", "value": "9"}]


def test_items_keep_their_custom_fields_onto_the_invoice(company: Company) -> None:
    own = {"item_custom_fields": OWN_FIELDS}
    addons = [{"addon_code": "seat-m", "quantity": 2, **own}]
    sub = company.subscribe(plan=own, addons=addons)
    assert [sub["plan"]["item_custom_fields"], sub["addons"][0]["item_custom_fields"]] == [OWN_FIELDS] * 2
    lines = company.invoices(sub["subscription_id"])[0]["invoice_items"]
    assert [each["item_custom_fields"] for each in lines] == [OWN_FIELDS] * 2

    path = f"/subscriptions/{sub['subscription_id']}"
    after = company.put(path, {"plan": {"plan_code": "team-m", "quantity": 3}})["subscription"]
    assert after["plan"]["item_custom_fields"] == OWN_FIELDS
    bought = company.post(path + "/buyonetimeaddon", {"addons": [{"addon_code": "onboarding", **own}]})
    assert bought["invoice"]["invoice_items"][0]["item_custom_fields"] == OWN_FIELDS
    charged = company.post(path + "/charge", {"amount": 5, "description": "x", **own})["invoice"]
    assert charged["invoice_items"][0]["item_custom_fields"] == OWN_FIELDS


@pytest.mark.parametrize(
    ("path", "items", "key"),
    [("/invoices", "invoice_items", "invoice"), ("/creditnotes", "creditnote_items", "credit_note")],
)
def test_lines_keep_what_they_were_told(company: Company, path: str, items: str, key: str) -> None:
    codes = {"sat_item_key_code": "43232107", "unitkey_code": "E48", "tds_tax_id": "982000000557012"}
    line = WORK | {"item_custom_fields": OWN_FIELDS, "description": "by hand", **codes}
    made = company.post(path, {"customer_id": company.customer(), items: [line]})[key]
    shown = made[items][0]
    kept = {"description": "by hand", "item_custom_fields": OWN_FIELDS, **codes}
    assert {name: shown[name] for name in kept} == kept


REGIONAL = {
    "place_of_supply": "TN",
    "gst_no": "22AAAAA0000A1Z5",
    "gst_treatment": "business_gst",
    "tax_treatment": "vat_registered",
    "cfdi_usage": "acquisition_of_merchandise",
    "vat_treatment": "overseas",
}


def test_an_invoice_gives_back_terms_people_and_what_belongs_to_other_countries(company: Company) -> None:
    customer = company.customer()
    people = company.get(f"/customers/{customer}/contactpersons")["contact_persons"]
    persons = [{"contactperson_id": people[0]["contactperson_id"]}]
    asked = {"customer_id": customer, "invoice_items": [WORK], "contact_persons": persons, **REGIONAL}
    dates = {"date": "2027-01-10", "due_date": "2027-03-01", "payment_terms": 15}
    made = company.post("/invoices", asked | dates, send="true")["invoice"]
    for name, value in (REGIONAL | dates | {"contact_persons": persons, "is_emailed": True}).items():
        assert made[name] == value, name

    foreign = {"contact_persons": [{"contactperson_id": company.customer()}]}
    assert company.refused("PUT", f"/invoices/{made['invoice_id']}", foreign)[:2] == (404, 1002)


def test_a_number_of_its_own_must_be_given_where_it_is_asked_for(company: Company) -> None:
    asked = {"customer_id": company.customer(), "invoice_items": [WORK]}
    own = {"ignore_auto_number_generation": "true"}
    assert company.refused("POST", "/invoices", asked, **own)[:2] == (400, 2)
    made = company.post("/invoices", asked | {"invoice_number": "OWN-7"}, **own)["invoice"]
    assert made["invoice_number"] == "OWN-7"


def test_a_subscription_keeps_its_people_and_gateways(company: Company) -> None:
    customer = company.customer()
    more = company.post(f"/customers/{customer}/contactpersons", {"email": "second@example.com"})
    second = more["contact_person"]["contactperson_id"]
    gateways = [{"payment_gateway": "test_gateway"}]
    sub = company.subscribe(customer_id=customer, card=None, payment_gateways=gateways)
    assert sub["payment_gateways"] == gateways

    path, plan = f"/subscriptions/{sub['subscription_id']}", {"plan": {"plan_code": "team-m"}}
    people = {"contactpersons": [{"contactperson_id": second}]}
    after = company.put(path, plan | people)["subscription"]
    assert [each["contactperson_id"] for each in after["contactpersons"]] == [second]
    stranger = {"contactpersons": [{"contactperson_id": "5120000000009999"}]}
    assert company.refused("PUT", path, plan | stranger)[:2] == (404, 1002)


def test_a_payment_by_hand_changes_how_it_was_paid(company: Company) -> None:
    asked = {"customer_id": company.customer(), "payment_mode": "check", "amount": 20}
    made = company.post("/payments", asked)["payment"]
    path = f"/payments/{made['payment_id']}"
    assert company.put(path, asked | {"payment_mode": "cash"})["payment"]["payment_mode"] == "cash"
    assert company.put(path, {"amount": 20})["payment"]["payment_mode"] == "cash"

    company.subscribe()
    online = company.get("/payments", sort_order="D")["payments"][0]
    kept = company.put(f"/payments/{online['payment_id']}", {"payment_mode": "cash"})["payment"]
    assert kept["payment_mode"] == "autotransaction", "what a gateway took stays so"


def test_a_setup_fee_outlives_a_change_before_it_is_charged(company: Company) -> None:
    sub = company.subscribe("scale-m", plan={"trial_days": 10})
    path = f"/subscriptions/{sub['subscription_id']}"
    more = {"plan": {"plan_code": "scale-m", "quantity": 2}}
    assert company.put(path, more)["subscription"]["plan"]["setup_fee"] == 99
    more["plan"]["setup_fee"] = 40
    assert company.put(path, more)["subscription"]["plan"]["setup_fee"] == 40
    company.wait(10)
    first = company.invoices(sub["subscription_id"])[0]
    assert [each["item_total"] for each in first["invoice_items"]] == [398, 40]

    company.put(path, {"plan": {"plan_code": "scale-m", "quantity": 3, "setup_fee": 40}})
    changed = company.invoices(sub["subscription_id"])[-1]
    assert [each["code"] for each in changed["invoice_items"]] == ["scale-m"], "charged once"


def test_whether_another_plan_charges_its_setup_fee_is_a_switch(company: Company) -> None:
    subs = [company.subscribe(card=None)["subscription_id"] for _ in range(2)]
    for changed, sub in zip(("never", "charged"), subs, strict=True):
        company.switch(changed_setup_fee=changed)
        path, plan = f"/subscriptions/{sub}", {"plan": {"plan_code": "scale-m"}}
        assert company.put(path, plan)["subscription"]["plan"]["setup_fee"] == 99
        company.put(path, {"plan": {"plan_code": "scale-m", "quantity": 2}})
        lines = [line for each in company.invoices(sub) for line in each["invoice_items"]]
        fees = [line["item_total"] for line in lines if "Setup fee" in line["name"]]
        assert fees == ([99] if changed == "charged" else []), changed
    company.check_money()


def test_a_customer_keeps_its_templates_and_both_states(company: Company) -> None:
    address = {"street": "1 Main St", "state": "New York", "state_code": "NY"}
    templates = {"invoice_template_id": "90300000311340", "creditnote_template_id": "90300000312011"}
    asked = {"billing_address": address, "shipping_address": address, "default_templates": templates}
    customer = company.get(f"/customers/{company.customer(**asked)}")["customer"]
    assert customer["default_templates"] == templates
    for kind in ("billing_address", "shipping_address"):
        assert {name: customer[kind][name] for name in address} == address, kind


def test_a_parked_charge_shows_the_coupon_on_it(company: Company) -> None:
    sub = company.subscribe(coupon_code="FOREVER10", add_to_unbilled_charges=True)
    parked = company.get(f"/unbilledcharges/{sub['unbilled_charge_id']}")["unbilled_charge"]
    assert [each["coupon_code"] for each in parked["coupons"]] == ["FOREVER10"]
    assert parked["coupons"][0]["discount_amount"] == 4.9
