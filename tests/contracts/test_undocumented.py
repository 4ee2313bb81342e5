"""What is real but stands in no OpenAPI file (facts 2.5, 3.6, 12.14): present, and in Zoho's envelope."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.contracts.company import Company


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/payments", "payments"),
        ("/creditnotes", "creditnotes"),
        ("/webhooks", "webhooks"),
        ("/organizations", "organizations"),
        ("/settings/currencies", "currencies"),
        ("/pricebooks", "pricebooks"),
    ],
)
def test_12_14_lists_outside_the_specs(company: Company, path: str, key: str) -> None:
    company.subscribe()
    told = company.get(path)
    assert (told["code"], isinstance(told[key], list)) == (0, True)


def test_2_5_payments_are_sorted_filtered_and_paged(company: Company) -> None:
    first = company.subscribe()
    company.wait(1)
    company.subscribe()
    newest = company.get("/payments", sort_column="date", sort_order="D", per_page=1)
    assert newest["page_context"]["has_more_page"] is True
    assert newest["payments"][0]["date"] == company.today().isoformat()
    own = company.get("/payments", customer_id=first["customer_id"])["payments"]
    assert [each["customer_id"] for each in own] == [first["customer_id"]]


def test_2_5_credit_notes_are_listed_by_customer_and_status(company: Company) -> None:
    items = [{"code": "team-m", "quantity": 1, "price": 30}]
    notes = [
        company.post("/creditnotes", {"customer_id": company.customer(), "creditnote_items": items})
        for _ in range(2)
    ]
    note = notes[0]["credit_note"]
    found = company.get("/creditnotes", customer_id=note["customer_id"], filter_by="Status.Open")
    assert [each["creditnote_id"] for each in found["creditnotes"]] == [note["creditnote_id"]]


def test_3_6_acts_outside_the_specs(company: Company) -> None:
    id_ = company.subscribe(plan={"billing_cycles": 2}, card=None)["subscription_id"]
    extended = company.post(f"/subscriptions/{id_}/extend", {"billing_cycles": 3})["subscription"]
    assert extended["remaining_billing_cycles"] == 4

    later = (company.today() + timedelta(days=2)).isoformat()
    paused = company.post(f"/subscriptions/{id_}/pause", {"pause_at": later, "reason": "travel"})
    assert (paused["subscription"]["status"], paused["subscription"]["pause_date"]) == ("live", later)
    company.wait(2)
    assert company.subscription(id_)["status"] == "paused"
    resumed = company.post(f"/subscriptions/{id_}/resume", {"reason": "back"})["subscription"]
    assert resumed["status"] == "live"

    company.post(f"/subscriptions/{id_}/notes", {"description": "called"})
    notes = company.get(f"/subscriptions/{id_}/notes")["notes"]
    assert [each["description"] for each in notes] == ["called"]

    change = {"plan": {"plan_code": "scale-m"}, "end_of_term": True}
    company.put(f"/subscriptions/{id_}", change)
    assert company.delete(f"/subscriptions/{id_}/scheduledchanges")["code"] == 0
    assert company.refused("GET", f"/subscriptions/{id_}/scheduledchanges")[0] == 400
    company.switch(no_scheduled_changes="empty")
    assert company.get(f"/subscriptions/{id_}/scheduledchanges")["subscription"] == {}


def test_6_1_an_invoice_can_be_had_as_pdf_and_tells_its_activities(company: Company) -> None:
    invoice_id = company.subscribe()["child_invoice_id"]
    answer = company.call("GET", f"/invoices/{invoice_id}", accept="pdf")
    assert answer.data.startswith(b"%PDF-")
    assert answer.content_type.startswith("application/pdf")
    missing = company.call("GET", "/invoices/5120000000009999", accept="pdf")
    assert (missing.status_code, missing.mimetype) == (404, "application/json")
    company.post(f"/invoices/{invoice_id}/email", {"to_mail_ids": ["rosa@example.com"]})
    activities = company.get(f"/invoices/{invoice_id}/recentactivities")["activities"]
    assert [each["description"] for each in activities] == ["Invoice emailed."]


def test_4_5_whether_the_numeric_id_finds_a_hosted_page_is_a_switch(company: Company) -> None:
    page = company.post("/hostedpages/addpaymentmethod", {"customer_id": company.customer()})["hostedpage"]
    path = f"/hostedpages/{page['decrypted_hosted_page_id']}"
    assert company.refused("GET", path)[:2] == (404, 1002)
    company.switch(hosted_numeric_id="accepted")
    assert company.get(path)["hostedpage_id"] == page["hostedpage_id"]
