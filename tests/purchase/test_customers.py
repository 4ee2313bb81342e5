"""Which customer at Zoho an account gets, when addresses and moments collide (AUT-08)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from portal.db import transaction
from portal.errors import Unavailable
from portal.jobs import tasks
from portal.people import accounts
from portal.sync import customers, reconcile, refresh
from tests.purchase.conftest import Shopper

if TYPE_CHECKING:
    from tests.harness.processes import Sandbox

Enter = Callable[[str], Shopper]


def test_an_address_typed_for_invoices_opens_nobody_elses_account_aut_08(
    shopper: Shopper, sandbox: Sandbox
) -> None:
    """Billing details take any address; when the own customer is deleted, it must not become theirs."""
    shopper.choose("starter-m")
    theirs = next(one for one in sandbox.state("customers") if one["email"] == "ada@example.com")
    shopper.visitor.get("/account/billing-details")
    shopper.visitor.submit({"email": "ada@example.com"}, action="/account/billing-details")
    mine = shopper.rows("select zoho_customer_id as id from billing.accounts")[0]["id"]
    sandbox.control("act", {"kind": "delete_customer", "customer_id": mine})
    refresh.refresh(shopper.services, "customer", mine, source="webhook")

    shopper.choose("team-m")

    (account,) = shopper.rows("select billing_email, zoho_customer_id from billing.accounts")
    assert account["billing_email"] == "ada@example.com"
    assert account["zoho_customer_id"] not in (None, mine, theirs["customer_id"])


def test_two_accounts_that_want_one_customer_at_once(shop: Enter) -> None:
    """The slower one is asked to wait, and gets a customer of its own then."""
    fast, slow = shop("fast@example.com"), shop("slow@example.com")
    fast.choose("team-m")
    (taken,) = fast.rows("select zoho_customer_id from billing.accounts where zoho_customer_id is not null")
    (other,) = slow.rows("select id from billing.accounts where zoho_customer_id is null")

    with pytest.raises(Unavailable):
        customers._link(slow.services, other["id"], taken["zoho_customer_id"])

    assert customers.ensure(slow.services, other["id"], None) != taken["zoho_customer_id"]


@pytest.mark.parametrize("is_lost", [False, True])
def test_of_two_customers_with_the_address_neither_is_taken_aut_08(shopper: Shopper, is_lost: bool) -> None:
    """Nobody can tell which is whose; also when the making of a third is lost, and looked up."""
    zoho = shopper.services.zoho
    two = {zoho.create_customer({"display_name": n, "email": shopper.email}).zoho_id for n in ("A", "B")}
    if is_lost:
        weather = {"next": ["timeout"], "match": {"method": "POST", "path": "/customers"}, "hold_s": 0.1}
        shopper.sandbox.control("faults", {"api": weather})
    shopper.choose("team-m")
    shopper.sandbox.control("faults", {})
    (account,) = shopper.rows("select zoho_customer_id as id from billing.accounts")
    assert account["id"] not in two
    assert (account["id"] is None) == is_lost


def test_a_second_account_of_one_owner_gets_a_customer_of_its_own(shopper: Shopper) -> None:
    shopper.choose("team-m")
    (first,) = shopper.rows("select zoho_customer_id as id from billing.accounts")
    (user,) = shopper.rows("select id from billing.users where email = %s", shopper.email)
    with transaction.as_web(shopper.services.pool, user["id"]) as conn:
        second = accounts.create_for(conn, user["id"], name="Second", email=shopper.email)

    assert customers.ensure(shopper.services, second, user["id"]) != first["id"]


def merged(shopper: Shopper, sandbox: Sandbox, *others: str) -> list[str]:
    """Merge the shopper's customer into the first of some with these addresses; return the ids of those."""
    mine = shopper.rows("select zoho_customer_id as id from billing.accounts")[0]["id"]
    made = [
        shopper.services.zoho.create_customer({"display_name": f"Other {n}", "email": email}).zoho_id
        for n, email in enumerate(others)
    ]
    sandbox.control("act", {"kind": "merge_customers", "customer_id": mine, "into": made[0]})
    return made


def test_who_was_merged_into_another_customer_still_sees_what_they_have(
    shopper: Shopper, sandbox: Sandbox
) -> None:
    """FLT: staff merge customers, and Zoho tells nobody."""
    shopper.buy("team-m")
    (into,) = merged(shopper, sandbox, shopper.email)

    assert reconcile.full(shopper.services).problem == ""

    (account,) = shopper.rows("select zoho_customer_id from billing.accounts")
    assert account["zoho_customer_id"] == into
    assert shopper.visitor.get("/subscriptions").shows("Team")
    assert shopper.visitor.get("/payment-methods").shows("1111")
    assert reconcile.full(shopper.services).rows_written == 0


@pytest.mark.parametrize("case", ["another address", "two with the address", "not proved"])
def test_aut_08_a_merge_gives_nobody_a_customer_that_a_purchase_would_not(
    shopper: Shopper, sandbox: Sandbox, case: str
) -> None:
    shopper.buy("team-m")
    if case == "not proved":
        customers.store_billing_email(shopper.services, _account(shopper), "books@example.com")
    others = {
        "another address": ["else@example.com"],
        "two with the address": [shopper.email, shopper.email],
        "not proved": ["books@example.com"],
    }
    into = merged(shopper, sandbox, *others[case])

    reconcile.full(shopper.services)

    (account,) = shopper.rows("select zoho_customer_id from billing.accounts")
    assert account["zoho_customer_id"] not in into


def _account(shopper: Shopper) -> UUID:
    return UUID(str(shopper.rows("select id from billing.accounts")[0]["id"]))


def look(who: Shopper) -> None:
    """Do what is deferred when somebody signs in."""
    (account,) = who.rows("select id from billing.accounts")
    context: Any = SimpleNamespace(additional_context={"services": who.services})
    tasks.adopt_customer.func(context, account_id=str(account["id"]))


def test_who_bought_before_the_portal_finds_it_aut_08(shop: Enter, sandbox: Sandbox) -> None:
    """Decision 0145: they saw an empty portal, and learned what they had while they bought it again."""
    before = sandbox.state("customers")
    ada = shop("ada@example.com")
    (bought,) = ada.subscriptions_at_zoho()
    refresh.refresh(ada.services, "subscription", bought["subscription_id"], source="reconcile")
    assert not ada.visitor.get("/subscriptions").shows(bought["plan"]["name"])
    look(ada)

    assert ada.visitor.get("/subscriptions").shows(bought["plan"]["name"])
    assert ada.rows("select 1 from billing.payment_methods where account_id is not null")
    assert sandbox.state("customers") == before, "a look makes nothing"
    look(ada)
    assert len(ada.rows("select 1 from billing.customers where account_id is not null")) == 1
    assert len(ada.rows("select 1 from billing.activity where action = 'customer:adopted'")) == 1


@pytest.mark.parametrize(
    "why", ["two have the address", "the address is not the owner's own", "Zoho is away"]
)
def test_what_is_not_surely_theirs_is_left_alone_aut_08(shop: Enter, sandbox: Sandbox, why: str) -> None:
    ada = shop("ada@example.com")
    if why == "two have the address":
        ada.services.zoho.create_customer({"display_name": "Another Ada", "email": "ada@example.com"})
    elif why == "Zoho is away":
        sandbox.faults(api={"500": 1.0})
    else:
        ada = shop("bob@example.com")
        ada.rows("delete from billing.accounts where billing_email = 'ada@example.com' returning id")
        ada.rows("update billing.accounts set billing_email = 'ada@example.com' returning id")
    look(ada)

    assert ada.rows("select zoho_customer_id as id from billing.accounts") == [{"id": None}]
