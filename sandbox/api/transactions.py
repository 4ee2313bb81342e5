"""Everything that moved money, in one list."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from sandbox.api.paging import Page
from sandbox.api.routes import get
from sandbox.engine import ledger
from sandbox.envelope import ok
from sandbox.errors import bad
from sandbox.render import values
from sandbox.tx import Doc, Tx
from sandbox.world import World

Shown = Callable[[World, Doc], Doc]


def _invoice(world: World, doc: Doc) -> Doc:
    return {
        "transaction_id": doc["invoice_id"],
        "reference_id": doc["number"],
        "type": "invoice",
        "status": ledger.status(doc, world.clock.today()),
        "amount": values.drifting(world, doc["total"]),
        "ach_payment_initiated": bool(doc.get("ach_payment_id")),
    }


def _payment(world: World, doc: Doc) -> Doc:
    return {
        "transaction_id": doc["payment_id"],
        "reference_id": doc["number"],
        "type": "payment",
        "status": doc["status"],
        "amount": values.drifting(world, doc["amount"]),
        "ach_payment_initiated": False,
    }


def _credit(world: World, doc: Doc) -> Doc:
    return {
        "transaction_id": doc["creditnote_id"],
        "reference_id": doc["number"],
        "type": "credit",
        "status": "void" if doc["state"] == "void" else "open",
        "amount": values.drifting(world, doc["total"]),
        "ach_payment_initiated": False,
    }


def _refund(world: World, doc: Doc) -> Doc:
    return {
        "transaction_id": doc["refund_id"],
        "reference_id": doc["creditnote_id"],
        "type": "refund",
        "status": "success",
        "amount": values.drifting(world, doc["amount"]),
        "ach_payment_initiated": False,
    }


TYPES: dict[str, tuple[str, Shown]] = {
    "INVOICE": ("invoices", _invoice),
    "PAYMENT": ("payments", _payment),
    "CREDIT": ("credit_notes", _credit),
    "REFUND": ("refunds", _refund),
}


@get("/transactions")
def listed(world: World, tx: Tx) -> Response:
    """Invoices, payments, credit notes and refunds in one list, newest first."""
    asked = request.args.get("filter_by", "TransactionType.All").removeprefix("TransactionType.").upper()
    if asked not in (*TYPES, "ALL"):
        raise bad("filter_by")
    wanted = {kind: shown for name, (kind, shown) in TYPES.items() if asked in ("ALL", name)}
    customer_id = request.args.get("customer_id")
    page = Page.asked()
    found = tx.newest_of(
        wanted,
        by="date",
        where={"customer_id": customer_id} if customer_id else {},
        limit=page.size + 1,
        offset=page.offset,
    )
    rows = [_row(world, tx, kind, id_, wanted[kind]) for kind, id_ in found[: page.size]]
    context = page.context(has_more=len(found) > page.size) | {
        "applied_filter": f"TransactionType.{asked.title() if asked == 'ALL' else asked}",
        "sort_column": "date",
        "sort_order": "D",
    }
    return ok(transactions=rows, page_context=context)


def _row(world: World, tx: Tx, kind: str, id_: str, shown: Shown) -> Doc:
    doc = tx.get(kind, id_) or {}
    return shown(world, doc) | {"date": doc["date"]}
