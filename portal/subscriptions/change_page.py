"""What the plan-change page stands on: the subscription, the catalogue, and the choice as it is."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal.billing.catalogue import Catalogue, Choice, Plan
from portal.billing.quote import Quote
from portal.db import transaction
from portal.mirror import acting
from portal.mirror import catalogue as mirror_catalogue
from portal.web.current import current_services, signed_in_account, signed_in_session


@dataclass(frozen=True, slots=True)
class Situation:
    """The subscription's row, what is for sale, and the date that it is for the organisation."""

    row: dict[str, Any]
    catalogue: Catalogue
    today: date

    @property
    def present_plan(self) -> Plan | None:
        """The plan that runs now, if it is still in the catalogue."""
        return self.catalogue.plans.get(self.row["plan_code"])


def read(subscription_id: UUID) -> Situation:
    """Read both in one transaction. Raises :class:`~portal.errors.NotFound`."""
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        row = acting.get_subscription(conn, subscription_id, signed_in_account().id)
        found = mirror_catalogue.read(conn)
    return Situation(row, found.catalogue, found.today)


def offers(situation: Situation) -> list[Plan]:
    """List the plans of the same product, cheapest first, the present one among them."""
    product = situation.row["product"]
    plans = [
        plan
        for plan in situation.catalogue.plans.values()
        if plan.product == product
        and plan.currency == situation.row["currency_code"]
        and (plan.is_active or plan.code == situation.row["plan_code"])
    ]
    return sorted(plans, key=lambda plan: (plan.interval.months or 0, plan.price))


def present_choice(row: dict[str, Any]) -> Choice:
    """Return what the subscription is, as the choice that would make it."""
    running = [addon for addon in row["addons"] if addon["type"] != "one_time"]
    addons = sorted((addon["code"], int(Decimal(addon["quantity"]))) for addon in running)
    return Choice(row["plan_code"], int(row["quantity"]), tuple(addons), "")


def stamp(estimate: Quote | None) -> str:
    """Return what the person saw, so that a changed price refuses the change (AC-06)."""
    if estimate is None:
        return "no estimate"
    due, after = estimate.due_today, estimate.next_total
    return f"{due.amount:.6f}/{after.amount:.6f}/{after.currency}/{estimate.next_on}"
