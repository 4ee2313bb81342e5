"""The name, address and tax number on an invoice, between our form and Zoho's customer."""

from collections.abc import Mapping
from typing import Any

# Zoho keeps the tax number under a name of the organisation's edition (customers.yml).
_TAX_FIELDS = ("tax_reg_no", "vat_reg_no", "gst_no")
_BY_COUNTRY = {
    "U.K": "vat_reg_no",
    "United Kingdom": "vat_reg_no",
    "GB": "vat_reg_no",
    "India": "gst_no",
    "IN": "gst_no",
}
_ADDRESS = ("attention", "street", "street2", "city", "state", "zip", "country", "phone")


def present(customer: Mapping[str, Any], organization_country: str) -> dict[str, str]:
    """Return what Zoho has, by the names of our form's fields."""
    raw = customer.get("raw") or {}
    address = raw.get("billing_address") or {}
    zip_code = address.get("zip") or address.get("zipcode") or ""
    found = {name: str(address.get(name) or "") for name in _ADDRESS} | {"zip": str(zip_code)}
    return {
        **found,
        "company_name": str(raw.get("company_name") or ""),
        "email": str(customer.get("email") or ""),
        "tax_number": str(raw.get(tax_field(raw, organization_country)) or ""),
    }


def billed_to(raw: Mapping[str, Any]) -> list[str]:
    """Return the name and address that Zoho has written on an invoice, by lines; empty ones are left out."""
    address = raw.get("billing_address")
    given = address if isinstance(address, Mapping) else {}
    name = {part: str(given.get(part) or "").strip() for part in (*_ADDRESS, "zipcode")}
    code, town = name["zip"] or name["zipcode"], name["city"]
    # where there are states they stand between town and code; elsewhere the code comes first
    place = f"{town}, {name['state']} {code}" if town and name["state"] else f"{code} {town} {name['state']}"
    lines = [
        str(raw.get("customer_name") or ""),
        *(name[part] for part in ("attention", "street", "street2")),
        " ".join(place.split()),
        name["country"],
    ]
    return [line for line in lines if line]


def request(
    wanted: Mapping[str, str], customer: Mapping[str, Any], organization_country: str
) -> dict[str, Any]:
    """Return Zoho's request for an update to ``wanted``."""
    raw = customer.get("raw") or {}
    return {
        "company_name": wanted["company_name"],
        "email": wanted["email"],
        "billing_address": {name: wanted[name] for name in _ADDRESS},
        tax_field(raw, organization_country): wanted["tax_number"],
    }


def tax_field(raw: Mapping[str, Any], organization_country: str) -> str:
    """Name the field that holds the tax number: the one in use, else the one of the country."""
    in_use = next((name for name in _TAX_FIELDS if raw.get(name)), None)
    return in_use or _BY_COUNTRY.get(organization_country, _TAX_FIELDS[0])
