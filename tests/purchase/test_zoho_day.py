"""Business dates are Zoho's: pages and estimates count with the day that Zoho's clock has."""

from __future__ import annotations

from datetime import timedelta

from portal import clock
from tests.purchase.conftest import Shopper


def test_the_summary_follows_zohos_clock(shopper: Shopper) -> None:
    shopper.sandbox.advance(40)
    shopper.services.zoho.fetch_organizations()
    there = clock.today("America/New_York", timedelta(days=40))
    shopper.visitor.get("/checkouts/new", query_string={"plan": "starter-m"})
    page = shopper.visitor.last
    assert page is not None
    trial_ends = there + timedelta(days=14)
    assert page.shows(f"{trial_ends:%B} {trial_ends.day}, {trial_ends.year}"), page.text


def test_a_small_difference_is_the_networks(shopper: Shopper) -> None:
    shopper.services.zoho.fetch_organizations()
    assert shopper.rows("select clock_offset from billing.organization")[0]["clock_offset"] == timedelta(0)
