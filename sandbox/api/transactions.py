"""Everything that moved money, in one list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request

from sandbox.api.paging import Listing
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
    """Invoices, payments, credit notes and refunds, newest first; one page is merged from a page of each
    kind.
    """
    asked = request.args.get("filter_by", "TransactionType.All").removeprefix("TransactionType.").upper()
    if asked not in (*TYPES, "ALL"):
        raise bad("filter_by")
    customer_id = request.args.get("customer_id")
    where: dict[str, Any] = {"customer_id": customer_id} if customer_id else {}
    rows: list[Doc] = []
    context: Doc = {}
    more = False
    for name, (kind, shown) in TYPES.items():
        if asked not in ("ALL", name):
            continue
        found, context = Listing(kind, sorts={"date": "date"}, default_sort="date", default_order="D").page(
            tx, where
        )
        more = more or context["has_more_page"]
        rows += [shown(world, doc) | {"date": doc["date"]} for doc in found]
    rows.sort(key=lambda row: str(row["date"]), reverse=True)
    applied = {
        "has_more_page": more,
        "applied_filter": f"TransactionType.{asked.title() if asked == 'ALL' else asked}",
    }
    return ok(transactions=rows, page_context=context | applied)
