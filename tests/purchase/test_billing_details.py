"""Billing details and the tax number, from our form to Zoho's customer and back into the mirror."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portal.db import transaction
from portal.sync import acts, customers
from tests.harness.people import later
from tests.purchase.conftest import Shopper


def _customer(shopper: Shopper) -> dict[str, object]:
    return shopper.customers_at_zoho()[0]


def test_there_is_nothing_to_change_before_the_first_purchase(shopper: Shopper) -> None:
    page = shopper.visitor.get("/account/billing-details")
    assert page.heading == "Nothing stands on invoices yet"


def test_what_is_saved_stands_at_zoho_and_on_our_page(shopper: Shopper) -> None:
    shopper.buy()
    shopper.visitor.get("/account/billing-details")
    wanted = {"company_name": "Hopper & Söhne", "tax_number": "DE811907980", "city": "Aachen", "zip": "01067"}
    page = shopper.visitor.submit(wanted, action="/account/billing-details")
    assert page.shows("Your billing details are saved.")
    raw = shopper.rows(
        "select raw, company_name, tax_id from billing.customers where account_id is not null"
    )[0]
    assert (raw["company_name"], raw["tax_id"]) == ("Hopper & Söhne", "DE811907980")
    assert raw["raw"]["billing_address"]["city"] == "Aachen"
    again = shopper.visitor.get("/account/billing-details")
    assert again.soup.find("input", attrs={"name": "zip"})["value"] == "01067"


def test_a_wrong_address_keeps_the_answers(shopper: Shopper) -> None:
    shopper.buy()
    shopper.visitor.get("/account/billing-details")
    page = shopper.visitor.submit(
        {"email": "not an address", "city": "Aachen"}, action="/account/billing-details", status=422
    )
    assert "Enter an address like name@example.com." in page.errors()["email"]
    assert page.soup.find("input", attrs={"name": "city"})["value"] == "Aachen"


def test_a_refusal_of_zoho_is_shown_and_nothing_is_lost(shopper: Shopper) -> None:
    shopper.buy()
    shopper.visitor.get("/account/billing-details")
    shopper.sandbox.control("faults", {"api": {"next": ["503"], "match": {"method": "PUT"}}})
    page = shopper.visitor.submit({"city": "Aachen"}, action="/account/billing-details")
    assert page.shows("checking whether it went through")
    assert _customer(shopper)["email"] == shopper.email


def _carry(shopper: Shopper, user_id: Any, old: str, new: str, *, dies: bool = False) -> list[Any]:
    with transaction.as_web(shopper.services.pool, user_id) as conn:
        recorded = customers.record_new_address(conn, user_id, old, new)
    if not dies:
        for intent_id in recorded:
            acts.perform(shopper.services, intent_id)
    return recorded


def test_a_new_address_reaches_zoho_even_if_the_process_dies_in_between(shopper: Shopper) -> None:
    """CONV-03: the act exists from the commit that changed the address on; the worker carries it out."""
    shopper.buy()
    user_id = shopper.rows("select id from billing.users where email = %s", shopper.email)[0]["id"]
    _carry(shopper, user_id, shopper.email, "renamed@example.com", dies=True)
    with later(minutes=2):
        acts.resolve_due(shopper.services)
    assert [one for one in shopper.sandbox.state("customers") if one["email"] == "renamed@example.com"]


def test_an_owners_new_address_reaches_zoho(shopper: Shopper) -> None:
    shopper.buy()
    user_id = shopper.rows("select id from billing.users where email = %s", shopper.email)[0]["id"]
    _carry(shopper, user_id, shopper.email, "renamed@example.com")
    assert shopper.customers_at_zoho() == []
    assert [one for one in shopper.sandbox.state("customers") if one["email"] == "renamed@example.com"]
    assert (
        shopper.rows("select billing_email from billing.accounts")[0]["billing_email"]
        == "renamed@example.com"
    )


def test_somebody_elses_new_address_changes_no_customer(shop: Callable[[str], Shopper]) -> None:
    shopper = shop("newcomer@example.com")
    shopper.buy()
    other = shop("other@example.com")
    user_id = other.rows("select id from billing.users where email = %s", "other@example.com")[0]["id"]
    assert _carry(other, user_id, "newcomer@example.com", "stolen@example.com") == []
    assert _customer(shopper)["email"] == "newcomer@example.com"
