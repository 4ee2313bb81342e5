"""What a hosted page says to the person before it."""

from __future__ import annotations

import re

from sandbox.tx import Doc
from tests.contracts.company import Company


def words(company: Company, page: Doc) -> str:
    return str(company.client.get(path(company, page)).text)


def path(company: Company, page: Doc) -> str:
    return str(page["url"]).removeprefix(company.world.settings.base_url)


def test_a_page_names_the_invoice_or_the_method_that_it_is_about(company: Company) -> None:
    customer = company.customer()
    body = {"customer_id": customer, "invoice_items": [{"name": "Consulting", "price": 400, "quantity": 2}]}
    invoice = company.post("/invoices", body)["invoice"]
    page = company.post("/hostedpages/invoicepayment", {"invoice_id": invoice["invoice_id"]})["hostedpage"]
    assert f"Pay invoice {invoice['invoice_number']}" in words(company, page)

    card = {"card_id": company.card(customer)}
    page = company.post("/hostedpages/updatepaymentmethod", card)["hostedpage"]
    assert "It takes the place of this one: Visa ending 1111" in words(company, page)


def test_complaints_come_in_the_order_of_the_fields(company: Company) -> None:
    asked = {"customer_id": company.customer()}
    page = company.post("/hostedpages/addpaymentmethod", asked)["hostedpage"]
    answer = company.client.post(path(company, page), data={"act": "pay", "method": "card"})
    names = re.findall(r'<li><a href="#(\w+)">', answer.text)
    assert (answer.status_code, names) == (422, ["card_number", "card_name", "expiry", "cvv"])
    answer = company.client.post(path(company, page), data={"act": "pay", "method": "bank"})
    names = re.findall(r'<li><a href="#(\w+)">', answer.text)
    assert names == ["account_holder", "routing_number", "account_number"]
