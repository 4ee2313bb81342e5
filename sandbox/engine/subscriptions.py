"""Subscriptions: how one is asked for, kept and priced.  What then happens to it is in `lifecycle` and
`renewals`.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox import catalogue, dates, fields
from sandbox.engine import announce, billing, customers, methods, pricing
from sandbox.errors import bad, refused, unknown
from sandbox.fields import as_id
from sandbox.money import text
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

RUNNING = ("live", "trial", "future", "dunning", "unpaid", "non_renewing", "paused")
NEVER = "9999-12-31"


def get(tx: Tx, subscription_id: object) -> Doc:
    """One subscription, or Zoho's refusal."""
    doc = tx.get("subscriptions", as_id(subscription_id))
    if doc is None:
        raise unknown("subscriptions")
    return doc


def create(world: World, tx: Tx, body: Doc, source: str = "api") -> Doc:
    """A new subscription as POST /subscriptions asks for it: future, trial or live, billed and charged.

    A refused first charge raises `Declined` and leaves nothing behind, or (setting `failed_payment=stored`)
    leaves a subscription that says `creation_failed`.
    """
    customer = _customer(world, tx, body, source)
    sub = blank(world, tx, customer)
    choose_items(world, tx, sub, body)
    _choose_terms(tx, sub, body)
    choose_collection(tx, sub, body)
    starts = fields.day(body, "starts_at", world.clock.today()) or world.clock.today()
    sub["backdated"] = starts < world.clock.today()
    sub["starts_at"] = starts.isoformat()
    save(world, tx, sub)
    announce.activity(world, tx, sub["subscription_id"], "Subscription created.")
    return billing.begin(world, tx, sub, starts, body, source)


def blank(world: World, tx: Tx, customer: Doc) -> Doc:
    """A subscription with nothing chosen."""
    return {
        "subscription_id": tx.next_id(),
        "number": tx.next_number("SUB-"),
        "customer_id": customer["customer_id"],
        "currency": customer["currency"],
        "status": "future",
        "created": world.clock.stamp(),
        "created_at": world.clock.today().isoformat(),
    }


def choose_items(world: World, tx: Tx, sub: Doc, body: Doc, old: Doc | None = None) -> None:
    """Plan, addons and coupon from a request body; `old` is the subscription being changed."""
    asked = fields.inner(body, "plan")
    code = fields.string(asked, "plan_code")
    keeps = old is not None and old["plan"]["code"] == code
    plan = catalogue.named(tx, "plans", code) if keeps else catalogue.sellable(tx, "plans", code)
    sub["plan"] = _plan(plan, asked, old["plan"] if old and keeps else None)
    sub["product_id"] = plan["product_id"]
    sub["interval"], sub["interval_unit"] = plan["interval"], plan["interval_unit"]
    sub["addons"], sub["one_time"] = [], []
    held = [each["code"] for each in old.get("addons", [])] if old else []
    for each in fields.objects(body, "addons"):
        look = catalogue.named if each.get("addon_code") in held else catalogue.sellable
        addon = look(tx, "addons", each.get("addon_code"))
        fits = addon.get("all_plans", True) or code in addon.get("plans", [])
        if not fits:
            raise refused("The addon is not applicable to the plan.")
        sub["addons" if addon["type"] == "recurring" else "one_time"].append(addon_item(addon, each))
    if coupon_code := fields.string(body, "coupon_code"):
        sub["coupon"] = redeem(world, tx, coupon_code, sub)


def addon_item(addon: Doc, asked: Doc) -> Doc:
    """An addon as a subscription holds it."""
    price = fields.amount(asked, "price")
    return {
        "code": addon["code"],
        "quantity": fields.whole(asked, "quantity", 1, least=1),
        "price": None if price is None else text(price),
        "description": fields.string(asked, "addon_description"),
        **customers.item_fields(asked),
    }


def redeem(world: World, tx: Tx, code: str, sub: Doc) -> Doc:
    """Take a coupon: it must be active, in time, of the same product and not used up."""
    coupon = catalogue.named(tx, "coupons", code)
    today = world.clock.today().isoformat()
    if coupon["status"] != "active" or (coupon.get("expiry_at") and today > coupon["expiry_at"]):
        raise refused("The coupon has expired or is inactive.")
    if coupon["product_id"] != sub["product_id"]:
        raise refused("The coupon is not applicable to the plan.")
    limit, used = coupon.get("max_redemption") or 0, coupon.get("redeemed", 0)
    if limit and used >= limit:
        raise refused("The coupon has reached its maximum number of redemptions.")
    catalogue.save(tx, "coupons", coupon | {"redeemed": used + 1})
    remaining = {"one_time": 1, "duration": coupon.get("duration", 1), "forever": -1}[coupon["type"]]
    return {"code": coupon["code"], "remaining": remaining}


def plan_renamed(world: World, tx: Tx, old: str, new: str) -> None:
    """A plan has another code: its subscriptions go on under it."""
    if old != new:
        for sub in tx.find("subscriptions", where={"plan_code": old}):
            sub["plan"]["code"] = new
            save(world, tx, sub)


def addon_renamed(world: World, tx: Tx, old: str, new: str) -> None:
    """As `plan_renamed`, for an addon."""
    if old != new:
        for sub in addon_holders(tx, old):
            sub["addons"] = [each | {"code": new} if each["code"] == old else each for each in sub["addons"]]
            save(world, tx, sub)


def addon_holders(tx: Tx, code: str) -> list[Doc]:
    """The subscriptions that hold an addon; rarely asked, so it may look at all of them."""
    return [sub for sub in tx.find("subscriptions") if any(e["code"] == code for e in sub.get("addons", []))]


def save(world: World, tx: Tx, sub: Doc) -> Doc:
    """Write a subscription with its price and the day on which something happens to it next."""
    sub["updated"] = world.clock.stamp()
    reprice(tx, sub)
    tx.put(
        "subscriptions",
        sub["subscription_id"],
        sub,
        customer_id=sub["customer_id"],
        status=sub["status"],
        running=int(sub["status"] in RUNNING),
        number=sub["number"],
        plan_code=sub["plan"]["code"],
        reference=sub.get("reference_id", ""),
        auto=int(sub["auto_collect"]),
        due=due_day(world, sub),
        cancelled=sub.get("cancelled_at", ""),
        updated=sub["updated"],
        method_id=sub.get("method_id", ""),
    )
    return sub


def reprice(tx: Tx, sub: Doc) -> None:
    """What a term costs as things stand."""
    customer = customers.get(tx, sub["customer_id"])
    sums = pricing.totals(tx, pricing.recurring(tx, sub, sub["currency"]), customer)
    sub["amount"], sub["sub_total"] = sums["total"], sums["sub_total"]
    sub["taxes"], sub["discount"] = sums["taxes"], sums["discount"]


def due_day(world: World, sub: Doc) -> str:
    """The next day on which the 06:00 job must look at the subscription."""
    status, days = sub["status"], []
    if status == "future":
        days.append(sub["starts_at"])
    if status == "trial":
        days += [sub["trial_ends_at"], _ahead(world, sub, "trial_ends_at")]
    if status in ("live", "non_renewing", "dunning"):
        days += [sub["term_ends_at"], _ahead(world, sub, "term_ends_at"), sub.get("pause_at", "")]
    if status == "dunning":
        days.append(sub["dunning"]["next_at"])
    if status == "paused":
        days.append(sub.get("resume_at", ""))
    if status.startswith("cancelled"):
        days.append(sub.get("reactivates_at", ""))
    return min((each for each in days if each), default=NEVER)


def _ahead(world: World, sub: Doc, name: str) -> str:
    if sub.get("noticed") == sub[name]:
        return ""
    return dates.add(date.fromisoformat(sub[name]), -world.settings.ahead_days, "days").isoformat()


def _customer(world: World, tx: Tx, body: Doc, source: str) -> Doc:
    given = fields.string(body, "customer_id")
    if not given and isinstance(body.get("customer"), dict):
        given = fields.string(body["customer"], "customer_id")
    if given:
        customer = customers.get(tx, given)
        if customer["status"] != "active":
            raise refused("The customer is inactive.")
        return customer
    if not body.get("customer"):
        raise unknown("customers")
    return customers.create(world, tx, fields.inner(body, "customer"), source)


def _plan(plan: Doc, asked: Doc, old: Doc | None) -> Doc:
    price = fields.amount(asked, "price")
    own = price is not None or bool(old and old.get("own_price"))
    kept_price = old["price"] if old and own else plan["price"]
    fee = fields.amount(asked, "setup_fee")
    made: Doc = {
        "code": plan["code"],
        "name": plan["name"],
        "price": text(price) if price is not None else kept_price,
        "quantity": fields.whole(asked, "quantity", old["quantity"] if old else 1, least=1),
        "setup_fee": text(fee) if fee is not None else (old or plan).get("setup_fee", "0"),
        "tax_id": fields.string(asked, "tax_id") or plan.get("tax_id", ""),
        "description": fields.string(asked, "plan_description") or (old or {}).get("description", ""),
        "trial_days": _trial(plan, asked),
    }
    if own:
        made["own_price"] = True
    if fields.flag(asked, "exclude_setup_fee", default=False):
        made["setup_fee"] = "0"
    kept = {"custom_fields": old["custom_fields"]} if old and "custom_fields" in old else {}
    return made | (customers.item_fields(asked) or kept)


def _trial(plan: Doc, asked: Doc) -> int:
    given = fields.whole(asked, "trial_days", -1, least=-1)
    if given >= 0:
        return given  # a trial asked for by name counts even beside exclude_trial (facts.md 3.4)
    return 0 if fields.flag(asked, "exclude_trial", default=False) else int(plan.get("trial_days", 0))


def _choose_terms(tx: Tx, sub: Doc, body: Doc) -> None:
    asked = fields.inner(body, "plan")
    cycles = fields.whole(asked, "billing_cycles", -1, least=-1)
    sub["cycles"] = cycles if cycles > 0 else -1
    sub["cycles_done"] = 0
    sub["reference_id"] = fields.string(body, "reference_id")
    sub["salesperson"] = ""
    sub["custom_fields"] = customers.custom_fields([], fields.objects(body, "custom_fields"))
    sub["setup_fee_first"] = False
    choose_details(tx, sub, body)


def choose_details(tx: Tx, sub: Doc, body: Doc) -> None:
    """What a request says beside items and money; what it does not name stays as it is."""
    if body.get("contactpersons") is not None:
        given = fields.objects(body, "contactpersons")
        sub["persons"] = customers.persons_of(tx, sub["customer_id"], given)
    if body.get("salesperson_name") is not None:
        sub["salesperson"] = fields.string(body, "salesperson_name")
    if body.get("payment_terms") not in (None, ""):
        sub["payment_terms"] = fields.whole(body, "payment_terms", 0, least=-5, most=3650)
    if body.get("payment_terms_label") not in (None, ""):
        sub["payment_terms_label"] = fields.string(body, "payment_terms_label")
    if gateways := fields.objects(body, "payment_gateways"):
        sub["gateways"] = [fields.string(each, "payment_gateway") for each in gateways]
    fee_first = fields.flag(body, "can_charge_setup_fee_immediately", default=sub["setup_fee_first"])
    sub["setup_fee_first"] = fee_first
    partial = fields.flag(body, "allow_partial_payments", default=sub.get("partial_payments", False))
    sub["partial_payments"] = partial


def choose_collection(tx: Tx, sub: Doc, body: Doc) -> None:
    method_id = fields.string(body, "card_id") or fields.string(body, "account_id")
    sub["auto_collect"] = fields.flag(body, "auto_collect", default=bool(method_id))
    sub["method_id"] = ""
    if method_id:
        kind = "card" if fields.string(body, "card_id") else "bank"
        sub["method_id"] = methods.get(tx, method_id, kind, sub["customer_id"])["method_id"]
    elif sub["auto_collect"]:
        raise bad("card_id")
