"""What is for sale: plans, addons, coupons as the mirror has them, and what a person may combine.

Prices are per unit and interval, before tax, in the currency of the plan, as Decimals in major units.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.billing.interval import Interval
from portal.billing.pricing import BY_THE_UNIT, Pricing
from portal.errors import Refused

MAX_QUANTITY = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that is on sale, or was."""

    code: str
    name: str
    product: str
    description: str
    price: Decimal
    setup_fee: Decimal
    currency: str
    interval: Interval
    trial_days: int
    billing_cycles: int
    tax_percentage: Decimal | None
    tax_name: str
    unit: str
    is_active: bool
    pricing: Pricing = BY_THE_UNIT

    @property
    def is_free(self) -> bool:
        """Whether nothing is ever charged for it by itself."""
        return self.price == 0 and self.setup_fee == 0 and self.pricing.is_simple

    def amount(self, quantity: int) -> Decimal | None:
        """Return what so many cost a term before tax; None where its brackets do not tell."""
        return self.pricing.amount(self.price, quantity)


@dataclass(frozen=True, slots=True)
class Addon:
    """Something bought on top of a plan, once or with every term."""

    code: str
    name: str
    product: str
    description: str
    price: Decimal
    is_recurring: bool
    interval_unit: str
    unit: str
    plan_codes: frozenset[str]
    tax_percentage: Decimal | None
    is_active: bool
    pricing: Pricing = BY_THE_UNIT

    def amount(self, quantity: int) -> Decimal | None:
        """Return what so many cost before tax; None where its brackets do not tell."""
        return self.pricing.amount(self.price, quantity)

    def fits(self, plan: Plan) -> bool:
        """Tell whether this may be bought with ``plan`` (same product, allowed, same interval unit)."""
        if not self.is_active or (self.product and plan.product and self.product != plan.product):
            return False
        if self.plan_codes and plan.code not in self.plan_codes:
            return False
        return not self.is_recurring or self.interval_unit in ("", plan.interval.unit)


@dataclass(frozen=True, slots=True)
class Coupon:
    """A discount by code."""

    code: str
    name: str
    product: str
    is_percentage: bool
    value: Decimal
    redemption: str
    duration: int | None
    max_redemption: int | None
    redemption_count: int | None
    expires_on: date | None
    status: str
    plan_codes: frozenset[str]
    addon_codes: frozenset[str]
    applies_to_all_addons: bool
    # Zoho's words for more than a list of codes: "none" for plans; "all_recurring", "all_onetime" for addons.
    plans_word: str = ""
    addons_word: str = ""

    def refusal(self, plan: Plan, today: date) -> str | None:
        """Say why this coupon cannot be used with ``plan`` today, or None when it can."""
        if self.status.lower() == "expired" or (self.expires_on is not None and self.expires_on < today):
            return f"The code {self.code} has expired. Remove it or use another one."
        if self.status.lower() not in ("", "active"):
            return f"The code {self.code} is no longer valid. Remove it or use another one."
        if self._is_used_up():
            return f"The code {self.code} has been used up. Remove it or use another one."
        if not self._covers(plan):
            return f"The code {self.code} is not valid for {plan.name}. Remove it or choose another plan."
        return None

    def discounts_plan(self) -> bool:
        """Tell whether the plan itself gets cheaper, and not its addons only."""
        return self.plans_word != "none"

    def discounts_addon(self, code: str, *, is_recurring: bool) -> bool:
        """Tell whether this addon gets cheaper."""
        by_kind = {"all_recurring": is_recurring, "all_onetime": not is_recurring, "none": False}
        if self.addons_word in by_kind:
            return by_kind[self.addons_word]
        return self.applies_to_all_addons or code in self.addon_codes

    def _is_used_up(self) -> bool:
        limit = self.max_redemption
        return bool(limit and limit > 0 and (self.redemption_count or 0) >= limit)

    def _covers(self, plan: Plan) -> bool:
        if self.product and plan.product and self.product != plan.product:
            return False
        return not self.plan_codes or plan.code in self.plan_codes

    @property
    def effect(self) -> str:
        """Say for how long it discounts."""
        if self.redemption == "forever":
            return "on every invoice"
        if self.redemption == "duration" and self.duration:
            return f"on the first {self.duration} invoices" if self.duration > 1 else "on the first invoice"
        return "on the first invoice"


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to buy, by codes. Equal choices are the same purchase."""

    plan_code: str
    quantity: int = 1
    addons: tuple[tuple[str, int], ...] = ()
    coupon_code: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it for storage; :meth:`from_json` is the way back."""
        return {
            "plan": self.plan_code,
            "quantity": self.quantity,
            "addons": [[code, quantity] for code, quantity in self.addons],
            "coupon": self.coupon_code,
        }

    @classmethod
    def from_json(cls, stored: dict[str, object]) -> "Choice":
        """Read what :meth:`as_json` wrote."""
        addons = stored["addons"]
        assert isinstance(addons, list)  # noqa: S101 - our own column
        return cls(
            str(stored["plan"]),
            int(str(stored["quantity"])),
            tuple((str(code), int(quantity)) for code, quantity in addons),
            str(stored["coupon"]),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice with the things it names looked up: all exist, are on sale and fit together."""

    choice: Choice
    plan: Plan
    addons: tuple[tuple[Addon, int], ...]
    coupon: Coupon | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything for sale at one moment."""

    plans: dict[str, Plan]
    addons: dict[str, Addon]
    coupons: dict[str, Coupon]
    products: dict[str, str]

    def addons_for(self, plan: Plan) -> list[Addon]:
        """List the addons that may be bought with ``plan``, recurring ones first."""
        fitting = [addon for addon in self.addons.values() if addon.fits(plan)]
        return sorted(fitting, key=lambda addon: (not addon.is_recurring, addon.name))

    def select(self, choice: Choice, today: date) -> Selection:
        """Look the choice up. Raises :class:`Refused` with what to do when it cannot be bought."""
        plan = self.plans.get(choice.plan_code)
        if plan is None or not plan.is_active:
            raise Refused("That plan is no longer offered. Choose another one.")
        if not 1 <= choice.quantity <= MAX_QUANTITY:
            raise Refused(f"Enter a quantity between 1 and {MAX_QUANTITY}.")
        if plan.amount(choice.quantity) is None:
            raise Refused(f"{plan.name} is not sold in this quantity. Choose another one.")
        addons = tuple((self._addon(code, plan, quantity), quantity) for code, quantity in choice.addons)
        return Selection(choice, plan, addons, self._coupon(choice.coupon_code, plan, today))

    def _addon(self, code: str, plan: Plan, quantity: int) -> Addon:
        addon = self.addons.get(code)
        if addon is None or not addon.fits(plan):
            raise Refused(f"That addon cannot be bought with {plan.name}. Open the plan again.")
        if addon.amount(quantity) is None:
            raise Refused(f"{addon.name} is not sold in this quantity. Choose another one.")
        return addon

    def _coupon(self, code: str, plan: Plan, today: date) -> Coupon | None:
        if not code:
            return None
        coupon = self.coupons.get(code) or self.coupons.get(code.upper())
        if coupon is None:
            raise UnknownCoupon(f"We do not know the code {code}. Check its spelling or remove it.")
        refusal = coupon.refusal(plan, today)
        if refusal is not None:
            raise UnknownCoupon(refusal)
        return coupon


class UnknownCoupon(Refused):
    """That coupon code cannot be used. Remove it or use another one."""
