"""What programs in other languages send: ids as numbers, amounts as text, answers that are not to be had."""

from __future__ import annotations

from tests.contracts.company import Company


def test_an_id_may_come_as_a_number(company: Company) -> None:
    customer = int(company.customer())
    items = [{"name": "Work", "price": "12.50", "quantity": "2"}]
    invoice = company.post("/invoices", {"customer_id": customer, "invoice_items": items})["invoice"]
    assert (invoice["customer_id"], invoice["total"]) == (str(customer), 25)

    applied = [{"invoice_id": int(invoice["invoice_id"]), "amount_applied": "25.00"}]
    paid = {"customer_id": customer, "payment_mode": "cash", "amount": "25.00", "invoices": applied}
    assert company.post("/payments", paid)["payment"]["invoices"][0]["balance_amount"] == 0

    note = company.post("/creditnotes", {"customer_id": customer, "creditnote_items": items})
    assert note["credit_note"]["customer_id"] == str(customer)
    for wrong in (True, 1.5, [customer], {"id": customer}, None):
        body = {"customer_id": wrong, "invoice_items": items}
        assert company.refused("POST", "/invoices", body)[:2] == (400, 3004), wrong


def test_2_2_a_form_that_no_invoice_has_is_answered_with_406(company: Company) -> None:
    items = [{"name": "Work", "price": 1, "quantity": 1}]
    body = {"customer_id": company.customer(), "invoice_items": items}
    path = f"/invoices/{company.post('/invoices', body)['invoice']['invoice_id']}"
    assert company.refused("GET", path, accept="xml")[:2] == (406, 2)
    assert company.get(path, accept="json")["invoice"]["total"] == 1


def test_2_1_a_caller_without_a_token_is_refused_in_the_organisations_language(company: Company) -> None:
    company.switch(message_language="es")
    company.headers = {}
    status, code, said = company.refused("GET", "/plans")
    assert (status, code) == (401, 57)
    assert said.startswith("No se ha podido")
