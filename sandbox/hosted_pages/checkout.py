"""The page a person sees: `/hostedpage/<id>/checkout`, with and without JavaScript the same.

The page is locked by its document: paying reads and writes it in one transaction, so two presses,
two tabs or a reload buy once and lead to the same place.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from sandbox.engine import gateway
from sandbox.errors import Declined, ZohoError
from sandbox.hosted_pages import acts, pages, payment, rehearsal, words
from sandbox.tx import Doc
from sandbox.world import World, current

Complaints = dict[str, str]
blueprint = Blueprint("hosted_pages", __name__, url_prefix="/hostedpage")


@blueprint.get("/<hostedpage_id>/checkout")
def show(hostedpage_id: str) -> Response:
    page = _page(hostedpage_id)
    if page is None or (state := _closed_state(page)):
        return _closed("unknown" if page is None else state, page)
    if page["status"] == pages.FRESH:
        page = _marked(page, pages.READ)
    return _form(page)


@blueprint.post("/<hostedpage_id>/checkout")
def answer(hostedpage_id: str) -> Answer:
    page = _page(hostedpage_id)
    if page is None:
        return _closed("unknown", None)
    if page["status"] == pages.SUCCESS:
        return _onward(page)
    if state := _closed_state(page):
        return _closed(state, page)
    if request.form.get("act") == "cancel":
        return _cancel(page)
    return _pay(page)


def _pay(page: Doc) -> Answer:
    try:
        entered = payment.read(request.form, page["tries"])
    except payment.Wrong as wrong:
        return _form(page, complaints=wrong.complaints, status=422)
    try:
        return _onward(_settled(page, entered))
    except Declined as decline:
        return _form(_declined(page, entered, decline), declined=words.declined(decline, entered), status=402)
    except ZohoError as refusal:
        return _form(page, complaints={"": refusal.message}, status=422)


def _settled(page: Doc, entered: payment.Entered) -> Doc:
    """Do the act and close the page in one commit; a page closed meanwhile by another tab is left alone."""
    world = current()
    with world.store.transaction() as tx:
        held = pages.get(tx, page["hostedpage_id"])
        if held["status"] not in pages.OPEN or pages.expired(world, held):
            return held
        done = acts.perform(held["kind"], acts.Task(world, tx, held["asked"], entered))
        held |= {"status": pages.SUCCESS, "finished": world.clock.stamp()}
        held["done"] = {
            "customer_id": done.customer_id,
            "method_id": done.method_id,
            "subscription_id": done.subscription_id,
            "invoices": done.invoices,
        }
        pages.save(tx, held)
    return held


def _declined(page: Doc, entered: payment.Entered, decline: Declined) -> Doc:
    """Count the try; the page stays open for another card until its hour is over."""
    world = current()
    with world.store.transaction() as tx:
        held = pages.get(tx, page["hostedpage_id"])
        if held["status"] not in pages.OPEN:
            return held
        gateway.spend_forced(world, decline)
        tries = held["tries"].get(entered.last_four, 0) + 1
        held["tries"] = {**held["tries"], entered.last_four: tries}
        held["last_decline"] = decline.reason
        if world.settings.u4_hosted_decline == "failed":
            held["status"] = pages.FAILED
        pages.save(tx, held)
    return held


def _cancel(page: Doc) -> Answer:
    world = current()
    if world.settings.u4_hosted_cancel == "cancelled":
        page = _marked(page, pages.CANCELLED)
    if world.settings.u4_hosted_redirect_on_cancel and page["redirect_url"]:
        return redirect(pages.return_address(page), 303)
    return _closed("cancelled", page)


def _onward(page: Doc) -> Answer:
    if page["status"] != pages.SUCCESS:
        return _closed(_closed_state(page) or "unknown", page)
    if page["redirect_url"]:
        return redirect(pages.return_address(page), 303)
    return redirect(request.path, 303)


def _form(
    page: Doc, *, complaints: Complaints | None = None, declined: str = "", status: int = 200
) -> Response:
    try:
        quote = rehearsal.quote(current(), page["kind"], page["asked"])
    except ZohoError as refusal:
        return _closed("impossible", _marked(page, pages.FORCE_CANCELLED), refusal.message)
    html = render_template(
        "hosted/checkout.html",
        page=page, quote=quote, form=request.form, complaints=complaints or {}, declined=declined,
        words=words.Page(current(), page, quote),
    )  # fmt: skip
    return _guarded(html, status, page)


def _closed(state: str, page: Doc | None, reason: str = "") -> Response:
    status = {"unknown": 404, "expired": 410}.get(state, 200)
    html = render_template(
        "hosted/closed.html",
        page=page, reason=reason, merchant=words.merchant(current()), said=words.CLOSED[state],
        back=pages.return_address(page) if page and state == "success" and page["redirect_url"] else "",
    )  # fmt: skip
    return _guarded(html, status, page)


def _guarded(html: str, status: int, page: Doc | None) -> Response:
    """No script runs here and no frame may hold it; the form may lead back to the merchant only."""
    answer = make_response(html, status)
    merchant = urlsplit(page["redirect_url"]) if page and page["redirect_url"] else None
    onward = f" {merchant.scheme}://{merchant.netloc}" if merchant else ""
    framing = "'none'" if current().settings.u15_iframe == "deny" else "*"
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
        f"form-action 'self'{onward}; frame-ancestors {framing}"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _page(hostedpage_id: str) -> Doc | None:
    with current().store.read() as tx:
        return tx.get(pages.KIND, hostedpage_id)


def _closed_state(page: Doc) -> str:
    if page["status"] not in pages.OPEN:
        return "impossible" if page["status"] == pages.FORCE_CANCELLED else str(page["status"])
    return "expired" if pages.expired(current(), page) else ""


def _marked(page: Doc, status: str) -> Doc:
    """Writes the status unless the page was closed meanwhile."""
    world: World = current()
    with world.store.transaction() as tx:
        held = pages.get(tx, page["hostedpage_id"])
        if held["status"] in pages.OPEN:
            held["status"] = status
            pages.save(tx, held)
    return held
