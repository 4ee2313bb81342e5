"""From what Zoho said to the columns of our mirror: one function a kind, nothing is computed here."""

from typing import Any

from portal.mirror import rows
from portal.mirror.rows import Row
from portal.zoho import payloads

_PRODUCT = ("zoho_id", "name", "description", "status")
_PLAN = (
    *("zoho_id", "code", "product_zoho_id", "name", "description", "status", "price", "setup_fee"),
    *("currency_code", "interval_unit", "tax_percentage", "tax_name", "pricing_scheme", "unit"),
)
_ADDON = (
    *("zoho_id", "code", "product_zoho_id", "name", "description", "status", "type", "price"),
    *("currency_code", "interval_unit", "pricing_scheme", "unit", "applies_to_all_plans", "plan_codes"),
    *("tax_percentage", "tax_name"),
)
_COUPON = (
    *("zoho_id", "code", "name", "description", "status", "discount_by", "discount_value"),
    *("redemption_type", "duration", "max_redemption", "redemption_count", "expires_on"),
    *("applies_to_all_plans", "plan_codes", "applies_to_all_addons", "addon_codes", "product_zoho_id"),
)
_CUSTOMER = (
    *("zoho_id", "display_name", "company_name", "first_name", "last_name", "email", "phone", "status"),
    *("currency_code", "tax_id", "billing_address", "shipping_address", "outstanding", "unused_credits"),
    "ach_supported",
)
_SUBSCRIPTION = (
    *("zoho_id", "customer_zoho_id", "number", "name", "status", "amount", "currency_code"),
    *("interval_unit", "auto_collect", "coupon_code", "reference_id", "payment_method_zoho_id"),
    *("created_on", "activated_on", "starts_on", "trial_ends_on", "current_term_starts_on"),
    *("current_term_ends_on", "next_billing_on", "last_billing_on", "expires_on", "cancelled_on"),
    *("scheduled_cancellation_on", "pause_on", "resume_on", "remaining_billing_cycles"),
    *("has_scheduled_change", "child_invoice_zoho_id"),
)
_INVOICE = (
    *("zoho_id", "customer_zoho_id", "number", "status", "transaction_type", "invoice_date", "due_date"),
    *("sub_total", "tax_total", "discount_total", "total", "balance", "payment_made", "credits_applied"),
    *("write_off_amount", "currency_code", "ach_payment_initiated", "subscription_zoho_ids"),
    *("reference_number", "is_complete"),
)
_LINE = (
    *("zoho_id", "code", "name", "description", "product_type", "price", "quantity", "discount_amount"),
    *("tax_name", "tax_percentage", "item_total"),
)
_PAYMENT = (
    *("zoho_id", "customer_zoho_id", "number", "mode", "status", "amount", "amount_refunded"),
    *("currency_code", "paid_on", "reference_number"),
)
_CREDIT_NOTE = (
    *("zoho_id", "customer_zoho_id", "number", "status", "issued_on", "total", "balance"),
    "currency_code",
)
_METHOD = ("zoho_id", "status", "gateway")
_ORGANIZATION = ("zoho_id", "name", "currency_code", "price_precision", "time_zone", "mode", "raw")


def product(model: payloads.Product) -> Row:
    return {**_taken(model, _PRODUCT), "raw": model.raw}


def plan(model: payloads.Plan) -> Row:
    return {
        **_taken(model, _PLAN),
        "interval": model.interval or 1,
        "billing_cycles": -1 if model.billing_cycles is None else model.billing_cycles,
        "trial_days": model.trial_days or 0,
        "raw": model.raw,
    }


def tax(model: payloads.Tax) -> Row:
    return {**_taken(model, ("zoho_id", "name", "percentage")), "raw": model.raw}


def addon(model: payloads.Addon) -> Row:
    return {**_taken(model, _ADDON), "raw": model.raw}


def coupon(model: payloads.Coupon) -> Row:
    return {**_taken(model, _COUPON), "raw": model.raw}


def customer(model: payloads.Customer) -> Row:
    return {**_taken(model, _CUSTOMER), "raw": model.raw}


def subscription(model: payloads.Subscription, scheduled: payloads.ScheduledChange | None = None) -> Row:
    return {
        **_taken(model, _SUBSCRIPTION),
        "interval": model.interval or 1,
        "sub_total": model.sub_total or 0,
        "plan_code": model.plan.code,
        "plan_name": model.plan.name,
        "plan_price": model.plan.price,
        "quantity": model.plan.quantity,
        "scheduled_change": scheduled.raw if scheduled else None,
        "raw": model.raw,
    }


def subscription_addons(model: payloads.Subscription) -> list[Row]:
    return [
        {
            **_taken(part, ("code", "name", "quantity", "price", "type")),
            "total": part.total if part.total is not None else part.price * part.quantity,
        }
        for part in model.addons
    ]


def invoice(model: payloads.Invoice) -> Row:
    return {**_taken(model, _INVOICE), "raw": model.raw}


def invoice_lines(model: payloads.Invoice) -> list[Row]:
    return [_taken(line, _LINE) for line in model.lines]


def payment(model: payloads.Payment) -> Row:
    charge = model.charge
    return {
        **_taken(model, _PAYMENT),
        "gateway": charge.gateway,
        "gateway_transaction_id": charge.transaction_id,
        "gateway_error_code": charge.error_code,
        "gateway_error_message": charge.error_message,
        "payment_method_zoho_id": charge.payment_method_zoho_id,
        "last_four": charge.last_four,
        "applied": _applied(model.applied),
        "raw": model.raw,
    }


def credit_note(model: payloads.CreditNote) -> Row:
    return {**_taken(model, _CREDIT_NOTE), "applied": _applied(model.applied), "raw": model.raw}


def card(model: payloads.Card) -> Row:
    return {
        **_taken(model, (*_METHOD, "brand", "expiry_month", "expiry_year", "is_primary", "is_backup")),
        "kind": "card",
        "last_four": model.last_four or None,
        "raw": model.raw,
    }


def bank_account(model: payloads.BankAccount) -> Row:
    return {
        **_taken(model, _METHOD),
        "kind": "bank_account",
        "last_four": model.last_four or None,
        "raw": model.raw,
    }


def organization(model: payloads.Organization) -> Row:
    return {**_taken(model, _ORGANIZATION), "price_precision": model.price_precision or 0}


def _taken(model: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(model, name) for name in names}


def _applied(parts: list[payloads.Applied]) -> Any:
    return rows.jsonb(
        [
            {
                "invoice_zoho_id": part.invoice_zoho_id,
                "invoice_number": part.invoice_number,
                "amount": str(part.amount),
            }
            for part in parts
        ]
    )
