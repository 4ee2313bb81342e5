"""The shop window: plans grouped by product, one interval at a time, with what each longer one saves."""

from dataclasses import dataclass

from portal.billing.catalogue import Catalogue, Plan
from portal.billing.interval import Interval
from portal.billing.summary import saving_percent


@dataclass(frozen=True, slots=True)
class Owned:
    """A running subscription of the account, as far as the shop window cares."""

    subscription_id: str
    plan_code: str
    product: str
    may_change: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """One plan in the window. ``owned`` is the account's running subscription to the same product."""

    plan: Plan
    saving: int | None
    owned: Owned | None

    @property
    def is_current(self) -> bool:
        """Whether this very plan is running."""
        return self.owned is not None and self.owned.plan_code == self.plan.code


@dataclass(frozen=True, slots=True)
class Shelf:
    """The offers of one product."""

    name: str
    offers: tuple[Offer, ...]


def intervals(catalogue: Catalogue) -> list[Interval]:
    """List the intervals on offer, shortest first; free plans belong to every one of them."""
    found = {plan.interval for plan in catalogue.plans.values() if plan.is_active and not plan.is_free}
    return sorted(found, key=lambda interval: (interval.months or 0, interval.unit, interval.count))


def shelves(catalogue: Catalogue, interval: Interval, owned: list[Owned]) -> list[Shelf]:
    """Group what is sold at ``interval`` by product, cheapest first."""
    by_product: dict[str, list[Offer]] = {}
    running = {one.product: one for one in owned}
    for plan in catalogue.plans.values():
        if plan.is_active and (plan.interval == interval or plan.is_free):
            offer = Offer(plan, _saving(catalogue, plan), running.get(plan.product))
            by_product.setdefault(plan.product, []).append(offer)
    names = catalogue.products
    found = [
        Shelf(names.get(product, ""), tuple(sorted(offers, key=lambda offer: offer.plan.price)))
        for product, offers in by_product.items()
    ]
    return sorted(found, key=lambda shelf: (-len(shelf.offers), shelf.name))


def best_saving(catalogue: Catalogue, interval: Interval) -> int | None:
    """Return the largest saving that ``interval`` brings over a shorter one, for the switch."""
    savings = [
        _saving(catalogue, plan)
        for plan in catalogue.plans.values()
        if plan.is_active and plan.interval == interval
    ]
    return max((saving for saving in savings if saving), default=None)


def _saving(catalogue: Catalogue, plan: Plan) -> int | None:
    """Compare with the shorter sister: same product, same name but for the interval's word."""
    savings = [
        saving_percent(other, plan)
        for other in catalogue.plans.values()
        if other.is_active and other.product == plan.product and _stem(other) == _stem(plan)
    ]
    return max((saving for saving in savings if saving), default=None)


def _stem(plan: Plan) -> str:
    words = plan.name.lower().replace(plan.interval.adjective, "").split()
    return " ".join(words)
