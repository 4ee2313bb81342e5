"""Invoices as CSV (RFC 4180), safe to open in a spreadsheet (INP-04).

A cell that a spreadsheet would take for a formula gets a quote in front. Amounts of ours are numbers
with a dot and need none; a negative amount stays a number.
"""

import csv
import io
from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import Response

from portal.billing import statuses
from portal.mirror.rows import Row
from portal.money import Money

HEADINGS = ("Number", "Date", "Due", "Status", "Total", "To pay", "Currency")
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def text(invoices: Iterable[Row], today: date) -> str:
    """Return the table of ``invoices``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for row in invoices:
        writer.writerow(
            (
                safe(row["number"]),
                row["invoice_date"] or "",
                row["due_date"] or "",
                statuses.invoice_word(row, today).text,
                _amount(row, "total"),
                _amount(row, "balance"),
                safe(row["currency_code"]),
            )
        )
    return out.getvalue()


def answer(body: str) -> Response:
    """Return ``body`` as a download. The mark in front tells Excel that it is UTF-8."""
    response = Response("\ufeff" + body, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = "attachment; filename=invoices.csv"
    return response


def safe(value: Any) -> str:
    """Return a text that no spreadsheet runs."""
    given = str(value).replace("\0", "")
    return f"'{given}" if given.startswith(_RISKY) else given


def _amount(row: Row, name: str) -> str:
    return f"{Money(row[name], row['currency_code'] or 'USD').rounded().amount:f}"
