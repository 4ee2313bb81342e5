"""States of an account that must be designed, not left over (look.md), each as rows of a mirror.

A scene makes one member and what the account owns, and says which pages to look at. The worker is stopped
meanwhile: nothing here exists at Zoho.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from tests.harness.worlds import Member, Row, World

LONG = "Society for the Preservation of Unreasonably Long Company Names and Addresses of Greater Manchester"


@dataclass(frozen=True)
class Scene:
    """Who looks, and at what. A path may name a row: its page is then called after its last word."""

    member: Member
    paths: dict[str, str]


def of_subscription(row: Row, *pages: str) -> dict[str, str]:
    """Return the subscription's page, and pages below it."""
    here = f"/subscriptions/{row['id']}"
    return {
        "overview": "/",
        "subscription": here,
        **{page.replace("/", "-"): f"{here}/{page}" for page in pages},
    }


def trial(world: World) -> Scene:
    member = world.member("trial@example.com")
    world.customer(member)
    row = world.subscription(
        member, status="trial", trial_ends_on=world.in_days(9), current_term_ends_on=world.in_days(9)
    )
    return Scene(member, of_subscription(row, "cancellation"))


def trial_expired(world: World) -> Scene:
    member = world.member("trial-expired@example.com")
    row = world.subscription(
        member,
        status="trial_expired",
        trial_ends_on=world.in_days(-3),
        expires_on=world.in_days(-3),
        next_billing_on=None,
    )
    return Scene(member, of_subscription(row))


def failed(world: World) -> Scene:
    """The renewal declined; Zoho tries again."""
    member = world.member("failed@example.com")
    card = world.method(member, last_four="0042")
    row = world.subscription(member, status="dunning", payment_method_zoho_id=card["zoho_id"])
    invoice = world.invoice(
        member, due_date=world.in_days(-2), status="overdue", subscription_zoho_ids=[row["zoho_id"]]
    )
    decline = {"status": "failure", "last_four": "0042", "gateway_error_code": "insufficient_funds"}
    world.payment(member, invoice, paid_on=world.in_days(-2), **decline)
    here = f"/invoices/{invoice['id']}"
    more = {"invoice": here, "payment": f"{here}/payment", "methods": "/payment-methods"}
    return Scene(member, {**of_subscription(row, "payment-method"), **more})


def unpaid(world: World) -> Scene:
    member = world.member("unpaid@example.com")
    row = world.subscription(member, status="unpaid")
    world.invoice(
        member, due_date=world.in_days(-20), status="overdue", subscription_zoho_ids=[row["zoho_id"]]
    )
    return Scene(member, of_subscription(row))


def bank_payment(world: World) -> Scene:
    """ACH: sent to the bank, not settled."""
    member = world.member("bank@example.com")
    bank = world.method(
        member, kind="bank_account", brand="", last_four="6789", expiry_month=None, expiry_year=None
    )
    row = world.subscription(member, payment_method_zoho_id=bank["zoho_id"])
    invoice = world.invoice(
        member, due_date=world.in_days(-3), ach_payment_initiated=True, subscription_zoho_ids=[row["zoho_id"]]
    )
    here = f"/invoices/{invoice['id']}"
    return Scene(
        member,
        {
            **of_subscription(row),
            "invoice": here,
            "payment": f"{here}/payment",
            "methods": "/payment-methods",
        },
    )


def scheduled_change(world: World) -> Scene:
    member = world.member("scheduled@example.com")
    world.method(member)
    row = world.subscription(
        member,
        has_scheduled_change=True,
        scheduled_change={
            "plan": {"plan_code": "scale-m", "name": "Scale"},
            "plan_name": "Business",
        },
    )
    return Scene(member, of_subscription(row, "scheduled-change", "cancellation"))


def non_renewing(world: World) -> Scene:
    """Cancelled, but paid until."""
    member = world.member("ending@example.com")
    row = world.subscription(
        member, status="non_renewing", scheduled_cancellation_on=world.in_days(12), next_billing_on=None
    )
    paid = world.invoice(member, balance=0, status="paid", subscription_zoho_ids=[row["zoho_id"]])
    world.payment(member, paid)
    return Scene(member, {**of_subscription(row, "cancellation/undo"), "list": "/subscriptions"})


def paused(world: World) -> Scene:
    member = world.member("paused@example.com")
    row = world.subscription(member, status="paused", next_billing_on=None)
    return Scene(member, of_subscription(row, "resumption"))


def ended(world: World) -> Scene:
    """Ended long ago; the invoices are still here."""
    member = world.member("ended@example.com")
    row = world.subscription(
        member, status="cancelled", cancelled_on=world.in_days(-40), next_billing_on=None
    )
    for months in range(3):
        paid = world.invoice(
            member,
            balance=0,
            status="paid",
            invoice_date=world.in_days(-40 - 30 * months),
            subscription_zoho_ids=[row["zoho_id"]],
        )
        world.payment(member, paid)
    return Scene(member, of_subscription(row))


def long_names(world: World) -> Scene:
    """Long names, amounts of twelve digits."""
    big = Decimal("123456789012.34")
    member = world.member("a.person.with.a.remarkably.long.address@departments.example.com", account=LONG)
    world.customer(member, display_name=LONG)
    card = world.method(member, brand="American Express")
    row = world.subscription(
        member,
        (
            {
                "code": "seats",
                "name": "Additional seats for members of associated societies",
                "price": big,
                "quantity": 1200,
            },
        ),
        plan_name="Enterprise Unlimited with Priority Support and a Dedicated Engineer",
        plan_price=big,
        sub_total=big,
        amount=big,
        payment_method_zoho_id=card["zoho_id"],
    )
    invoice = world.invoice(
        member,
        (
            {
                "name": "Enterprise Unlimited with Priority Support",
                "code": "ent",
                "price": big,
                "item_total": big,
            },
        ),
        number="INV-2026-GREATER-MANCHESTER-000000000042",
        total=big,
        subscription_zoho_ids=[row["zoho_id"]],
    )
    here = f"/invoices/{invoice['id']}"
    return Scene(
        member, {**of_subscription(row), "invoice": here, "payment": f"{here}/payment", "account": "/account"}
    )


def yen(world: World) -> Scene:
    """A currency without decimals, and a visitor who writes dates another way."""
    member = world.member(
        "yen@example.com", account="株式会社ノースウィンド", locale="ja-JP", time_zone="Asia/Tokyo"
    )
    world.method(member, brand="JCB")
    money = {"currency_code": "JPY", "plan_price": 980000, "sub_total": 980000, "amount": 1078000}
    row = world.subscription(member, plan_name="チーム", **money)
    invoice = world.invoice(
        member,
        total=1078000,
        tax_total=98000,
        sub_total=980000,
        currency_code="JPY",
        subscription_zoho_ids=[row["zoho_id"]],
    )
    return Scene(member, {**of_subscription(row), "invoice": f"/invoices/{invoice['id']}"})


def right_to_left(world: World) -> Scene:
    member = world.member("rtl@example.com", account="شركة الرياح الشمالية", display_name="ليلى")
    world.customer(member, display_name="شركة الرياح الشمالية", currency_code="AED")
    row = world.subscription(member, plan_name="باقة الفريق", currency_code="AED")
    invoice = world.invoice(
        member,
        ({"name": "باقة الفريق", "code": "team", "price": 49, "item_total": 49},),
        currency_code="AED",
        subscription_zoho_ids=[row["zoho_id"]],
    )
    return Scene(
        member, {**of_subscription(row), "invoice": f"/invoices/{invoice['id']}", "account": "/account"}
    )


def many_invoices(world: World) -> Scene:
    """400 invoices, most of them paid."""
    member = world.member("many@example.com")
    world.subscription(member)
    for count in range(400):
        open_one = count in (0, 3)
        world.invoice(
            member,
            invoice_date=world.in_days(-count * 7),
            due_date=world.in_days(14 - count * 7),
            status="sent" if open_one else "paid",
            balance=49 if open_one else 0,
        )
    return Scene(
        member,
        {
            "overview": "/",
            "invoices": "/invoices",
            "nothing-found": "/invoices?q=nothing",
            "open": "/invoices?status=open",
        },
    )


def one_invoice(world: World) -> Scene:
    member = world.member("one@example.com")
    world.subscription(member)
    invoice = world.invoice(
        member,
        (
            {"name": "Team", "code": "team-m", "price": 49, "item_total": 49},
            {"name": "Setup", "code": "setup", "price": 20, "item_total": 20},
        ),
        sub_total=69,
        discount_total=10,
        tax_total="5.90",
        total="64.90",
        balance="24.90",
        payment_made=40,
    )
    world.payment(member, invoice, amount=40)
    return Scene(member, {"overview": "/", "invoices": "/invoices", "invoice": f"/invoices/{invoice['id']}"})


def old_copy(world: World) -> Scene:
    """Nothing was compared with Zoho for four days."""
    member = world.member("old@example.com")
    then = world.now - timedelta(days=4)
    world.conn.execute("update billing.sync_runs set started_at = %s where started_at > %s", [then, then])
    row = world.subscription(member, synced_at=then)
    invoice = world.invoice(member, synced_at=then, subscription_zoho_ids=[row["zoho_id"]])
    here = f"/invoices/{invoice['id']}"
    more = {"invoices": "/invoices", "invoice": here, "payment": f"{here}/payment"}
    return Scene(member, {**of_subscription(row), **more})


def expiring_card(world: World) -> Scene:
    member = world.member("expiring@example.com")
    soon = world.day.replace(day=1)
    card = world.method(member, expiry_month=soon.month, expiry_year=soon.year)
    world.method(
        member,
        is_primary=False,
        last_four="0005",
        brand="American Express",
        expiry_month=1,
        expiry_year=soon.year - 1,
    )
    world.subscription(member, payment_method_zoho_id=card["zoho_id"])
    return Scene(
        member,
        {"overview": "/", "methods": "/payment-methods", "removal": f"/payment-methods/{card['id']}/removal"},
    )


def viewer(world: World) -> Scene:
    """May look, may not change; and what an owner sees of members and invitations."""
    owner = world.member("owner@example.com")
    guest = world.member("viewer@example.com", role="viewer")
    row = world.subscription(owner)
    world.join(guest.user_id, owner.account_id, "viewer")
    cookie = world.session(guest.user_id, owner.account_id)
    looks = Member(guest.user_id, owner.account_id, owner.customer_zoho_id, cookie)
    return Scene(looks, {**of_subscription(row), "refused": f"/subscriptions/{row['id']}/cancellation"})


def viewer_first_day(world: World) -> Scene:
    """May look where nothing was bought yet."""
    member = world.member("early-viewer@example.com", role="viewer")
    return Scene(member, {"overview": "/", "plans": "/plans"})


def second_purchase(world: World) -> Scene:
    """About to buy something while another purchase is not finished."""
    scene = _checkout(world, "open")
    return Scene(scene.member, {**scene.paths, "second": "/checkouts/new?plan=scale-m"})


def paid_twice(world: World) -> Scene:
    """Two payment pages were open, and both were paid; and a third that was left."""
    purchase = uuid4()
    scene = _checkout(world, "completed", purchase_id=purchase, confirmed_at=world.now)
    row = world.put(
        "checkouts",
        {
            "account_id": scene.member.account_id,
            "user_id": scene.member.user_id,
            "kind": "new_subscription",
            "key": f"key-{next(world.ids)}",
            "choice": {"plan": "scale-m", "quantity": "1", "addons": [], "coupon": ""},
            "choice_hash": "other",
            "quoted": {"plan_name": "Scale", "now": "199.00", "currency": "USD"},
            "state": "completed",
            "purchase_id": purchase,
            "confirmed_at": world.now,
        },
    )
    return Scene(scene.member, {"first": scene.paths["completed"], "second": f"/checkouts/{row['id']}"})


def _checkout(world: World, state: str, **columns: object) -> Scene:
    member = world.member(f"checkout-{state}-{next(world.ids)}@example.com")
    row = world.put(
        "checkouts",
        {
            "account_id": member.account_id,
            "user_id": member.user_id,
            "kind": "new_subscription",
            "key": f"key-{next(world.ids)}",
            "choice": {"plan": "team-m", "quantity": "1", "addons": [], "coupon": ""},
            "choice_hash": "none",
            "quoted": {"plan_name": "Team", "now": "49.00", "currency": "USD"},
            "state": state,
            "hosted_page_url": "https://billing.example/hostedpage/1/checkout",
            "hosted_page_expires_at": world.now + timedelta(minutes=52),
            **columns,
        },
    )
    return Scene(member, {state: f"/checkouts/{row['id']}"})


def _act(world: World, state: str, **columns: object) -> Scene:
    member = world.member(f"act-{state}@example.com")
    subscription = world.subscription(member)
    row = world.put(
        "intents",
        {
            "key": f"key-{next(world.ids)}",
            "account_id": member.account_id,
            "user_id": member.user_id,
            "kind": "cancel",
            "subject_kind": "subscription",
            "subject_zoho_id": subscription["zoho_id"],
            "request": {},
            "request_hash": "none",
            "state": state,
            "called_at": world.now,
            **columns,
        },
    )
    pages = {state: f"/acts/{row['id']}"}
    if state == "unknown":
        pages["subscription"] = f"/subscriptions/{subscription['id']}"
    return Scene(member, pages)


def _in_state(make: Callable[..., Scene], state: str, **columns: object) -> Callable[[World], Scene]:
    return lambda world: make(world, state, **columns)


SCENES: dict[str, Callable[[World], Scene]] = {
    "trial": trial,
    "trial-expired": trial_expired,
    "payment-failed": failed,
    "unpaid": unpaid,
    "bank-payment": bank_payment,
    "scheduled-change": scheduled_change,
    "non-renewing": non_renewing,
    "paused": paused,
    "ended": ended,
    "long-names": long_names,
    "yen": yen,
    "right-to-left": right_to_left,
    "many-invoices": many_invoices,
    "one-invoice": one_invoice,
    "expiring-card": expiring_card,
    "viewer-first-day": viewer_first_day,
    "viewer": viewer,
    "checkout-preparing": _in_state(_checkout, "preparing"),
    "checkout-preparing-late": _in_state(_checkout, "preparing", problem="Zoho did not answer."),
    "checkout-open": _in_state(_checkout, "open"),
    "checkout-declined": _in_state(_checkout, "open", hosted_page_status="failed"),
    "checkout-confirming": _in_state(_checkout, "confirming"),
    "checkout-failed": _in_state(_checkout, "failed"),
    "checkout-cancelled": _in_state(_checkout, "cancelled"),
    "checkout-second": second_purchase,
    "checkout-paid-twice": paid_twice,
    "checkout-expired": _in_state(_checkout, "expired"),
    "act-unknown": _in_state(_act, "unknown"),
    "act-done": _in_state(_act, "done"),
    "act-refused": _in_state(_act, "refused", problem="Zoho has already cancelled this subscription."),
}
