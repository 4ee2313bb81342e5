"""Documents to download: an invoice or a credit note as PDF or HTML."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from flask import Response
from markupsafe import escape
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.units import inch
from reportlab.pdfgen.canvas import Canvas

from sandbox.engine import ledger
from sandbox.money import dec, precision, symbol
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

ROWS_A_PAGE = 24


def answer(data: bytes, name: str) -> Response:
    """A PDF with its name."""
    made = Response(data, content_type="application/pdf;charset=UTF-8")
    made.headers["Content-Disposition"] = f'attachment; filename="{_ascii(name)}"'
    return made


def invoice_pdf(world: World, tx: Tx, doc: Doc) -> bytes:
    """An invoice on paper."""
    status = ledger.status(doc, world.clock.today()).replace("_", " ").upper()
    below = [("Sub total", doc["sub_total"])]
    if dec(doc.get("whole_discount")):
        below.append(("Discount", f"-{doc['whole_discount']}"))
    below += [(each["name"], each["amount"]) for each in doc["taxes"]]
    below += [("Total", doc["total"]), ("Balance due", doc["balance"])]
    head = [f"Invoice {doc['number']}", f"Date {doc['date']}", f"Due {doc['due']}", status]
    return _paper(tx, doc, head, below)


def credit_note_pdf(world: World, tx: Tx, doc: Doc) -> bytes:
    """A credit note on paper."""
    below = [("Total", doc["total"]), ("Credits remaining", doc["balance"])]
    return _paper(tx, doc, [f"Credit note {doc['number']}", f"Date {doc['date']}"], below)


def invoice_html(world: World, tx: Tx, doc: Doc) -> str:
    """An invoice as a bare page."""
    rows = "".join(
        f"<tr><td>{escape(each['name'])}</td><td>{each['quantity']}</td>"
        f"<td>{_money(doc, each['total'])}</td></tr>"
        for each in doc["lines"]
    )
    title = f"Invoice {escape(doc['number'])}"
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title></head><body>"
        f"<h1>{title}</h1><p>{escape(doc['customer_name'])}</p><table>{rows}</table>"
        f"<p>Total {_money(doc, doc['total'])}, balance {_money(doc, doc['balance'])}</p></body></html>"
    )


def _paper(tx: Tx, doc: Doc, head: list[str], below: list[tuple[str, str]]) -> bytes:
    customer = tx.get("customers", doc["customer_id"]) or {}
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=LETTER, invariant=1)
    canvas.setTitle(_ascii(head[0]))
    rows = [(each["name"], str(each["quantity"]), _money(doc, each["total"])) for each in doc["lines"]]
    rows += [(name, "", _money(doc, amount)) for name, amount in below]
    for start in range(0, max(1, len(rows)), ROWS_A_PAGE):
        _page(canvas, tx, customer, head, rows[start : start + ROWS_A_PAGE])
    canvas.save()
    return buffer.getvalue()


def _page(canvas: Canvas, tx: Tx, customer: Doc, head: list[str], rows: list[tuple[str, str, str]]) -> None:
    left, right, top = inch, LETTER[0] - inch, LETTER[1] - inch
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(left, top, _ascii(tx.meta("organization_name") or "Northwind Cloud"))
    canvas.setFont("Helvetica", 10)
    for index, text in enumerate(head):
        canvas.drawRightString(right, top - 14 * index, _ascii(text))
    address = customer.get("billing_address", {})
    place = " ".join(address.get(name, "") for name in ("street", "city", "state", "zip", "country")).strip()
    for index, text in enumerate(
        ("Bill to", customer.get("display_name", ""), customer.get("email", ""), place)
    ):
        canvas.drawString(left, top - 40 - 14 * index, _ascii(text)[:90])
    line = top - 130
    for name, quantity, amount in rows:
        canvas.drawString(left, line, _ascii(name)[:70])
        canvas.drawRightString(right - 1.4 * inch, line, quantity)
        canvas.drawRightString(right, line, _ascii(amount))
        line -= 18
    canvas.showPage()


def _money(doc: Doc, amount: str) -> str:
    return f"{symbol(doc['currency'])}{dec(amount):,.{precision(doc['currency'])}f}"


def _ascii(text: str) -> str:
    return (
        text.encode("latin-1", "replace")
        .decode("latin-1")
        .replace('"', "'")
        .replace("\n", " ")
        .replace("\r", " ")
    )
