"""Which staff acts a page offers for its subject, with the fields that are already known."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.store import Doc

Ask = tuple[str, str, str]
ENDED = {"cancelled", "expired", "trial_expired", "cancelled_from_dunning", "creation_failed"}


@dataclass(frozen=True)
class Offer:
    """One act: its kind, the button's words, what is known, and what is asked (name, words, value)."""

    kind: str
    label: str
    fields: dict[str, str]
    ask: list[Ask] = field(default_factory=list)


def of(kind: str, subject: Doc) -> list[Offer]:
    """The acts that make sense for this subject now."""
    makers = {"customers": customer, "subscriptions": subscription, "invoices": invoice}
    return makers[kind](subject)


def customer(subject: Doc) -> list[Offer]:
    known = {"customer_id": subject["customer_id"]}
    return [
        Offer("edit_customer", "Change the name", known, [("display_name", "Name", subject["display_name"])]),
        Offer("edit_customer", "Change the mail address", known, [("email", "Mail", subject["email"])]),
        Offer("merge_customers", "Merge into another", known, [("into", "Id of the other customer", "")]),
        Offer("delete_customer", "Delete, if nothing was ever billed", known),
    ]


def method(doc: Doc) -> Doc:
    """A customer's payment method: its words, its use, and what staff can do with it."""
    card = doc["type"] == "card"
    known = {"card_id" if card else "account_id": doc["method_id"]}
    ending = f"ending {doc['last_four']}"
    expiry = f", {doc['expiry_month']:02d}/{doc['expiry_year']}" if card else ""
    use = "primary" if doc.get("is_primary") else "backup" if doc.get("is_backup") else "saved"
    acts = [Offer("next_charge_declines", "Decline its next charge", known)]
    acts += [Offer("expire_card", "Let it expire", known)] if card else []
    acts += [Offer("make_backup", "Make it the backup", known)] if use == "saved" else []
    acts.append(Offer("delete_card", "Delete", known))
    words = f"{'Card' if card else 'Bank account'} {ending}{expiry}"
    return {"words": words, "id": doc["method_id"], "use": use, "acts": acts}


def subscription(subject: Doc) -> list[Offer]:
    known = {"subscription_id": subject["subscription_id"]}
    offers = [Offer("delete_subscription", "Delete; its invoices stay", known)]
    status = subject["status"]
    if status.startswith("cancelled"):
        again = [("on", "On the day, like 2027-01-31", "")]
        return [Offer("reactivate", "Begin it anew", known, again), *offers]
    if status in ENDED:
        return offers
    if status == "non_renewing":
        return [Offer("reactivate", "Undo the cancellation", known), *offers]
    price = [("price", "Price from the next term on", str(subject["plan"]["price"]))]
    return [
        Offer("cancel", "Cancel at the end of the term", known | {"at_end": "true"}),
        Offer("cancel", "Cancel now", known),
        *_of_card(subject),
        Offer("change_plan", "Move to this plan", known, [("plan_code", "Plan code", "team-y")]),
        Offer("change_subscription_price", "Set its price", known, price),
        Offer("charge", "Charge once", known, [("amount", "Amount", "10"), ("description", "For", "Extra")]),
        Offer("resume", "Resume", known) if status == "paused" else Offer("pause", "Pause today", known),
        *offers,
    ]


def invoice(subject: Doc) -> list[Offer]:
    known = {"invoice_id": subject["invoice_id"]}
    offers = []
    if subject["balance"]:
        open_amount = [("amount", "Amount", str(subject["balance"]))]
        offers += [
            Offer("record_payment", "Record a cheque", known, open_amount),
            Offer("write_off", "Write off what is open", known),
        ]
        due = [("due_date", "Due date", subject["due_date"])]
        offers.append(Offer("edit_invoice", "Move its due date", known, due))
    if subject["status"] != "void":
        offers.append(Offer("void_invoice", "Void it", known))
    for payment in subject["payments"]:
        paid = {"payment_id": payment["payment_id"]}
        name, amount = f"payment {payment['payment_id'][-4:]}", [("amount", "Amount", str(payment["amount"]))]
        offers.append(Offer("refund", f"Refund {name}", paid, amount))
        if payment["payment_mode"] == "autotransaction":
            offers.append(Offer("void_payment", f"Void {name}", paid))
    return offers


def _of_card(subject: Doc) -> list[Offer]:
    if "card" not in subject:
        return []
    card = {"card_id": subject["card"]["card_id"]}
    ending = subject["card"]["last_four_digits"]
    return [
        Offer("next_charge_declines", f"Decline the next charge of the card ending {ending}", card),
        Offer("expire_card", f"Let the card ending {ending} expire", card),
        Offer("delete_card", f"Delete the card ending {ending}", card),
    ]
