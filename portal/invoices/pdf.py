"""An invoice as PDF, passed on from Zoho with the checks of FIL-01.

The client has checked the first bytes before it hands the stream over, and cuts it at 10 MB. The file's
name is made of the invoice's number, with nothing in it but letters, digits, dot and dash.
"""

import re
from urllib.parse import quote

from flask import Response

from portal.errors import NotFound
from portal.mirror.rows import Row
from portal.zoho import errors as zoho_errors
from portal.zoho.client import ZohoClient

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


def answer(zoho: ZohoClient, invoice: Row) -> Response:
    """Return the PDF as a download, or raise before anything was sent."""
    try:
        pieces = zoho.stream_invoice_pdf(invoice["zoho_id"])
    except zoho_errors.NotFound as gone:
        raise NotFound from gone
    response = Response(pieces, content_type="application/pdf")
    name = file_name(invoice["number"])
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}"
    )
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def file_name(number: str) -> str:
    """Return `invoice-INV-000012.pdf` whatever stands in the number."""
    plain = _UNSAFE.sub("-", number).strip("-.")[:60]
    return f"invoice-{plain}.pdf" if plain else "invoice.pdf"
