"""What must hold of the money at any moment; each breach is a sentence.

- an invoice's total is the sum of its lines, its taxes and its extras, less a discount on the whole
- its balance is its total less payments, credits and what was written off, and never negative
- both sides of every application agree
- no payment is applied or refunded beyond its amount, no credit note used beyond its total
- nobody has negative credits
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.engine import ledger
from sandbox.money import ZERO, dec, precision, total
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World


def breaches(world: World) -> list[str]:
    """Everything that is wrong, empty when all is well."""
    with world.store.read() as tx:
        return [*_invoices(tx), *_payments(tx), *_credit_notes(tx), *_subscriptions(tx)]


def _invoices(tx: Tx) -> Iterator[str]:
    for doc in tx.find("invoices"):
        name = doc["number"]
        lines = total(each["total"] for each in doc["lines"])
        extra = dec(doc.get("shipping")) + dec(doc.get("adjustment")) - dec(doc.get("whole_discount"))
        taxes = total(each["amount"] for each in doc["taxes"])
        if dec(doc["total"]) != lines + taxes + extra:
            yield f"{name}: total {doc['total']} is not lines {lines} + taxes {taxes} + extras {extra}"
        if any(dec(one["gross"]) - dec(one["discount"]) != dec(one["total"]) for one in doc["lines"]):
            yield f"{name}: a line is not its gross less its discount"
        if dec(doc["balance"]) != ledger.balance(doc) or dec(doc["balance"]) < 0:
            yield f"{name}: balance {doc['balance']} should be {ledger.balance(doc)}"
        if doc["state"] == "void" and (doc["payments"] or doc["credits"]):
            yield f"{name}: void, and yet something is applied to it"
        if not _exact(doc, doc["total"]):
            yield f"{name}: total {doc['total']} has more places than {doc['currency']}"
        yield from _unmirrored(tx, doc)


def _unmirrored(tx: Tx, doc: Doc) -> Iterator[str]:
    for each in doc["payments"]:
        if not _mirrored(tx, "payments", each["payment_id"], each):
            yield f"{doc['number']}: payment {each['payment_id']} does not know of it"
    for each in doc["credits"]:
        if not _mirrored(tx, "credit_notes", each["creditnote_id"], each):
            yield f"{doc['number']}: credit note {each['creditnote_id']} does not know of it"


def _payments(tx: Tx) -> Iterator[str]:
    for doc in tx.find("payments"):
        applied, amount, back = (
            total(e["amount"] for e in doc["invoices"]),
            dec(doc["amount"]),
            dec(doc["refunded"]),
        )
        if applied > amount or back > amount or back < 0:
            yield f"payment {doc['number']}: applied {applied}, refunded {back}, of {amount}"
        left = max(ZERO, amount - applied - back) if doc["status"] == "success" else ZERO
        if dec(doc["unused_amount"]) != left:
            yield f"payment {doc['number']}: unused {doc['unused_amount']} should be {left}"
        if doc["status"] != "success" and doc["invoices"]:
            yield f"payment {doc['number']}: {doc['status']}, and yet applied"
        for each in doc["invoices"]:
            if not _mirrored(tx, "invoices", each["invoice_id"], each, side="payments"):
                yield f"payment {doc['number']}: invoice {each['invoice_id']} does not know of it"


def _credit_notes(tx: Tx) -> Iterator[str]:
    for doc in tx.find("credit_notes"):
        used = total(e["amount"] for e in doc["invoices"]) + total(e["amount"] for e in doc["refunds"])
        left = dec(doc["total"]) - used
        if left < 0 or (doc["state"] == "open" and dec(doc["balance"]) != left):
            yield f"{doc['number']}: balance {doc['balance']} should be {left}"
        for each in doc["invoices"]:
            if not _mirrored(tx, "invoices", each["invoice_id"], each, side="credits"):
                yield f"{doc['number']}: invoice {each['invoice_id']} does not know of it"


def _subscriptions(tx: Tx) -> Iterator[str]:
    for doc in tx.find("subscriptions"):
        if doc["status"] == "dunning" and not doc.get("dunning"):
            yield f"{doc['number']}: dunning without a plan"
        if doc["status"] in ("live", "dunning", "non_renewing") and not doc.get("term_ends_at"):
            yield f"{doc['number']}: {doc['status']} without a term"
        if dec(doc["amount"]) < 0:
            yield f"{doc['number']}: negative amount"


def _mirrored(tx: Tx, kind: str, id_: str, each: Doc, side: str = "invoices") -> bool:
    other = tx.get(kind, id_)
    return other is not None and any(
        one["id"] == each["id"] and one["amount"] == each["amount"] for one in other[side]
    )


def _exact(doc: Doc, amount: str) -> bool:
    exponent = dec(amount).normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= precision(doc["currency"])
