"""Names that want to be markup stay names, on every page, in the CSV and in file names (INP-02)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup

from tests.harness.worlds import CANARY, Member, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


@pytest.fixture
def hostile(world: World) -> tuple[Member, dict[str, str]]:
    """Somebody whose every text is an attack, and where their things are."""
    member = world.member("x@example.com", account=CANARY, display_name=CANARY)
    world.customer(member, display_name=CANARY)
    card = world.method(member, brand=CANARY)
    line = {"name": CANARY, "description": CANARY, "price": 1, "item_total": 1}
    addon = {"code": CANARY, "name": CANARY, "quantity": 1, "price": 1, "total": 1}
    subscription = world.subscription(
        member,
        (addon,),
        plan_name=CANARY,
        name=CANARY,
        number=CANARY,
        coupon_code=CANARY,
        payment_method_zoho_id=card["zoho_id"],
        has_scheduled_change=True,
        scheduled_change={"plan": {"name": CANARY}},
    )
    invoice = world.invoice(
        member,
        (line,),
        number=CANARY,
        reference_number=CANARY,
        due_date=world.in_days(-1),
        tax_total=1,
        raw={
            "taxes": [{"tax_name": CANARY, "tax_amount": 1}],
            "customer_name": CANARY,
            "billing_address": {"street": CANARY, "city": CANARY, "state": CANARY},
        },
        subscription_zoho_ids=[subscription["zoho_id"]],
    )
    world.payment(member, invoice, amount=1, mode=CANARY, number=CANARY)
    world.credit_note(member, invoice, total=1, number=CANARY)
    acts = {"cancel:done": subscription, "collect:done": invoice, "remove_method:done": card}
    for action, row in acts.items():
        kind = {"cancel:done": "subscription", "collect:done": "invoice"}.get(action, "payment_method")
        act = {"action": action, "object_kind": kind, "object_id": row["zoho_id"]}
        world.put("activity", {"account_id": member.account_id, "actor_kind": "user", **act})
    return member, {"subscription": str(subscription["id"]), "invoice": str(invoice["id"])}


def test_no_page_runs_or_obeys_what_a_name_says(
    hostile: tuple[Member, dict[str, str]], as_member: SignIn
) -> None:
    member, ids = hostile
    visitor = as_member(member)
    paths = (
        "/",
        "/subscriptions",
        f"/subscriptions/{ids['subscription']}",
        "/invoices",
        f"/invoices/{ids['invoice']}",
        f"/invoices?q={CANARY[:20]}",
        "/payment-methods",
        "/account/history",
        "/nowhere",
    )
    for path in paths:
        response = visitor.raw("GET", path)
        text = response.text
        assert response.status_code in (200, 404), path
        assert "<img src=x" not in text, path
        assert 'hx-get="/"' not in text, path
        assert ">49<" not in text, path
        assert "{{7*7}}" in text or path == "/nowhere", path


def test_the_browser_sees_text_where_there_was_an_attack(
    hostile: tuple[Member, dict[str, str]], as_member: SignIn
) -> None:
    member, ids = hostile
    ours = (f"/invoices/{ids['invoice']}", f"/subscriptions/{ids['subscription']}", "/account/history")
    for path in ("/", *ours):
        soup = BeautifulSoup(as_member(member).raw("GET", path).text, "html5lib")
        assert not soup.find("img")
        assert not [tag for tag in soup.find_all(True) if "onerror" in tag.attrs]
        assert not soup.find(attrs={"hx-get": "/"})
        # A name that turns the reading direction round stays within itself.
        around = [str(text.parent.name) for text in soup.find_all(string=lambda text: "\u202e" in text)]
        assert set(around) <= {"bdi", "title", "th", "caption", "h1", "p", "dt", "strong"}, set(around)


def test_the_csv_keeps_a_hostile_number_as_text(
    hostile: tuple[Member, dict[str, str]], as_member: SignIn
) -> None:
    response = as_member(hostile[0]).raw("GET", "/invoices/csv")

    assert response.mimetype == "text/csv"
    assert '"<img src=x onerror=alert(1)>{{7*7}}"" hx-get=""/"" ' in response.text
