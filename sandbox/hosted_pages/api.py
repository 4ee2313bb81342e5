"""The API half: `POST /hostedpages/<kind>`, the list, and one page with what came of it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from sandbox import catalogue, fields, render
from sandbox.api.paging import Listing
from sandbox.api.routes import body
from sandbox.engine import customers, invoices, methods, subscriptions
from sandbox.envelope import failed, ok
from sandbox.errors import ZohoError, bad
from sandbox.hosted_pages import acts, pages, rehearsal
from sandbox.tx import Doc, Tx
from sandbox.world import World, current

CREATED = "Hosted page has been created successfully."
LIST = Listing(pages.KIND, sorts={"created_time": "seq"}, default_order="D")
IDS = ("customer_id", "subscription_id", "invoice_id", "card_id", "account_id", "paypal_id")
blueprint = Blueprint("hosted_pages_api", __name__, url_prefix="/billing/v1")


@blueprint.errorhandler(ZohoError)
def refused(error: ZohoError) -> Response:
    return failed(error.code, error.message, error.status)


@blueprint.post("/hostedpages/<kind>")
def create(kind: str) -> Response:
    if kind not in acts.ACTS:
        raise ZohoError(5, "Invalid URL Passed", 404)
    world, asked = current(), _asked()
    with world.store.read() as tx:
        CHECKS[kind](tx, asked)
    rehearsal.quote(world, kind, asked)
    with world.store.transaction() as tx:
        page = pages.create(world, tx, kind, asked)
    return ok(CREATED, 200 if kind == "updatecard" else 201, hostedpage=pages.shown(world, page))


@blueprint.get("/hostedpages/<hostedpage_id>")
def get(hostedpage_id: str) -> Response:
    """Flat, without a wrapper; `data` stays empty until the page has succeeded."""
    world = current()
    with world.store.read() as tx:
        page = pages.get(tx, hostedpage_id, by_number=world.settings.hosted_numeric_id == "accepted")
        return ok(
            "success",
            **pages.shown(world, page),
            custom_fields=_custom_fields(page),
            data=_data(world, tx, page),
        )


@blueprint.get("/hostedpages")
def listed() -> Response:
    world = current()
    with world.store.read() as tx:
        found, context = LIST.page(tx)
    rows = [pages.shown(world, each) for each in found]
    answer: Doc = {world.settings.hosted_list_key: rows, "page_context": context}
    return ok("success", **answer)


def _asked() -> Doc:
    """The body, with ids as text and what is only read later checked now."""
    given = body()
    for each in (*fields.objects(given, "payment_gateways"), *fields.objects(given, "custom_fields")):
        fields.string(each, "payment_gateway")
    fields.inner(given, "customer")
    pages.redirect_url(given)
    return given | {name: fields.string(given, name) for name in IDS if given.get(name) is not None}


def _check_new(tx: Tx, asked: Doc) -> None:
    catalogue.sellable(tx, "plans", fields.string(fields.inner(asked, "plan"), "plan_code"))
    if not asked.get("customer"):
        customers.get(tx, fields.string(asked, "customer_id"))


def _check_subscription(tx: Tx, asked: Doc) -> None:
    subscriptions.get(tx, fields.string(asked, "subscription_id"))


def _check_customer(tx: Tx, asked: Doc) -> None:
    customers.get(tx, fields.string(asked, "customer_id"))


def _check_invoice(tx: Tx, asked: Doc) -> None:
    invoices.get(tx, fields.string(asked, "invoice_id"))


def _check_method(tx: Tx, asked: Doc) -> None:
    given = [asked[name] for name in ("card_id", "account_id", "paypal_id") if asked.get(name)]
    if not given:
        raise bad("card_id")
    methods.get(tx, given[0])


CHECKS: dict[str, Callable[[Tx, Doc], None]] = {
    "newsubscription": _check_new,
    "updatesubscription": _check_subscription,
    "updatecard": _check_subscription,
    "buyonetimeaddon": _check_subscription,
    "addpaymentmethod": _check_customer,
    "invoicepayment": _check_invoice,
    "updatepaymentmethod": _check_method,
}


def _custom_fields(page: Doc) -> list[Doc]:
    given = fields.objects(page["asked"], "custom_fields")
    return [
        {"index": place, "label": each.get("label", ""), "value": each.get("value", ""), "data_type": "text"}
        for place, each in enumerate(given, 1)
    ]


def _data(world: World, tx: Tx, page: Doc) -> Doc:
    """The result of the purchase; for pages that only take a method it is unknown what Zoho shows (U3)."""
    done = page.get("done")
    buys = page["kind"] in ("newsubscription", "updatesubscription", "buyonetimeaddon")
    if page["status"] != pages.SUCCESS or not done:
        return {}
    if not buys and world.settings.u3_hosted_data == "empty":
        return {}
    data: Doc = {}
    if sub := tx.get("subscriptions", done["subscription_id"]):
        data["subscription"] = render.subscription(world, tx, sub)
    for invoice_id in done["invoices"][-1:]:
        if invoice := tx.get("invoices", invoice_id):
            data["invoice"] = render.invoice(world, tx, invoice)
    return data | _method_data(world, tx, page, done)


def _method_data(world: World, tx: Tx, page: Doc, done: Doc) -> Doc:
    wanted = page["kind"] in ("updatecard", "addpaymentmethod", "updatepaymentmethod")
    method = tx.get("methods", done["method_id"]) if wanted else None
    if method is None:
        return {}
    if method["type"] == "card":
        return {"card": render.card(world, method)}
    return {"bank_account": render.bank_account(world, tx, method)}
