"""What is wrong is said on every page: Zoho away, a failed payment, money overdue, a card about to end.

At most three sentences, worst first, each with one act. A bank payment under way silences what it will
settle (facts.md 5.3: it may take 15 days, and nothing is overdue meanwhile).
"""

from dataclasses import dataclass
from datetime import date, datetime

from flask import url_for

from portal.billing import declines, payment_method
from portal.mirror.rows import Row
from portal.mirror.situation import Situation
from portal.web import filters

MOST = 3


@dataclass(frozen=True, slots=True)
class Banner:
    """One thing that is wrong, in words, and what to do about it."""

    tone: str
    title: str
    text: str
    href: str = ""
    act: str = ""


def of(situation: Situation) -> list[Banner]:
    """Return the banners of an account, worst first."""
    under_way = [one for one in situation.open_invoices if one["ach_payment_initiated"]]
    unpaid = [one for one in situation.open_invoices if not one["ach_payment_initiated"]]
    found = [
        *([away(situation.checked_at)] if situation.is_zoho_away else []),
        *([] if under_way and not unpaid else _failed(situation, unpaid)),
        *([] if situation.troubled else _overdue(unpaid, situation.today)),
        *_under_way(under_way),
        *_expiring(situation),
    ]
    return found[:MOST]


def away(checked_at: datetime | None) -> Banner:
    """Return what is said while Zoho cannot be asked."""
    checked = f" last checked {filters.stamp(checked_at)}" if checked_at else ""
    return Banner(
        "warn",
        "The billing system is not answering right now.",
        f"You see our copy{checked}. Changes and payments open again when it answers; "
        "your subscriptions go on as they are.",
    )


def _failed(situation: Situation, unpaid: list[Row]) -> list[Banner]:
    if not situation.troubled:
        return []
    subscription = situation.troubled[0]
    title, why = _why(subscription["plan_name"] or subscription["name"], situation.last_failure)
    then = {
        "dunning": "We try again in the next days. Your subscription goes on meanwhile.",
        "unpaid": "It is not tried again by itself, and the subscription does not renew until it is paid.",
    }[subscription["status"]]
    text = f"{why} {then}".strip()
    owed = next(iter(unpaid), None)
    if owed:
        amount = filters.money(owed["balance"], owed["currency_code"])
        return [Banner("bad", title, text, _invoice(owed), f"Look at the invoice and pay {amount}")]
    there = url_for("subscriptions.show", subscription_id=subscription["id"])
    return [Banner("bad", title, text, there, "See what you can do")]


def _why(what: str, failure: Row | None) -> tuple[str, str]:
    """Say what failed, and why; the payment itself may not have been read yet, and nothing is guessed."""
    if failure is None:
        return f"The last payment for {what} failed.", ""
    digits = f" ending {failure['last_four']}" if failure["last_four"] else ""
    when = f" on {filters.day(failure['paid_on'])}" if failure["paid_on"] else ""
    reason = declines.reason(failure["gateway_error_code"])
    return f"Your card{digits} could not be charged.", f"The payment for {what}{when} failed: {reason}."


def _overdue(unpaid: list[Row], today: date) -> list[Banner]:
    late = [one for one in unpaid if one["due_date"] and one["due_date"] < today]
    if not late:
        return []
    first = late[0]
    amount = filters.money(first["balance"], first["currency_code"])
    if len(late) > 1:
        title = f"{len(late)} invoices are overdue."
        text = f"The oldest, {first['number']}, was due {filters.full_day(first['due_date'])}."
        return [Banner("bad", title, text, url_for("invoices.list_invoices", status="overdue"), "See them")]
    title = f"Invoice {first['number']} is overdue."
    text = f"{amount} was due {filters.full_day(first['due_date'])}."
    return [Banner("bad", title, text, _invoice(first), f"Look at the invoice and pay {amount}")]


def _under_way(invoices: list[Row]) -> list[Banner]:
    if not invoices:
        return []
    first = invoices[0]
    amount = filters.money(first["balance"], first["currency_code"])
    more = f" and {len(invoices) - 1} more" if len(invoices) > 1 else ""
    title = f"A bank payment of {amount} is under way."
    text = (
        f"It is for invoice {first['number']}{more}. Banks take up to 15 days to confirm it; "
        "there is nothing to do until then."
    )
    return [Banner("plain", title, text, _invoice(first), "See the invoice")]


def _expiring(situation: Situation) -> list[Banner]:
    for card in situation.cards_in_use:
        word = payment_method.word(card, situation.today)
        if word.tone == "good":
            continue
        end = filters.day(payment_method.expires_on(card))
        name = payment_method.name(card)
        verb = "expired" if word.tone == "bad" else "expires"
        return [
            Banner(
                word.tone,
                f"{name} {verb} on {end}.",
                "A subscription is charged to it: bring it up to date before the next charge.",
                url_for("payment_methods.list_payment_methods"),
                "See payment methods",
            )
        ]
    return []


def _invoice(row: Row) -> str:
    return url_for("invoices.show", invoice_id=row["id"])
