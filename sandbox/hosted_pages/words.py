"""What the hosted page says: titles, amounts, buttons and refusals, in words a worried person understands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.errors import Declined
from sandbox.hosted_pages.acts import takes_bank
from sandbox.hosted_pages.amounts import shown
from sandbox.hosted_pages.payment import Entered
from sandbox.hosted_pages.rehearsal import Quote
from sandbox.money import dec
from sandbox.tx import Doc
from sandbox.world import World

MERCHANT = "Northwind Cloud"  # before the organisation has a name
OVER = ("non_renewing", "cancelled", "cancelled_from_dunning", "expired")
UNITS = {"days": "day", "weeks": "week", "months": "month", "years": "year"}
BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "discover": "Discover"}
TITLES = {
    "newsubscription": "Subscribe to {plan}",
    "updatesubscription": "Change to {plan}",
    "updatecard": "Change how you pay for {plan}",
    "buyonetimeaddon": "Add to {plan}",
    "addpaymentmethod": "Add a payment method",
    "invoicepayment": "Pay invoice {invoice}",
    "updatepaymentmethod": "Update your payment method",
}
REASONS = {
    "insufficient_funds": "there is not enough money on it",
    "card_expired": "it has expired",
    "do_not_honor": "the bank refused it without saying why",
    "processing_error": "the bank could not process it just now",
}
CLOSED = {
    "unknown": (
        "There is no such page",
        "Check the address, or go back to the site you came from and start again.",
    ),
    "expired": (
        "This page has expired",
        (
            "For your safety it was open for one hour. Nothing was charged. "
            "Go back to the site you came from and start again."
        ),
    ),
    "cancelled": (
        "You cancelled",
        (
            "Nothing was charged and nothing was saved. "
            "You can close this page and go back to the site you came from."
        ),
    ),
    "success": ("Done. Thank you", "Everything on this page is complete. There is nothing more to do here."),
    "impossible": (
        "This page cannot be completed",
        (
            "Something changed since it was made. Nothing was charged. "
            "Go back to the site you came from and start again."
        ),
    ),
}


def merchant(world: World) -> str:
    """The name above the page."""
    return world.store.meta("organization_name") or MERCHANT


def day(text: str) -> str:
    """A date in full words."""
    read = date.fromisoformat(text[:10])
    return f"{read.day} {read:%B %Y}"


def declined(decline: Declined, entered: Entered) -> str:
    """Why the bank said no, and what to do."""
    what = f"Your card ending {entered.last_four}" if entered.card else "This payment method"
    reason = REASONS.get(decline.reason, "the bank refused it")
    return f"{what} was declined: {reason}. Nothing was charged. Try again, or use another card."


def method_name(method: Doc) -> str:
    """A method on file, as its owner knows it."""
    if method["type"] == "bank":
        return f"Bank account ending {method['last_four']}"
    brand = BRANDS.get(method.get("brand", ""), "Card")
    expiry = f"{method['expiry_month']:02d}/{method['expiry_year'] % 100:02d}"
    return f"{brand} ending {method['last_four']}, expires {expiry}"


@dataclass(frozen=True)
class Page:
    """The words of one open page."""

    world: World
    page: Doc
    quote: Quote

    @property
    def merchant(self) -> str:
        return merchant(self.world)

    @property
    def title(self) -> str:
        sub = self.quote.subscription
        plan = sub["plan"]["name"] if sub else "your subscription"
        return TITLES[self.page["kind"]].format(plan=plan, invoice=self.quote.invoice)

    @property
    def buys(self) -> bool:
        """Whether anything is sold here, rather than a method saved."""
        return self.page["kind"] in (
            "newsubscription",
            "updatesubscription",
            "buyonetimeaddon",
            "invoicepayment",
        )

    @property
    def on_file(self) -> list[Doc]:
        """Methods to choose from; a page that adds or edits one offers none."""
        return self.quote.methods if self.buys or self.page["kind"] == "updatecard" else []

    @property
    def asks(self) -> str:
        """The question above the choice."""
        if self.page["kind"] == "updatepaymentmethod":
            return "The new card" if self.takes("card") else "The new bank account"
        return "How do you want to pay?" if self.buys else "Which method do you want to use?"

    def takes(self, kind: str) -> bool:
        """Editing a card asks for a card; a bank account is offered where the customer may pay by one."""
        asked = self.page["asked"]
        if self.page["kind"] != "updatepaymentmethod":
            return kind == "card" or takes_bank(self.quote.customer)
        return bool(asked.get("card_id")) == (kind == "card")

    @property
    def due(self) -> str:
        return self.money(self.quote.due)

    @property
    def button(self) -> str:
        if not self.buys:
            return "Use this method" if self.page["kind"] == "updatecard" else "Save this method"
        if self.quote.due > 0:
            return f"Pay {self.due} now"
        if self.page["kind"] == "newsubscription":
            return "Start my free trial" if self.trial_ends else "Start my subscription"
        return "Confirm the change"

    @property
    def trial_ends(self) -> str:
        sub = self.quote.subscription
        return day(sub["trial_ends_at"]) if sub and sub["status"] == "trial" else ""

    @property
    def period(self) -> str:
        """What the amounts are for, where they are no full term's."""
        sub = self.quote.subscription or {}
        starts, ends = sub.get("term_starts_at", ""), sub.get("term_ends_at", "")
        today = self.world.clock.today().isoformat()
        if self.page["kind"] != "updatesubscription" or not starts or starts >= today or "from" in sub:
            return ""
        return f"For the rest of your term, until {day(ends)}."

    @property
    def credit(self) -> str:
        """Where the credit comes from."""
        changes = self.page["kind"] == "updatesubscription"
        return "Credit for the days you have not used" if changes else "Credit on your account"

    @property
    def later(self) -> str:
        """What comes after today, in one sentence."""
        sub = self.quote.subscription
        if self.quote.replaces:
            return f"It takes the place of this one: {method_name(self.quote.replaces)}."
        if not sub or sub["status"] in OVER:
            return ""
        amount = f"{self.money(dec(sub['amount']))} {self.every}"
        if self.page["kind"] == "updatecard":
            return self._next_charge(sub, amount)
        if self.page["kind"] not in ("newsubscription", "updatesubscription"):
            return ""
        if sub.get("from"):
            return f"Nothing changes before {day(sub['from'])}. From then on you pay {amount}."
        if self.trial_ends:
            return f"Free until {self.trial_ends}, then {amount}. Cancel before and you pay nothing."
        starts = sub.get("next_billing_at") or sub.get("starts_at", "")
        return f"Then {amount}, next on {day(starts)}." if starts else ""

    def _next_charge(self, sub: Doc, amount: str) -> str:
        """When the method that is chosen here is used first."""
        if sub["status"] == "dunning":
            again = day(sub["dunning"]["next_at"])
            return f"Your last payment failed. The next try, on {again}, uses the method you choose here."
        starts = sub["trial_ends_at"] if sub["status"] == "trial" else sub.get("next_billing_at", "")
        if not starts:
            return ""
        return f"You pay {amount}. The next payment, on {day(starts)}, uses the method you choose here."

    @property
    def every(self) -> str:
        sub = self.quote.subscription or {}
        count, unit = int(sub.get("interval", 1)), UNITS.get(str(sub.get("interval_unit")), "term")
        return f"a {unit}" if count == 1 else f"every {count} {unit}s"

    def money(self, amount: Decimal) -> str:
        return shown(amount, self.quote.currency)

    def method_name(self, method: Doc) -> str:
        return method_name(method)
