"""The demo company: Northwind Cloud, what it sells and a handful of customers in every state worth seeing.

Its history is not drawn, it is lived: customers sign up some months ago on a clock that stands still, and the
06:00 job runs for every day since, so invoices, payments and events agree with each other as they do later.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from sandbox import catalogue
from sandbox.api import products
from sandbox.clock import StillClock
from sandbox.engine import customers, jobs, lifecycle, methods, subscriptions
from sandbox.tx import Doc, Tx
from sandbox.world import JOB_HOUR, World

ORGANIZATION = "Northwind Cloud"
HISTORY_DAYS = 160
FRANK_LEFT, ERIN_LEAVES = 20, 10
TAX_ID, AUTHORITY_ID = "5120000000000801", "5120000000000811"
PRODUCTS = {"workspace": "Team workspace", "analytics": "Analytics"}
CARD = "4111111111111111"
FAILS_LATER = "4000000000000341"

PLANS = (
    ("team-m", "Team monthly", "49", "months", 0, "0", "workspace"),
    ("team-y", "Team yearly", "490", "years", 0, "0", "workspace"),
    ("starter-m", "Starter monthly", "19", "months", 14, "0", "workspace"),
    ("starter-y", "Starter yearly", "190", "years", 14, "0", "workspace"),
    ("scale-m", "Scale monthly", "199", "months", 0, "99", "workspace"),
    ("scale-y", "Scale yearly", "1990", "years", 0, "99", "workspace"),
    ("free", "Free", "0", "months", 0, "0", "workspace"),
    ("analytics-m", "Analytics monthly", "29", "months", 0, "0", "analytics"),
    ("analytics-y", "Analytics yearly", "290", "years", 0, "0", "analytics"),
)
ADDONS = (
    ("seat-m", "Extra seat", "9", "recurring", "monthly", ("team-m", "starter-m", "scale-m")),
    ("seat-y", "Extra seat (yearly)", "90", "recurring", "yearly", ("team-y", "starter-y", "scale-y")),
    ("storage-m", "Extra storage", "5", "recurring", "monthly", ("team-m", "starter-m", "scale-m")),
    ("onboarding", "Onboarding session", "250", "one_time", "", ()),
)
COUPONS = (
    ("WELCOME20", "20 % off the first invoice", "20", "one_time", 0),
    ("HALF3", "Half price for three months", "50", "duration", 3),
    ("FOREVER10", "10 % off for good", "10", "forever", 0),
    ("EXPIRED5", "A coupon of last year", "5", "one_time", 0),
)
# days ago, name, e-mail, plan, card or bank, what else the subscription asks for
PEOPLE: tuple[tuple[int, str, str, str, str, dict[str, Any]], ...] = (
    (
        155,
        "Ada Lovelace",
        "ada@example.com",
        "team-m",
        CARD,
        {"addons": [{"addon_code": "seat-m", "quantity": 2}]},
    ),
    (120, "Frank Ramsey", "frank@example.com", "starter-m", CARD, {}),
    (100, "Ivan Sutherland", "ivan@example.com", "analytics-m", CARD, {"cycles": 2}),
    (70, "Erin Brockovich", "erin@example.com", "team-y", "5555555555554444", {"coupon_code": "WELCOME20"}),
    (45, "Heidi Lamarr", "heidi@example.com", "analytics-m", "", {}),
    (33, "Carol Shaw", "carol@example.com", "scale-m", FAILS_LATER, {}),
    (5, "Dave Cutler", "dave@example.com", "starter-m", CARD, {}),
    (3, "Grace Hopper", "grace@example.com", "team-y", "bank", {}),
)


def seed(world: World, tx: Tx, name: str, previous: Tx | None = None) -> None:
    """Fill a fresh world; `empty` gets an organisation and nothing else."""
    tx.set_meta("organization_name", ORGANIZATION)
    if name == "demo":
        now = world.clock.now()
        past = copy.copy(world)
        past.clock = StillClock(world.settings.time_zone, now - timedelta(days=HISTORY_DAYS))
        goods(past, tx)
        _live(past, tx, HISTORY_DAYS)


def goods(world: World, tx: Tx) -> None:
    """A tax, products, plans, addons and coupons."""
    _taxes(world, tx)
    made = {key: _product(world, tx, name) for key, name in PRODUCTS.items()}
    for code, name, price, unit, trial, fee, product in PLANS:
        plan: Doc = {"plan_id": tx.next_id(), "code": code, "name": name, "price": price, "interval": 1}
        plan |= {"interval_unit": unit, "trial_days": trial, "setup_fee": fee, "cycles": -1}
        _coded(world, tx, "plans", plan | {"product_id": made[product], "tax_id": TAX_ID})
    for code, name, price, kind, unit, plans in ADDONS:
        addon: Doc = {"addon_id": tx.next_id(), "code": code, "name": name, "type": kind, "scheme": "unit"}
        addon |= {"brackets": [{"price": price}], "interval_unit": unit, "unit_name": "seat"}
        addon |= {"plans": list(plans), "all_plans": not plans, "product_id": made["workspace"]}
        _coded(world, tx, "addons", addon | {"tax_id": TAX_ID})
    for code, name, value, kind, duration in COUPONS:
        coupon: Doc = {"coupon_id": tx.next_id(), "code": code, "name": name, "discount_value": value}
        coupon |= {"type": kind, "duration": duration, "discount_by": "percentage", "max_redemption": 0}
        last = (world.clock.today() - timedelta(days=200)).isoformat() if code == "EXPIRED5" else ""
        _coded(world, tx, "coupons", coupon | {"product_id": made["workspace"], "expiry_at": last})


def _taxes(world: World, tx: Tx) -> None:
    name, id_ = "Department of Revenue", AUTHORITY_ID
    authority = {"tax_authority_id": id_, "tax_authority_name": name, "description": ""}
    tax = {"tax_id": TAX_ID, "name": "Sales tax", "percentage": format(world.settings.tax_percentage, "f")}
    tx.put("tax_authorities", id_, authority)
    tx.put("taxes", TAX_ID, tax | {"authority_id": id_, "authority_name": name})


def _product(world: World, tx: Tx, name: str) -> str:
    id_ = tx.next_id()
    products.save(world, tx, _new(world, {"product_id": id_, "name": name, "description": ""}))
    return id_


def _live(past: World, tx: Tx, days: int) -> None:
    start = past.clock.now()
    for passed in range(days + 1):
        day = (start + timedelta(days=passed)).date()
        morning, evening = past.clock.at(day, JOB_HOUR), start + timedelta(days=passed)
        past.clock.advance_to(max(past.clock.now(), min(morning, start + timedelta(days=days))))
        if morning <= start + timedelta(days=days):
            jobs.run_day(past, tx, day)
        past.clock.advance_to(max(past.clock.now(), evening))
        _sign_up(past, tx, days - passed)


def _sign_up(past: World, tx: Tx, days_ago: int) -> None:
    for when, name, email, plan, payment, more in PEOPLE:
        if when == days_ago:
            _customer(past, tx, name, email, plan, payment, dict(more))
    if days_ago == FRANK_LEFT:
        sub = _of(tx, "frank@example.com")
        lifecycle.cancel(past, tx, sub["subscription_id"], at_end=False, source="user")
    if days_ago == ERIN_LEAVES:
        sub = _of(tx, "erin@example.com")
        lifecycle.cancel(past, tx, sub["subscription_id"], at_end=True, source="user")


def _customer(past: World, tx: Tx, name: str, email: str, plan: str, payment: str, more: Doc) -> None:
    first, _, last = name.partition(" ")
    address = {"street": "1 Main Street", "city": "Boston", "state": "MA", "zip": "02101", "country": "U.S.A"}
    person = {
        "display_name": name,
        "first_name": first,
        "last_name": last,
        "email": email,
        "billing_address": address,
    }
    customer = customers.create(past, tx, person, "user")
    body: Doc = {"customer_id": customer["customer_id"], "plan": {"plan_code": plan}, **more}
    if cycles := more.pop("cycles", 0):
        body["plan"]["billing_cycles"] = cycles
    year = past.clock.today().year + 4
    if payment == "bank":
        account = methods.add_bank_account(
            past, tx, customer["customer_id"], "110000000", "000123456789", name=name
        )
        body["account_id"] = account["method_id"]
    elif payment:
        card = methods.add_card(
            past, tx, customer["customer_id"], payment, 12, year, name=name, address=address
        )
        body["card_id"] = card["method_id"]
    else:
        body["payment_terms"] = 15
    subscriptions.create(past, tx, body, "user")


def _of(tx: Tx, email: str) -> Doc:
    customer = tx.find("customers", where={"email": email})[0]
    return tx.find("subscriptions", where={"customer_id": customer["customer_id"]})[0]


def _new(world: World, doc: Doc) -> Doc:
    return doc | {"status": "active", "created": world.clock.stamp(), "updated": world.clock.stamp()}


def _coded(world: World, tx: Tx, kind: str, doc: Doc) -> None:
    catalogue.save(tx, kind, _new(world, doc))
