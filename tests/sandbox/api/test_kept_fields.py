"""What a request says comes back in the answer, where the specs have the same field on both sides."""

from __future__ import annotations

from typing import Any

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
