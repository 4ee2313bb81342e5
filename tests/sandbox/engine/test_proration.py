"""Section 3.5 of the facts: what a change in the middle of a term costs."""

from __future__ import annotations

import pytest

from tests.contracts.company import Company


@pytest.fixture
def zohos_example(company: Company) -> str:
    """Zoho's documented example: 300 a month, billed on 5 April, a term of 30 days."""
    for code, price in (("basic", 300), ("better", 500), ("yearly", 3000)):
        product = company.get("/products")["products"][0]["product_id"]
        unit = "years" if code == "yearly" else "months"
        plan = {"plan_code": code, "name": code, "recurring_price": price, "interval": 1}
        company.post("/plans", plan | {"interval_unit": unit, "product_id": product})
    company.go_to("2027-04-05")
    sub = company.subscribe("basic", card=None)
    company.go_to("2027-04-15")
    return str(sub["subscription_id"])


def test_an_upgrade_bills_the_days_left_and_credits_the_days_unused(
    company: Company, zohos_example: str
) -> None:
    sub = company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "better"}})["subscription"]
    invoice = company.get(f"/invoices/{sub['child_invoice_id']}")["invoice"]
    assert (invoice["total"], invoice["credits_applied"], invoice["balance"]) == (333.33, 200, 133.33)
    assert sub["next_billing_at"] == "2027-05-05"
    assert sub["amount"] == 500
    company.check_money()


def test_a_downgrade_charges_nothing_and_keeps_the_rest_as_credit(
    company: Company, zohos_example: str
) -> None:
    company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "better"}})
    company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "basic"}})
    notes = company.get("/creditnotes")["creditnotes"]
    assert [note["total"] for note in notes] == [200, 333.33]
    assert notes[1]["balance"] == 133.33
    assert company.invoices(zohos_example)[-1]["balance"] == 0


def test_the_credit_left_over_pays_the_next_renewal(company: Company, zohos_example: str) -> None:
    company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "better"}})
    company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "basic"}})
    company.go_to("2027-05-05")
    renewal = company.invoices(zohos_example)[-1]
    assert (renewal["total"], renewal["credits_applied"]) == (300, 133.33)


def test_another_frequency_starts_a_new_term_today(company: Company, zohos_example: str) -> None:
    sub = company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "yearly"}})["subscription"]
    assert (sub["current_term_starts_at"], sub["next_billing_at"]) == ("2027-04-15", "2028-04-15")
    invoice = company.get(f"/invoices/{sub['child_invoice_id']}")["invoice"]
    assert (invoice["total"], invoice["credits_applied"]) == (3000, 200)


def test_more_seats_now_keep_the_term_and_make_a_new_invoice(company: Company, zohos_example: str) -> None:
    before = company.subscription(zohos_example)
    plan = {"plan_code": "basic", "quantity": 10}
    sub = company.put(f"/subscriptions/{zohos_example}", {"plan": plan})["subscription"]
    assert sub["child_invoice_id"] != before["child_invoice_id"]
    assert sub["current_term_ends_at"] == before["current_term_ends_at"]
    invoice = company.get(f"/invoices/{sub['child_invoice_id']}")["invoice"]
    assert (invoice["total"], invoice["balance"]) == (2000, 1800)


def test_without_proration_a_change_costs_nothing_until_the_renewal(
    company: Company, zohos_example: str
) -> None:
    company.switch(prorate=False)
    company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "better"}})
    assert len(company.invoices(zohos_example)) == 1
    company.go_to("2027-05-05")
    assert company.invoices(zohos_example)[-1]["total"] == 500


def test_a_change_at_the_end_of_the_term_can_be_seen_and_dropped(
    company: Company, zohos_example: str
) -> None:
    path = f"/subscriptions/{zohos_example}"
    sub = company.put(path, {"plan": {"plan_code": "better"}, "end_of_term": True})["subscription"]
    assert (sub["plan"]["plan_code"], sub["end_of_term"]) == ("basic", True)
    assert company.get(path + "/scheduledchanges")["subscription"]["plan"]["plan_code"] == "better"
    company.delete(path + "/scheduledchanges")
    assert company.refused("GET", path + "/scheduledchanges")[0] == 400


def test_a_change_at_the_end_of_the_term_happens_there(company: Company, zohos_example: str) -> None:
    company.put(f"/subscriptions/{zohos_example}", {"plan": {"plan_code": "better"}, "end_of_term": True})
    company.go_to("2027-05-05")
    assert company.subscription(zohos_example)["plan"]["plan_code"] == "better"
    assert company.invoices(zohos_example)[-1]["total"] == 500
    assert "subscription_upgraded" in company.events()


@pytest.mark.parametrize(("switch", "kept"), [("removed", []), ("kept", ["seat-m"])])
def test_u9_omitted_addons(company: Company, switch: str, kept: list[str]) -> None:
    company.switch(u9_omitted_addons=switch)
    sub = company.subscribe("team-m", addons=[{"addon_code": "seat-m"}])
    path = f"/subscriptions/{sub['subscription_id']}"
    changed = company.put(path, {"plan": {"plan_code": "team-m", "quantity": 2}})["subscription"]
    assert [addon["addon_code"] for addon in changed["addons"]] == kept
    company.check_money()


def test_a_refused_charge_refuses_the_change(company: Company) -> None:
    sub = company.subscribe("team-m")
    company.client.post("/_control/act", json={"kind": "next_charge_declines"})
    path = f"/subscriptions/{sub['subscription_id']}"
    company.wait(10)
    assert company.refused("PUT", path, {"plan": {"plan_code": "scale-m"}})[0] == 400
    assert company.subscription(sub["subscription_id"])["plan"]["plan_code"] == "team-m"
    company.check_money()
