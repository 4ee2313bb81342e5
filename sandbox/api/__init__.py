"""The API: one module a resource, all under /billing/v1."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from sandbox.api import (
    addons,
    cards,
    coupons,
    credit_notes,
    customers,
    invoice_actions,
    invoices,
    organizations,
    payments,
    plans,
    products,
    routes,
    subscription_actions,
    subscription_money,
    subscriptions,
    transactions,
    unbilled_charges,
)
from sandbox.engine import gateway
from sandbox.envelope import failed
from sandbox.errors import INTERNAL, INVALID_URL, WRONG_METHOD, Declined, ZohoError
from sandbox.world import current

MODULES = (
    addons,
    cards,
    coupons,
    credit_notes,
    customers,
    invoice_actions,
    invoices,
    organizations,
    payments,
    plans,
    products,
    subscription_actions,
    subscription_money,
    subscriptions,
    transactions,
    unbilled_charges,
)
PREFIX = "/billing/v1"
LOG = logging.getLogger("sandbox.api")


def register(app: Flask) -> None:
    """Put every operation under /billing/v1 and answer every failure there in Zoho's envelope."""
    app.register_blueprint(routes.blueprint)
    app.register_error_handler(ZohoError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _broken)


def _refused(error: ZohoError) -> Response:
    if isinstance(error, Declined):
        gateway.spend_forced(current(), error)
    return failed(error.code, error.message, error.status)


def _http(error: HTTPException) -> Response | HTTPException:
    if not request.path.startswith(PREFIX):
        return error
    if isinstance(error, MethodNotAllowed):
        return failed(WRONG_METHOD, "The HTTP method is not allowed for this URL.", 405)
    if isinstance(error, NotFound):
        return failed(INVALID_URL, "Invalid URL Passed", 404)
    return failed(2, "Invalid value passed for JSON", error.code or 400)


def _broken(error: Exception) -> Response:
    if not request.path.startswith(PREFIX):
        raise error
    LOG.error("an operation failed", exc_info=error)
    return failed(INTERNAL, "Internal error", 500)
