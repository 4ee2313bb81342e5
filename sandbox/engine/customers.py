"""Customers: who pays.  Credits and debts are never stored here, they are summed from documents."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox import fields
from sandbox.errors import bad, refused, unknown
from sandbox.fields import as_id
from sandbox.money import CURRENCIES, dec, total
from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

TEXTS = (
    "salutation", "first_name", "last_name", "company_name", "phone", "mobile", "website", "department",
    "designation", "twitter", "facebook", "skype", "notes", "gst_no", "gst_treatment", "place_of_contact",
    "vat_treatment", "vat_reg_no", "tax_reg_no", "tds_tax_id", "tax_treatment", "tax_regime", "tax_id",
    "tax_authority_id", "tax_authority_name", "tax_exemption_id", "tax_exemption_code", "payment_terms_label",
    "country_code", "fax", "zcrm_account_id", "zcrm_contact_id",
)  # fmt: skip
TEMPLATES = ("invoice_template_id", "creditnote_template_id")
FLAGS = (
    "is_portal_enabled",
    "ach_supported",
    "is_tds_registered",
    "is_taxable",
    "can_add_card",
    "can_add_bank_account",
)
ADDRESS = ("attention", "street", "street2", "city", "state", "state_code", "zip", "country", "phone", "fax")
OWN_EMAIL = 320
BILLED = ("subscriptions", "invoices", "payments", "credit_notes", "unbilled_charges")
BELONGINGS = (*BILLED, "refunds", "pending_payments", "methods", "contact_persons")


def create(world: World, tx: Tx, body: Doc, source: str = "api") -> Doc:
    """A new customer with one contact person; the same e-mail twice is two customers, as at Zoho."""
    customer_id, person_id = tx.next_id(), tx.next_id()
    currency = fields.string(body, "currency_code", "USD").upper() or "USD"
    if currency not in CURRENCIES:
        raise bad("currency_code")
    doc: Doc = {
        "customer_id": customer_id,
        "number": tx.next_number("CUS-"),
        "status": "active",
        "currency": currency,
        "source": source,
        "created": world.clock.stamp(),
        "person_id": person_id,
        "is_taxable": True,
    }
    _fill(doc, body)
    person = {"contactperson_id": person_id, "customer_id": customer_id, "created": doc["created"]}
    person |= {name: doc.get(name, "") for name in ("first_name", "last_name", "email", "mobile", "phone")}
    save_person(world, tx, person)
    return save(world, tx, doc)


def update(world: World, tx: Tx, customer_id: str, body: Doc) -> Doc:
    """Change what the body names; the rest stays."""
    doc = get(tx, customer_id)
    _fill(doc, {"display_name": doc["display_name"], "email": doc["email"]} | body)
    person = tx.get("contact_persons", doc["person_id"])
    if person is not None:
        save_person(
            world, tx, person | fields.kept(body, ("first_name", "last_name", "email", "mobile", "phone"))
        )
    return save(world, tx, doc)


def get(tx: Tx, customer_id: object) -> Doc:
    """One customer, or Zoho's refusal."""
    doc = tx.get("customers", as_id(customer_id))
    if doc is None:
        raise unknown("customers")
    return doc


def save(world: World, tx: Tx, doc: Doc) -> Doc:
    """Write a customer with what lists sort and filter by."""
    doc["updated"] = world.clock.stamp()
    tx.put(
        "customers",
        doc["customer_id"],
        doc,
        status=doc["status"],
        email=doc["email"].lower(),
        name=doc["display_name"],
        phone=doc.get("phone", ""),
        updated=doc["updated"],
        portal=int(bool(doc.get("is_portal_enabled"))),
        crm=doc.get("zcrm_account_id", ""),
        crm_contact=doc.get("zcrm_contact_id", ""),
    )
    return doc


def save_person(world: World, tx: Tx, person: Doc) -> Doc:
    """Write a contact person."""
    person["updated"] = world.clock.stamp()
    tx.put("contact_persons", person["contactperson_id"], person, customer_id=person["customer_id"])
    return person


def set_status(world: World, tx: Tx, customer_id: str, status: str) -> Doc:
    """Active or inactive; a customer with a running subscription cannot be made inactive."""
    doc = get(tx, customer_id)
    if status == "inactive" and tx.count("subscriptions", where={"customer_id": customer_id, "running": 1}):
        raise refused("The customer has active subscriptions and cannot be marked as inactive.")
    doc["status"] = status
    return save(world, tx, doc)


def delete(tx: Tx, customer_id: str) -> None:
    """Forget a customer; one with transactions stays."""
    get(tx, customer_id)
    for kind in BILLED:
        if tx.count(kind, where={"customer_id": customer_id}):
            raise refused("The customer has transactions and cannot be deleted.")
    for kind in ("contact_persons", "methods"):
        for id_ in tx.ids(kind, where={"customer_id": customer_id}):
            tx.delete(kind, id_)
    tx.delete("customers", customer_id)


def merge(tx: Tx, customer_id: str, into_id: str) -> Doc:
    """Everything of one customer becomes another's, and the first is gone.  No event tells of it."""
    gone, into = get(tx, customer_id), get(tx, into_id)
    if customer_id == into_id or gone["currency"] != into["currency"]:
        raise refused("Only two customers of one currency can be merged.")
    for kind in BELONGINGS:
        for id_ in tx.ids(kind, where={"customer_id": customer_id}):
            doc = tx.get(kind, id_) or {}
            name = {"customer_name": into["display_name"]} if "customer_name" in doc else {}
            shown = name if kind == "invoices" else {}
            tx.put(kind, id_, doc | name | {"customer_id": into_id}, customer_id=into_id, **shown)
    tx.delete("customers", customer_id)
    return into


def unused_credits(tx: Tx, customer_id: str) -> Decimal:
    """What Zoho owes the customer: open credit notes and payments not applied to any invoice."""
    notes = tx.find("credit_notes", where={"customer_id": customer_id, "open": 1})
    payments = tx.find("payments", where={"customer_id": customer_id, "unused": 1})
    return total(each["balance"] for each in notes) + total(each["unused_amount"] for each in payments)


def outstanding(tx: Tx, customer_id: str) -> Decimal:
    """What the customer owes: the balances of open invoices."""
    return total(
        each["balance"] for each in tx.find("invoices", where={"customer_id": customer_id, "open": 1})
    )


def _fill(doc: Doc, body: Doc) -> None:
    doc["display_name"] = fields.required(body, "display_name", longest=200)
    doc["email"] = fields.string(body, "email", doc.get("email", ""), longest=OWN_EMAIL).strip()
    if doc["email"] and ("@" not in doc["email"] or " " in doc["email"]):
        raise bad("email")
    doc.update(fields.kept(body, TEXTS))
    for name in FLAGS:
        if body.get(name) not in (None, ""):
            doc[name] = fields.flag(body, name, default=False)
    for name in ("billing_address", "shipping_address"):
        if body.get(name) is not None:
            doc[name] = fields.kept(fields.inner(body, name), ADDRESS)
    if body.get("default_templates") is not None:
        doc["default_templates"] = fields.kept(fields.inner(body, "default_templates"), TEMPLATES)
    if body.get("payment_terms") not in (None, ""):
        doc["payment_terms"] = int(dec(fields.whole(body, "payment_terms", 0, least=-5, most=3650)))
    if body.get("custom_fields") is not None:
        doc["custom_fields"] = custom_fields(
            doc.get("custom_fields", []), fields.objects(body, "custom_fields")
        )
    if body.get("tags") is not None:
        doc["tags"] = fields.objects(body, "tags")


def persons_of(tx: Tx, customer_id: str, asked: list[Doc]) -> list[str]:
    """The ids of contact persons that a request names; only existing ones of the customer will do."""
    ids = [fields.string(each, "contactperson_id") for each in asked]
    for id_ in ids:
        person = tx.get("contact_persons", id_)
        if person is None or person["customer_id"] != customer_id:
            raise unknown("contact_persons")
    return ids


def item_fields(asked: Doc) -> Doc:
    """The custom fields of one item, where a request gives it any."""
    given = fields.objects(asked, "item_custom_fields")
    return {"custom_fields": custom_fields([], given)} if given else {}


def custom_fields(old: list[Doc], new: list[Doc]) -> list[Doc]:
    """Custom fields by label (or by id); the last value of a label wins."""
    by_key = {each["key"]: each for each in old}
    for each in new:
        key = (
            fields.string(each, "label")
            or fields.string(each, "customfield_id")
            or fields.string(each, "api_name")
        )
        if not key:
            raise bad("custom_fields")
        by_key[key] = {"key": key, "value": fields.string(each, "value")}
    return list(by_key.values())
