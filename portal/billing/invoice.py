"""The sums under an invoice's lines, from what Zoho said; only those that lead to its total."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from portal.money import decimal_from

_NOTHING = Decimal(0)
Sums = list[tuple[str, Decimal]]


def paid(raw: Mapping[str, Any]) -> Decimal:
    """Return how much was paid on an invoice as Zoho tells it, in one sum or payment by payment."""
    parts = raw.get("payments")
    rows = [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    amounts = [decimal_from(part.get("amount"), default=_NOTHING) for part in rows]
    return max(decimal_from(raw.get("payment_made"), default=_NOTHING), sum(amounts, _NOTHING))


def sums(invoice: Mapping[str, Any]) -> Sums:
    """Return (words, amount) from the lines to the total.

    Zoho's sub-total may or may not have the discount taken off, and the tax in it (facts.md 3.3): the
    reading that adds up is taken; if none does the difference is shown as what it is.
    """
    sub_total, total = invoice["sub_total"], invoice["total"]
    if sub_total is None:
        return []
    discount, tax = invoice["discount_total"] or _NOTHING, invoice["tax_total"] or _NOTHING
    taxes = _taxes(invoice, tax)
    minus = [("Discount", -discount)] if discount else []
    before = [("Subtotal", sub_total)] if minus or taxes else []
    if sub_total - discount + tax == total:
        return [*before, *minus, *taxes]
    if sub_total + tax == total:
        return (
            [("Subtotal, discount taken off" if discount else "Subtotal", sub_total), *taxes]
            if before
            else []
        )
    if sub_total - discount == total:
        return [*before, *minus, *((f"{name}, included", amount) for name, amount in taxes)]
    rest = total - (sub_total - discount + tax)
    return [("Subtotal", sub_total), *minus, *taxes, ("Other adjustments", rest)]


def _taxes(invoice: Mapping[str, Any], tax: Decimal) -> Sums:
    """Return the taxes by name if they sum up to the invoice's tax, else one line."""
    if not tax:
        return []
    rows = (invoice.get("raw") or {}).get("taxes")
    try:
        named = [(str(row["tax_name"]), decimal_from(row["tax_amount"])) for row in rows or []]
    except (KeyError, TypeError, ValueError):
        named = []
    return named if named and sum(amount for _, amount in named) == tax else [("Tax", tax)]
