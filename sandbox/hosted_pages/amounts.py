"""Amounts as a person reads them."""

from __future__ import annotations

from decimal import Decimal

from sandbox.money import precision, rounded, symbol


def shown(amount: Decimal, currency: str) -> str:
    """`$1,234.50`; yen without decimals; a real minus sign."""
    digits = f"{rounded(abs(amount), precision(currency)):,}"
    return f"{'−' if amount < 0 else ''}{symbol(currency)}{digits}"
