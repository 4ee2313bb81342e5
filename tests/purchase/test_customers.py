"""Which customer at Zoho an account gets, when addresses and moments collide (AUT-08)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from portal.errors import Unavailable
from portal.sync import customers, refresh
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
