"""The organisation and its settings: taxes, churn messages, currencies."""

from __future__ import annotations

from flask import Response

from sandbox.api.routes import get
from sandbox.envelope import ok
from sandbox.errors import unknown
from sandbox.money import CURRENCIES
from sandbox.render import values
from sandbox.tx import Doc, Tx
from sandbox.world import ORGANIZATION_ID, World

CHURN = ("Too expensive", "Missing features", "Switched to another product", "Not used enough", "Other")


@get("/organizations")
def listed(world: World, tx: Tx) -> Response:
    """The one organisation."""
    return ok(organizations=[_organization(world, tx)])


@get("/organizations/<organization_id>")
def one(world: World, tx: Tx, organization_id: str) -> Response:
    """The same, alone; another one is none of ours."""
    if organization_id != ORGANIZATION_ID:
        raise unknown("organizations")
    return ok(organization=_organization(world, tx))


@get("/settings/taxes")
def taxes(world: World, tx: Tx) -> Response:
    """Every tax."""
    return ok(taxes=[_tax(doc) for doc in tx.find("taxes")])


@get("/settings/taxexemptions")
def exemptions(world: World, tx: Tx) -> Response:
    """Reasons why a customer pays no tax."""
    return ok(tax_exemptions=tx.find("tax_exemptions"))


@get("/settings/taxauthorities")
def authorities(world: World, tx: Tx) -> Response:
    """To whom tax is owed."""
    return ok(tax_authorities=tx.find("tax_authorities"))


@get("/settings/preferences/churnmessages")
def churn_messages(world: World, tx: Tx) -> Response:
    """Reasons that a customer may give for leaving."""
    required = world.settings.u10_cancel_reason == "required"
    messages = [
        {"label": label, "index": str(index), "churn_message_id": f"{values.PERSON[:-3]}{500 + index}"}
        for index, label in enumerate(CHURN, start=1)
    ]
    shown = {
        "is_advanced_version": "false",
        "is_reason_mandatory": str(required).lower(),
        "churn_messages": messages,
    }
    return ok(churn_messages_settings=shown)


@get("/settings/currencies")
def currencies(world: World, tx: Tx) -> Response:
    """What customers can be billed in."""
    shown = [
        {
            "currency_id": f"{values.PERSON[:-3]}{700 + index}",
            "currency_code": code,
            "currency_symbol": sign,
            "price_precision": places,
            "is_base_currency": code == "USD",
        }
        for index, (code, (sign, places)) in enumerate(CURRENCIES.items())
    ]
    return ok(currencies=shown)


@get("/pricebooks")
def pricebooks(world: World, tx: Tx) -> Response:
    """None are kept here."""
    return ok(pricebooks=[])


def _organization(world: World, tx: Tx) -> Doc:
    return {
        "organization_id": ORGANIZATION_ID,
        "name": tx.meta("organization_name") or "Northwind Cloud",
        "contact_name": "Staff",
        "email": "staff@example.com",
        "is_default_org": True,
        "country": "U.S.A",
        "version": "us",
        "plan_type": 1,
        "plan_name": "SANDBOX",
        "plan_period": "",
        "language_code": world.settings.message_language,
        "fiscal_year_start_month": 0,
        "account_created_date": "2024-01-01",
        "time_zone": world.settings.time_zone,
        "time_zone_formatted": world.settings.time_zone,
        "is_org_active": True,
        "mode": "test",
        "currency_id": f"{values.PERSON[:-3]}700",
        "currency_code": "USD",
        "currency_symbol": "$",
        "currency_format": "###,##0.00",
        "price_precision": 2,
    }


def _tax(doc: Doc) -> Doc:
    return {
        "tax_id": doc["tax_id"],
        "tax_name": doc["name"],
        "tax_percentage": doc["percentage"],
        "tax_type": "tax",
        "tax_authority_id": doc.get("authority_id", ""),
        "tax_authority_name": doc.get("authority_name", ""),
        "is_default_tax": "true",
        "is_editable": "true",
    }
