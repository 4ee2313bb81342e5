"""Paying an invoice and keeping payment methods current, against the sandbox: once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask

from portal.sync import refresh
from tests.harness.processes import Sandbox
from tests.harness.worlds import Member, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


@dataclass
class Debtor:
    """Ada with an open invoice, a good card that a subscription uses, and a session."""

    member: Member
    invoice_id: str
    invoice_zoho_id: str
    method_id: str
    sandbox: Sandbox

    def payments(self) -> list[object]:
        """Every payment that Zoho took on the invoice."""
        return [
            payment
            for payment in self.sandbox.state("payments")
            if payment.get("status") != "failure"
            and any(part["invoice_id"] == self.invoice_zoho_id for part in payment["invoices"])
        ]

    def decline_next(self, reason: str) -> None:
        self.sandbox.control("act", {"kind": "next_charge_declines", "reason": reason})


@pytest.fixture
def debtor(app: Flask, world: World, sandbox: Sandbox) -> Debtor:
    ada = next(
        one for one in sandbox.state("subscriptions") if one["customer"]["display_name"] == "Ada Lovelace"
    )
    # The next renewal is declined, once: an open invoice, and a card that is good again.
    sandbox.control("act", {"kind": "next_charge_declines", "card_id": ada["card"]["card_id"]})
    sandbox.control("clock", {"to": f"{ada['next_billing_at']}T09:00:00"})
    owed = next(
        one
        for one in sandbox.state("invoices")
        if one["customer_id"] == ada["customer"]["customer_id"] and one["balance"]
    )
    member = world.member()
    world.conn.execute(
        "update billing.accounts set zoho_customer_id = %s where id = %s",
        [owed["customer_id"], member.account_id],
    )
    services = app.extensions["services"]
    for kind, zoho_id in (
        ("customer", owed["customer_id"]),
        ("subscription", ada["subscription_id"]),
        ("invoice", owed["invoice_id"]),
        ("payment_methods", owed["customer_id"]),
    ):
        refresh.refresh(services, kind, zoho_id, source="command")
    ids = world.conn.execute(
        "select (select id from billing.invoices) i, (select id from billing.payment_methods) m"
    ).fetchone()
    assert ids
    return Debtor(member, str(ids["i"]), str(owed["invoice_id"]), str(ids["m"]), sandbox)


def test_a_card_on_file_is_charged_once_for_two_clicks(debtor: Debtor, as_member: SignIn) -> None:
    visitor = as_member(debtor.member)
    visitor.get(f"/invoices/{debtor.invoice_id}")
    form = visitor.click("Pay $")
    assert form.heading.startswith("Pay $")

    first = visitor.submit(action="/payment")
    visitor.last = form
    second = visitor.submit(action="/payment")

    assert first.shows("was accepted.")
    assert first.heading.endswith("is paid")
    assert second.heading.endswith("is paid")
    said = next(line for line in first.soup.select(".notice") if "was accepted." in line.get_text())
    assert second.shows(" ".join(said.get_text().split())), second.text
    assert len(debtor.payments()) == 1


def test_what_was_declined_for_this_invoice_says_so_and_is_not_the_first_choice(
    world: World, as_member: SignIn
) -> None:
    member = world.member()
    row = world.invoice(member)
    world.method(member, last_four="0042", brand="visa", is_primary=True)
    other = world.method(member, last_four="4444", brand="visa")
    world.payment(member, row, status="failure", last_four="0042", paid_on=world.day)
    world.payment(member, world.invoice(member), status="failure", last_four="4444")
    visitor = as_member(member)

    page = visitor.get(f"/invoices/{row['id']}/payment")

    assert page.shows("Visa ending 0042, declined on ")
    assert not page.shows("Visa ending 4444, declined")
    chosen = page.soup.find("input", attrs={"name": "method", "checked": True})
    assert chosen["value"] == other["zoho_id"]


def test_a_decline_is_told_in_plain_words_and_nothing_is_charged(debtor: Debtor, as_member: SignIn) -> None:
    visitor = as_member(debtor.member)
    visitor.get(f"/invoices/{debtor.invoice_id}/payment")
    debtor.decline_next("insufficient_funds")

    page = visitor.submit(action="/payment", status=422)

    assert page.title.startswith("Error: Pay $")
    assert page.soup.select_one(".error-summary")
    assert not debtor.payments()
    assert visitor.submit(action="/payment").heading.endswith("is paid")


def test_a_changed_amount_is_not_charged(debtor: Debtor, as_member: SignIn, world: World) -> None:
    """AC-06"""
    visitor = as_member(debtor.member)
    visitor.get(f"/invoices/{debtor.invoice_id}/payment")
    world.conn.execute("update billing.invoices set balance = balance - 1")

    page = visitor.submit(action="/payment", status=409)

    assert page.shows("The amount has changed since you opened this page.")
    assert not debtor.payments()


def test_what_is_settled_or_under_way_cannot_be_paid(debtor: Debtor, as_member: SignIn, world: World) -> None:
    visitor = as_member(debtor.member)
    visitor.get(f"/invoices/{debtor.invoice_id}/payment")
    world.conn.execute("update billing.invoices set ach_payment_initiated = true")

    assert visitor.submit(action="/payment", status=409).shows("A bank payment of this invoice is under way.")
    assert visitor.get(f"/invoices/{debtor.invoice_id}/payment", status=409)
    assert not visitor.get(f"/invoices/{debtor.invoice_id}").soup.find(
        "a", string=lambda t: t and "Pay $" in t
    )
    assert not debtor.payments()


def test_another_card_is_entered_on_the_hosted_page_only(debtor: Debtor, as_member: SignIn) -> None:
    visitor = as_member(debtor.member)
    visitor.get(f"/invoices/{debtor.invoice_id}/payment")

    page = visitor.submit({"method": "new"}, action="/payment", status=303, follow=False)
    visitor.get(f"/invoices/{debtor.invoice_id}/payment")
    again = visitor.submit({"method": "new"}, action="/payment", status=303, follow=False)

    assert page.response.headers["Location"].startswith(f"{debtor.sandbox.url}/hostedpage/")
    assert again.response.headers["Location"] == page.response.headers["Location"]


def test_a_key_that_we_did_not_make_is_refused(debtor: Debtor, as_member: SignIn) -> None:
    visitor = as_member(debtor.member)
    visitor.get(f"/invoices/{debtor.invoice_id}/payment")

    visitor.submit({"key": "mine"}, action="/payment", status=409)

    assert not debtor.payments()


def test_a_viewer_may_look_and_not_pay(debtor: Debtor, as_member: SignIn, world: World) -> None:
    world.conn.execute("update billing.members set role = 'viewer'")
    visitor = as_member(debtor.member)

    page = visitor.get(f"/invoices/{debtor.invoice_id}")
    methods = visitor.get("/payment-methods")

    assert not page.soup.find("a", string=lambda text: bool(text) and "Pay $" in str(text))
    assert not methods.shows("Add a card")
    visitor.get(f"/invoices/{debtor.invoice_id}/payment", status=403)
    visitor.post(f"/payment-methods/{debtor.method_id}/removal", status=403)


def test_methods_are_added_and_updated_on_the_hosted_page(debtor: Debtor, as_member: SignIn) -> None:
    visitor = as_member(debtor.member)
    visitor.get("/payment-methods")
    added = visitor.submit(button="Add a card", status=303, follow=False)
    visitor.get("/payment-methods")
    updated = visitor.submit(button="Update", status=303, follow=False)

    for page in (added, updated):
        assert page.response.headers["Location"].startswith(f"{debtor.sandbox.url}/hostedpage/")


def test_a_card_in_use_is_not_removed_and_one_that_is_free_is(
    debtor: Debtor, as_member: SignIn, world: World
) -> None:
    visitor = as_member(debtor.member)
    path = f"/payment-methods/{debtor.method_id}/removal"
    refused = visitor.get(path)
    visitor.post(path, {"key": "x"}, status=409)
    before = len(debtor.sandbox.state("cards"))
    world.conn.execute("update billing.subscriptions set status = 'cancelled'")
    visitor.get(path)

    done = visitor.submit(action="/removal")

    assert refused.heading.endswith("is in use")
    assert refused.link("Team") or refused.shows("Choose another way to pay first")
    assert done.shows("was removed.")
    assert done.heading == "No card or bank account is on file"
    assert len(debtor.sandbox.state("cards")) == before - 1
